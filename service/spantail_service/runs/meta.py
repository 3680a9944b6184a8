"""What Redis keeps about a run, read into plain values (pure)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from spantail.pricing import NANO
from spantail_exporters.model.run_script import unquoted
from spantail_service.errors import InputRefusedError
from spantail_service.runs.sources import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spantail_service.runs.sources import RunSource

_RUN_ID = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_SPAN_ID = re.compile(r"[0-9a-f]{16}")
_MOST_BACKENDS = 100
_OTHER_BACKENDS = "other"
_BACKEND_LENGTH = 100  # characters
_NO_MODELS: Final[dict[str, dict[str, int]]] = {}
_OF_MODELS = re.compile(rb"m:(.*):(calls|errors)", re.DOTALL)
_RUNNER_COLONS = 2  # a runner is host:pid:start, and its writer adds an id of its own

STATUS_BY_ROOT: Final = {
    "ok": "completed",
    "skipped": "completed",
    "error": "failed",
    "cancelled": "cancelled",
    "abandoned": "abandoned",
}
"""A run's final status by that of its root, as the run script says it."""

OPEN_STATUSES: Final = ("queued", "running")
"""The statuses of an operation that has not ended."""

SILENCE_US = 60_000_000
"""After so much silence a run without heartbeats is stale, and one whose root is not here has settled."""


def parse_run_id(text: str) -> str:
    """The canonical run id: 32 lower-case hex digits, from those or from a dashed UUID, in either case.

    Raises:
        InputRefusedError: it is anything else. Nothing unchecked becomes part of a Redis key.
    """
    lowered = text.lower()
    if _RUN_ID.fullmatch(lowered):
        run_id = lowered.replace("-", "")
        if run_id != "0" * 32:  # W3C Trace Context: an all-zero trace id is invalid
            return run_id
    raise InputRefusedError("A run id is 32 hex digits, or a UUID with dashes.", kind="malformed-run-id")


def parse_span_id(text: str) -> str:
    """The canonical span id, 16 lower-case hex digits.

    Raises:
        InputRefusedError: it is anything else.
    """
    lowered = text.lower()
    if _SPAN_ID.fullmatch(lowered) and lowered != "0" * 16:
        return lowered
    raise InputRefusedError("A span id is 16 hex digits.", kind="malformed-span-id")


class RunMeta(NamedTuple):
    """The hash `logs:{run_id}:meta`. Times are microseconds since the epoch; `None` is unknown."""

    status: str
    next_index: int
    first_index: int
    epoch: str | None
    expected: int | None
    """The next `seq` at the moment the run settled; `None` while it is not settled."""
    root: str | None
    start: int | None
    end: int | None
    open: int
    spans: int
    errors: int
    backends: dict[str, dict[str, Any]]
    dropped: dict[str, int]
    abandoned: int = 0
    """Spans that are abandoned now: what was corrected since is not among them."""
    corrected: int = 0
    """Spans that had been declared abandoned and were heard of again."""
    maybe_incomplete: bool = False
    """A process died in the middle of it, which can take what was handed over in its last 100 ms."""
    stale: bool = False
    """Spans are open, nothing was heard for a minute, and no process gives heartbeats for them."""
    operation: str | None = None
    """What the service that started the run calls it, else the name of its root."""
    pinned: bool = False
    """It is kept until somebody says otherwise."""
    imported: bool = False
    """It came in by an import: what it cost was spent elsewhere."""
    models: dict[str, dict[str, int]] = _NO_MODELS
    """Calls and errors by model, of the calls whose model is known."""

    @property
    def marks(self) -> dict[str, Any]:
        """What a reader should know before trusting the figures, as it is shown with the run."""
        return {
            "abandoned": self.abandoned,
            "corrected": self.corrected,
            "maybe_incomplete": self.maybe_incomplete,
            "stale": self.stale,
        }


