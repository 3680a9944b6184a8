"""LLM calls that events report, as spans: one span for each attempt, with backend, tokens, cost and reason."""

from __future__ import annotations

import functools
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from spantail import attributes as keys
from spantail.adapters.costs import ReportedCall, ReportedCosts
from spantail.adapters.event_names import COMPLETE, ERROR, FALLBACK, SKIP, START
from spantail.adapters.failures import fail
from spantail.adapters.fields import Failure, cost_in, duration_ns, take_failure, take_text, take_tokens
from spantail.adapters.steps import start_before, where_now
from spantail.llm import llm_call

if TYPE_CHECKING:
    from collections.abc import Callable

    from spantail.adapters.steps import OpenStep, Steps
    from spantail.llm import LlmCall
    from spantail.scopes.scope import Scope

_CALL_ID: Final = ("call_id", "llm_call_id", "request_id")
_MODEL: Final = ("model", "model_name")
_FROM: Final = ("from_backend", "fallback_from", "original_backend", "primary_backend", "primary", "from")
_TO: Final = ("to_backend", "fallback_to", "fallback_backend", "fallback", "to", "backend")
_IDENTITY: Final = ("step_name", "step", "job_id", "layer", "layer_name", "tier", "attempt")
"""What distinguishes two calls without an id that are open at the same time."""
_MOST_FALLBACKS: Final = 1_000


class Fallback(NamedTuple):
    """What an event reported about the next attempt."""

    from_backend: str
    to_backend: str
    reason: str
    attempt: int
    time_ns: int


