"""Which state of a span stays, and what an event makes of it. Pure.

The rule of the wire format, per span: final over abandoned over running, then the higher `rev`. The run script has its
own copy (`scripts/append/fold.lua`), and so has the page (`frontend/src/fold.ts`); all are held to
`tests/golden/rules/fold.json`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

RUNNING, ABANDONED, FINAL = 0, 1, 2
NOT_FINAL: Final = frozenset({"running", "abandoned"})
"""Statuses below `FINAL`; every other one is."""
_BY_NAME: Final = ("attributes", "tokens")
_UPDATE: Final = "_update"
_REVIVED: Final = "_revived"
_CHANGES: Final = frozenset(
    {"_start", _UPDATE, "_complete", "_error", "_skip", "_cancelled", "_abandoned", _REVIVED}
)  # fmt: skip


def rank(status: object) -> int:
    """Rank a status: `RUNNING` (also what says nothing), `ABANDONED` or `FINAL`."""
    return RUNNING if status in (None, "running") else ABANDONED if status == "abandoned" else FINAL


def compare(event: Mapping[str, Any], held: Mapping[str, Any]) -> int:
    """Compare an event that changes a span's state with the state that is held of the span.

    A runner that was thought dead and came back (`_revived`) is the one case in which a lower rank wins.

    Returns:
        Above 0 where the event wins. 0 where it repeats the state: a writer drops it, a reader may take it once more.
        Below 0 where it loses and changes nothing.
    """
    held_rank = rank(held.get("status"))
    by_rank = rank(event.get("status")) - held_rank
    if by_rank:
        return 1 if held_rank == ABANDONED and str(event.get("event")).endswith(_REVIVED) else by_rank
    by_revision: int = event.get("rev", -1) - held.get("rev", -1)
    return by_revision


def changes_state(event: str, kind: str) -> bool:
    """Whether an event of this name changes the state of a span of this kind.

    A span event of an application may end in `_error` too: only the span's own kind and a known suffix is a change.
    """
    return event.startswith(kind) and event[len(kind) :] in _CHANGES


def merged(held: Mapping[str, Any], event: Mapping[str, Any]) -> dict[str, Any]:
    """Return the state that an event makes of the one that is held, which stays as it is (see `merge`)."""
    made = {name: dict(value) if name in _BY_NAME and value is not None else value for name, value in held.items()}
    merge(made, event)
    return made


def merge(state: dict[str, Any], event: Mapping[str, Any]) -> None:
    """Change a state by an event that does not lose to it.

    An update says what is new: what it does not say is unchanged, attributes and tokens are merged by their names.
    Every other change brings all there is: what it does not say is unknown.
    """
    is_update = str(event.get("event")).endswith(_UPDATE)
    was_abandoned = state.get("status") == "abandoned" and event.get("status") != "abandoned"
    is_corrected = was_abandoned or state.get("corrected") is True
    if is_update and rank(event.get("status")) == RUNNING:
        known = {name: state[name] for name in _BY_NAME if state.get(name) is not None}
        span_events = state.get("span_events")
        state.update(event)
        for name, values in known.items():
            values.update(event.get(name) or ())
            state[name] = values
        state["end"] = event.get("end")
        if len(span_events or ()) > len(event.get("span_events") or ()):
            state["span_events"] = span_events
    else:
        state.clear()
        state.update(event)
    if is_corrected:
        state["corrected"] = True