def runner_of(writer: str) -> str | None:
    """The runner `host:pid:start` whose writer this is; `None` for a writer that gives no heartbeats."""
    runner, _, _ = writer.rpartition(":")
    return runner if runner.count(":") == _RUNNER_COLONS else None


def parse_meta(fields: Mapping[bytes, bytes], now_us: int) -> RunMeta | None:
    """Read a run's meta hash; `None` when it is empty, which is how Redis says that it is not there.

    `now_us` is the present, for what silence alone says of a run: staleness, and the end of a run whose root
    is not here, which no event can show.
    """
    if b"next" not in fields:
        return None
    number = fields.get
    booked: dict[str, dict[str, int]] = {}
    models: dict[str, dict[str, int]] = {}
    dropped: dict[str, int] = {}
    has_heartbeats = False
    for field, value in fields.items():
        if field.startswith(b"b:"):
            backend, _, what = field[2:].decode("utf-8", "replace").rpartition(":")
            booked.setdefault(backend, {})[what] = int(value)
        elif field.startswith(b"m:"):
            if (found := _OF_MODELS.fullmatch(field)) is not None:
                model = found[1].decode("utf-8", "replace")[:_BACKEND_LENGTH]
                figures = models.setdefault(model, {"calls": 0, "errors": 0})
                figures[found[2].decode()] += int(value)
        elif field.startswith(b"drop:"):
            if count := int(value):  # 0 when what was counted as lost was stored again
                dropped[field[5:].decode("utf-8", "replace")] = count
        elif field.startswith(b"w:") and not has_heartbeats:
            has_heartbeats = runner_of(field[2:].decode("utf-8", "replace")) is not None
    status = number(b"status", b"running").decode()
    next_index = int(fields[b"next"])
    expected = _maybe(number(b"expected"))
    root = number(b"root", b"").decode() or None
    still_open = int(number(b"open", b"0"))
    abandoned = int(number(b"abandoned", b"0"))
    corrected = int(number(b"corrected", b"0"))
    # a runner that was thought dead and came back has lost nothing
    maybe_incomplete = number(b"maybe_incomplete") == b"1" and (abandoned > 0 or corrected == 0)
    is_silent = now_us - int(number(b"last", b"0")) >= SILENCE_US
    has_no_root = root is None or number(b"root_orphan") == b"1"
    if has_no_root and expected is None and still_open == 0 and (is_silent or b"imported" in fields):
        expected = next_index  # as a reaper is about to write it, see `append/status.lua`
        if status == "running":
            # without any span nobody ever said how it ended
            status = STATUS_BY_ROOT.get(number(b"root_status", b"").decode(), "abandoned")
    return RunMeta(
        status=status,
        next_index=next_index,
        first_index=int(number(b"first", b"0")),
        epoch=number(b"epoch", b"").decode() or None,
        expected=expected,
        root=root,
        start=_maybe(number(b"root_start")),
        end=_maybe(number(b"end")),
        open=still_open,
        spans=int(number(b"spans", b"0")),
        errors=int(number(b"errors", b"0")),
        backends=_backends(booked),
        dropped=dropped,
        abandoned=abandoned,
        corrected=corrected,
        maybe_incomplete=maybe_incomplete,
        stale=still_open > 0 and is_silent and not has_heartbeats and status != "queued",
        operation=unquoted(number(b"operation", b"").decode("utf-8", "replace")) or None,
        pinned=b"pinned" in fields,
        imported=b"imported" in fields,
        models={model: figures for model, figures in models.items() if any(figures.values())},
    )


_NO_MARKS = {"abandoned": 0, "corrected": 0, "maybe_incomplete": False, "stale": False}