class Calls:
    """The LLM calls of one run.

    Args:
        steps: Where their spans stand.
        costs: The costs that they reported.
        note: Adds a span event to what is current in the run.
        now_ns: The time, in nanoseconds since 1970.
    """

    def __init__(
        self,
        steps: Steps,
        costs: ReportedCosts,
        note: Callable[[str, dict[str, Any]], None],
        now_ns: Callable[[], int],
    ) -> None:
        self._steps = steps
        self._costs = costs
        self._note = note
        self._now_ns = now_ns
        self._fallbacks: dict[object, Fallback] = {}

    def write(self, action: str, fields: dict[str, Any]) -> None:
        """Write what one event reports about a call.

        Args:
            action: The second part of the event's name.
            fields: Its data; what is read is taken out of it.
        """
        if action == START:
            self._start(fields)
        elif action == FALLBACK:
            self._fall_back(fields)
        else:
            call = self._find(fields) or self._start(fields, ended=True)
            self._end(call, action, fields)

    def reported(self, event: str, cost: Decimal, fields: dict[str, Any]) -> None:
        """Write a call that is known only from an event of another kind, such as `job_scored` with a cost."""
        call = self._start(fields, ended=True)
        self._end(call, COMPLETE, {**fields, "event": event, "cost_usd": cost}, remember=False)

    def _start(self, fields: dict[str, Any], *, ended: bool = False) -> OpenStep:
        """Begin a call; `ended` where the first event that is seen of it reports its end."""
        rest = dict(fields)
        call_id = take_text(rest, *_CALL_ID)
        backend, model = take_text(rest, "backend"), take_text(rest, *_MODEL)
        identity = {name: rest[name] for name in _IDENTITY if name in rest}
        fallback = self._take_fallback(backend)
        attempt = _whole(rest.pop("attempt", None)) or (fallback.attempt if fallback else 1)
        began_ns = start_before(duration_ns(rest)) if ended else None
        if ended and began_ns is None and fallback is not None:
            began_ns = fallback.time_ns
        if ended:
            rest = {}
        scope = llm_call(
            backend=backend or (fallback.to_backend if fallback else ""),
            model=model,
            provider=take_text(rest, "provider") or None,
            tier=take_text(rest, "tier") or None,
            attempt=attempt,
            fallback_from=fallback.from_backend if fallback else None,
            fallback_reason=fallback.reason if fallback else None,
            attributes=rest,
            reported=True,
        )
        labels = (call_id,) if call_id else ()
        known = {"backend": backend, "model": model, "attempt": attempt, "identity": identity}
        return self._steps.begin(keys.KIND_LLM_CALL, labels, scope, known, start_ns=began_ns)

    def _find(self, fields: dict[str, Any]) -> OpenStep | None:
        """Find the open call that an event is about: by its id, else one that nothing in the event contradicts."""
        call_id = next((str(fields[name]) for name in _CALL_ID if name in fields), "")
        if call_id:
            return self._steps.find(lambda step: step.kind == keys.KIND_LLM_CALL and call_id in step.labels)
        backend = fields.get("backend")

        def fits(step: OpenStep, *, exact: bool) -> bool:
            if step.kind != keys.KIND_LLM_CALL or step.labels:
                return False
            if backend and step.fields["backend"] and step.fields["backend"] != str(backend):
                return False
            identity = step.fields["identity"]
            shared = [(name, value) for name, value in identity.items() if name in fields]
            agree = all(fields[name] == value for name, value in shared)
            return agree and (not exact or bool(shared))

        return self._steps.find(functools.partial(fits, exact=True)) or self._steps.find(
            functools.partial(fits, exact=False)
        )

    def _end(self, step: OpenStep, action: str, fields: dict[str, Any], *, remember: bool = True) -> None:
        for name in (*_CALL_ID, "attempt"):
            fields.pop(name, None)
        backend = take_text(fields, "backend") or step.fields["backend"]
        cost = cost_in(fields)
        if cost is not None:
            fields.pop("cost_usd", None)
            fields.pop("cost", None)
        failure = take_failure(fields) if action in {ERROR, FALLBACK} else None
        reason = take_text(fields, "reason") if action == SKIP else ""

        def say(scope: Scope) -> None:
            call: LlmCall = scope  # type: ignore[assignment]
            _say(call, step, backend, cost, fields)
            if failure is not None:
                fail(call, failure)
            elif action == SKIP:
                call.skip(reason or "no reason was reported")

        self._steps.end(step, say)
        if remember:
            self._remember(step.scope, backend, is_reported=cost is not None)

    def _remember(self, scope: Scope, backend: str, *, is_reported: bool) -> None:
        attributes = getattr(scope.span, "attributes", None) or {}
        usd = attributes.get(keys.COST_USD)
        if isinstance(usd, float) and usd > 0:
            self._costs.add(ReportedCall(Decimal(str(usd)), is_reported, backend, where_now()))

    def _fall_back(self, fields: dict[str, Any]) -> None:
        from_backend = take_text(fields, *_FROM)
        to_backend = take_text(fields, *_TO)
        reason = take_text(fields, "reason", "fallback_reason")
        failure = take_failure(fields)
        reason = reason or failure.message or "no reason was reported"
        step = self._steps.find(
            lambda step: (
                step.kind == keys.KIND_LLM_CALL
                and (not from_backend or step.fields["backend"] in {"", from_backend})
                and step.where == where_now()
            )
        )
        attempt = 1
        if step is not None:
            from_backend = from_backend or step.fields["backend"]
            attempt = step.fields["attempt"]
            end = {"backend": from_backend, **{name: fields.pop(name) for name in ("cost_usd",) if name in fields}}
            self._end(step, FALLBACK, {**end, "error": Failure(failure.type, reason, failure.traceback)._asdict()})
        self._fallbacks[where_now()] = Fallback(from_backend, to_backend, reason, attempt + 1, self._now_ns())
        if len(self._fallbacks) > _MOST_FALLBACKS:
            self._fallbacks.pop(next(iter(self._fallbacks)))
        known = {keys.FALLBACK_FROM: from_backend or None, keys.FALLBACK_TO: to_backend or None}
        self._note(keys.EVENT_FALLBACK, {**known, keys.FALLBACK_REASON: reason, **fields})

    def _take_fallback(self, backend: str) -> Fallback | None:
        """Take what was reported about the attempt that begins now; None where it does not follow a fallback."""
        fallback = self._fallbacks.get(where_now())
        if fallback is None or (backend and fallback.to_backend and backend != fallback.to_backend):
            return None
        return self._fallbacks.pop(where_now())


def _say(call: LlmCall, step: OpenStep, backend: str, cost: Decimal | None, fields: dict[str, Any]) -> None:
    """Write what is known of a call at its end."""
    model = take_text(fields, *_MODEL)
    if backend and not step.fields["backend"]:
        call.set(keys.BACKEND, backend)
    if model:
        call.response(model=model)
    if tier := take_text(fields, "tier"):
        call.set(keys.TIER, tier)
    if provider := take_text(fields, "provider"):
        call.set(keys.GEN_AI_PROVIDER_NAME, provider)
    if tokens := take_tokens(fields):
        call.usage(**tokens)  # type: ignore[arg-type]
    if cost is not None and (cost > 0 or not tokens):
        call.cost(cost)
    for name, value in fields.items():
        call.set(name, value)


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
