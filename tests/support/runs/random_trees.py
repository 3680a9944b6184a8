"""Random runs for property tests: what happened to each span, the changes that tell of it, and what must remain.

What must remain is worked out here from the rules alone (final over abandoned over running, then the higher
revision; totals over the winners; a run named by its earliest parentless span, else its earliest orphan), without
the script and without the code that packs its accounts.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import orjson

from spantail.redaction import Redactor
from spantail_exporters.model.changes import Change
from spantail_exporters.model.event import dumps, encode_span_events, encode_state
from spantail_exporters.model.record import SpanEvent, SpanRecord
from spantail_exporters.model.update import update_of

if TYPE_CHECKING:
    from tests.support.runs.tape import Tape

_REDACTOR: Final = Redactor()
_RANK: Final = {"running": 0, "abandoned": 1}
_EXPECTED: Final = ("not_installed", "circuit_open", "budget")
_KINDS: Final = ("span", "llm_call", "llm_call", "layer", "operation")
_RUN_STATUS: Final = {"running": "running", "ok": "completed", "skipped": "completed", "error": "failed",
                      "cancelled": "cancelled", "abandoned": "abandoned"}  # fmt: skip


@dataclass(frozen=True)
class Reported:
    """One change of one span, with the whole state that it leads to."""

    change: Change
    state: dict[str, Any]
    writer: int

    @property
    def strength(self) -> tuple[int, int]:
        """Of two states of a span the stronger one stays."""
        return _RANK.get(self.state["status"], 2), self.state["rev"]


@dataclass
class Tree:
    """A run: per span its changes, in the order in which they came about."""

    run_id: str
    spans: dict[str, list[Reported]] = field(default_factory=dict)

    def winners(self) -> dict[str, dict[str, Any]]:
        """The state of each span that must remain, in whatever order all of it arrives."""
        return {span_id: max(reported, key=lambda one: one.strength).state for span_id, reported in self.spans.items()}


def random_tree(tape: Tape, run_id: str, *, writers: int = 3, sane_clocks: bool = True) -> Tree:
    """Up to 7 spans of several writers; some orphans, some without an end, some taken for dead."""
    tree = Tree(run_id)
    starts: list[int] = []
    for number in range(1 + tape.below(7)):
        parent, start = None, 1_000
        choice = tape.below(number + 3)
        if number and choice < number:
            parent, start = f"{choice + 1:016x}", starts[choice]
        elif choice > number + 1 or (number and choice > number):
            parent, start = f"{900 + tape.below(2):016x}", 500  # a parent that never comes
        start = start + 1 + tape.below(9) if sane_clocks else tape.below(40)
        starts.append(start)
        span_id = f"{number + 1:016x}"
        # no two starts alike: which of two equals names a run is not promised
        kind, owner = tape.pick(_KINDS), tape.below(writers)
        record = SpanRecord(
            run_id=run_id, span_id=span_id, parent_id=parent, name=f"{kind} {number}", start_us=start * 16 + number,
            end_us=None, attributes={"spantail.kind": kind}, service="app", runner=f"web-{owner}:1:1",
        )  # fmt: skip
        tree.spans[span_id] = _history(tape, record, owner)
    return tree


def _history(tape: Tape, record: SpanRecord, owner: int) -> list[Reported]:
    span_id, parent, start = record.span_id, record.parent_id, record.start_us
    kind: str = record.attributes["spantail.kind"]
    reported: list[Reported] = []
    rev = 0
    body: dict[str, Any] = {}
    noted = 0
    if not tape.chance(4):  # else it is over before it is told
        rev = 1
        state = encode_state(record, rev, _REDACTOR, event="_start")
        body = state.body
        reported.append(Reported(Change(span_id, parent or "", [dumps(body)], layers=state.layers), body, owner))
        for number in range(tape.below(4)):
            record = _moved(tape, record, number)
            rev += 1
            ts = start + 5 * rev
            state = encode_state(record, rev, _REDACTOR, event="_update", ts=ts, noted=noted)
            span_events = encode_span_events(state, state.noted - noted)
            update = update_of(state, body)
            events = span_events if update is None else [*span_events, dumps(update)]
            body, noted = state.body, state.noted
            if events:
                whole = dumps(body)
                change = Change(span_id, parent or "", events, len(span_events), layers=state.layers, state=whole)
                reported.append(Reported(change, body, owner))
        if tape.chance(4):
            reported.append(_abandonment(body))
    if tape.chance(4) and reported:
        return reported
    for _ in range(2 if tape.chance(6) else 1):  # another source may bring a second, later final state
        record = _ended(tape, record, kind)
        rev += 1
        state = encode_state(record, rev, _REDACTOR, noted=noted)
        span_events = encode_span_events(state, state.noted - noted)
        change = Change(
            span_id, parent or "", [*span_events, dumps(state.body)], len(span_events), state.account, state.layers
        )
        reported.append(Reported(change, state.body, owner))
        noted = state.noted
    return reported


def _moved(tape: Tape, record: SpanRecord, number: int) -> SpanRecord:
    changed: dict[str, Any] = {}
    span_events = record.span_events
    what = tape.below(3)
    if what != 1:
        changed = {f"a{tape.below(3)}": number, "b": number}
    if what != 0:
        count = 1 + tape.below(2)
        span_events += tuple(
            SpanEvent(record.start_us + len(span_events) + n, f"note {len(span_events) + n}", {"n": n})
            for n in range(count)
        )
    return replace(record, attributes={**record.attributes, **changed}, span_events=span_events)


def _ended(tape: Tape, record: SpanRecord, kind: str) -> SpanRecord:
    attributes = dict(record.attributes)
    how = tape.pick(("ok", "ok", "error", "skipped", "cancelled"))
    if how in ("skipped", "cancelled"):
        attributes["spantail.status"] = how
    if kind == "llm_call":
        attributes["spantail.backend"] = tape.pick(("claude_cli", "langchain"))
        if tape.below(2):
            attributes["gen_ai.usage.input_tokens"] = tape.below(100)
            attributes["gen_ai.usage.output_tokens"] = tape.below(100)
        if tape.below(2):
            attributes["spantail.cost_usd"] = tape.below(200) * 1.7e-6
        if tape.chance(3):
            attributes["spantail.fallback.from"] = tape.pick(("claude_cli", "openrouter"))
            attributes["spantail.fallback.reason"] = tape.pick((*_EXPECTED, "timeout"))
    end = record.start_us + 100 + tape.below(50)
    return replace(record, attributes=attributes, end_us=end, failed=how == "error")


def _abandonment(held: dict[str, Any]) -> Reported:
    state = {**held, "status": "abandoned", "event": f"{held['kind']}_abandoned", "end": held["start"] + 90,
             "abandoned": {"reason": "runner_died", "last_heartbeat": held["start"] + 90}}  # fmt: skip
    return Reported(Change(held["span_id"], held["parent_id"] or "", [dumps(state)]), state, 9)


def expected_totals(winners: dict[str, dict[str, Any]]) -> dict[str, int]:
    """The sums per backend over the winners, without those that are zero; a call around another one counts nothing."""
    totals: Counter[str] = Counter()
    calls = [state for state in winners.values() if state["kind"] == "llm_call" and state["status"] not in _RANK]
    wrappers = {span_id for call in calls for span_id in _above(call, winners)}
    for state in calls:
        if state["span_id"] in wrappers:
            continue
        base = f"b:{state.get('backend', 'unknown')}:"
        tokens = state.get("tokens", {})
        used = bool(tokens) or state.get("cost_usd", 0) > 0
        totals[base + "calls"] += used or state["status"] != "skipped"
        totals[base + "errors"] += state["status"] == "error"
        totals[base + "input"] += tokens.get("input", 0)
        totals[base + "output"] += tokens.get("output", 0)
        totals[base + "nano"] += round(state.get("cost_usd", 0) * 1e9)
        totals[base + "unpriced"] += "cost_usd" not in state and (
            state["status"] not in ("error", "skipped") or bool(tokens)
        )
        if "fallback_from" in state:
            expected = "expected_" if state.get("fallback_reason") in _EXPECTED else ""
            totals[f"b:{state['fallback_from']}:{expected}fallbacks"] += 1
    return {name: value for name, value in totals.items() if value}


def _above(state: dict[str, Any], winners: dict[str, dict[str, Any]]) -> list[str]:
    """The spans above one, as far as they are known."""
    above: list[str] = []
    parent = winners.get(state["parent_id"] or "")
    while parent is not None and parent["span_id"] not in above:
        above.append(parent["span_id"])
        parent = winners.get(parent["parent_id"] or "")
    return above


def expected_root(winners: dict[str, dict[str, Any]]) -> str:
    """The span that names the run."""
    tops = [s for s in winners.values() if s["parent_id"] is None or s["parent_id"] not in winners]
    first: str = min(tops, key=lambda s: (s["parent_id"] is not None, s["start"]))["span_id"]
    return first


def expected_meta(winners: dict[str, dict[str, Any]]) -> dict[str, str]:
    """What the run's summary must say."""
    statuses = Counter(state["status"] for state in winners.values())
    root = winners[expected_root(winners)]
    return {
        "open": str(statuses["running"]),
        "spans": str(len(winners)),
        "errors": str(statuses["error"]),
        "root": root["span_id"],
        "root_start": str(root["start"]),
        "root_orphan": str(int(root["parent_id"] is not None)),
        # without a root a run goes on until it has been silent for a minute
        "status": "running" if root["parent_id"] is not None else _RUN_STATUS[root["status"]],
    }


def parsed(state: dict[str, Any]) -> dict[str, Any]:
    """A state as it comes out of Redis."""
    plain: dict[str, Any] = orjson.loads(dumps(state))
    return plain