def _backends(booked: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, Any]]:
    """The totals of each backend. Every frame carries them: so names are cut, and those beyond some are one."""
    backends: dict[str, dict[str, Any]] = {}
    for backend, amounts in booked.items():
        if not any(amounts.values()):
            continue  # all of it was taken back: of a wrapper that came before its call
        name = backend[:_BACKEND_LENGTH]
        if name not in backends and len(backends) >= _MOST_BACKENDS:
            name = _OTHER_BACKENDS
        totals = backends.setdefault(name, _no_calls())
        for what, amount in amounts.items():
            if what == "nano":
                totals["cost_nano"] += amount
                totals["cost_usd"] = totals["cost_nano"] / NANO
            elif what in totals["tokens"]:
                totals["tokens"][what] += amount
            else:
                totals[what] = totals.get(what, 0) + amount
    return backends


def parse_models(fields: Mapping[bytes, bytes]) -> dict[str, dict[str, int]]:
    """Read from a run's meta hash what its calls come to by model, of those whose model is known.

    Returns:
        `calls`, `errors`, `unpriced`, `input`, `output` and `nano` (nano-USD), as far as they are not 0.
    """
    models: dict[str, dict[str, int]] = {}
    for field, value in fields.items():
        if field.startswith(b"m:") and (amount := int(value)):
            model, _, what = field[2:].decode("utf-8", "replace").rpartition(":")
            into = models.setdefault(model[:_BACKEND_LENGTH], {})
            into[what] = into.get(what, 0) + amount
    return models


def _no_calls() -> dict[str, Any]:
    return {
        "calls": 0,
        "errors": 0,
        "fallbacks": 0,
        "expected_fallbacks": 0,
        "unpriced": 0,
        "tokens": {"input": 0, "output": 0},
        "cost_usd": 0.0,
        "cost_nano": 0,
    }


def _maybe(value: bytes | None) -> int | None:
    return int(value) if value else None


class RunState(NamedTuple):
    """The JSON `run:{run_id}` that the service keeps for the operations it starts."""

    operation: str
    status: str
    created: int
    demo: bool

    @property
    def is_open(self) -> bool:
        """Whether the operation waits or runs."""
        return self.status in OPEN_STATUSES


def parse_state(text: bytes | None) -> RunState | None:
    """Read a run state; `None` when there is none or it cannot be read (it is not ours then)."""
    if not text:
        return None
    try:
        state = orjson.loads(text)
        return RunState(
            operation=str(state["operation"]),
            status=str(state["status"]),
            created=int(state["created"]),
            demo=bool(state.get("demo", False)),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def summary(
    run_id: str,
    meta: RunMeta | None,
    state: RunState | None,
    root: Mapping[str, Any] | None,
    source: RunSource = UNKNOWN,
) -> dict[str, Any]:
    """One run as the list shows it. At least one of `meta` and `state` must be known."""
    backends = meta.backends if meta else {}
    nano = sum(totals["cost_nano"] for totals in backends.values())
    attributes = (root or {}).get("attributes") or {}
    name = attributes.get("spantail.run.name") or (root or {}).get("name")
    return {
        "run_id": run_id,
        "name": name or (state.operation if state else run_id),
        "operation": meta.operation if meta and meta.operation else state.operation if state else None,
        "status": meta.status if meta else state.status if state else "running",
        "start": meta.start if meta and meta.start else state.created if state else None,
        "end": meta.end if meta else None,
        "spans": meta.spans if meta else 0,
        "open": meta.open if meta else 0,
        "errors": meta.errors if meta else 0,
        "cost_usd": nano / NANO,
        "cost_nano": nano,
        "unpriced": sum(totals["unpriced"] for totals in backends.values()),
        "fallbacks": sum(totals["fallbacks"] for totals in backends.values()),
        "backends": backends,
        "models": meta.models if meta else {},
        "service": (root or {}).get("service"),
        "environment": source.environment,
        "version": source.version,
        "dropped": meta.dropped if meta else {},
        **(meta.marks if meta else _NO_MARKS),
        "demo": bool(state.demo) if state else False,
        "pinned": meta.pinned if meta else False,
        "imported": meta.imported if meta else False,
    }
