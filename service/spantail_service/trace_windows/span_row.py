"""What the index knows of one span, read from its state or from an event that changes it (pure)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from spantail.attributes import EXPECTED_REASONS
from spantail.pricing import NANO
from spantail_exporters.model.rules.fold import FINAL, changes_state, rank
from spantail_exporters.model.rules.wrapping import has_account

if TYPE_CHECKING:
    from collections.abc import Mapping

RUNNING: Final = 1
ABANDONED: Final = 2
ERROR: Final = 4
LLM: Final = 8  # it has an account: an ended call, or a span that tells what calls within it came to
PRICED: Final = 16
UNPRICED: Final = 32
CUT: Final = 64  # its parent is below it, and was left out
CONSUMER: Final = 128  # it took a message: whatever sent it may be long over
WAITS: Final = 256  # in a queue
CALL: Final = 512  # an LLM call that was not skipped
FELL_BACK: Final = 1024  # a call that was made because another backend had failed

NOT_ENDED: Final = -1


class SpanRow(NamedTuple):
    """One span. Ids are numbers; times are microseconds since the epoch."""

    span_id: int
    parent_id: int
    """0: it has none."""
    start: int
    end: int
    """`NOT_ENDED` while that is unknown."""
    rev: int
    flags: int
    cost_nano: int
    """In nano-USD, 0 where it is unknown."""
    service: str | None = None
    runner: str | None = None
    """The process that it is of."""


def row_of(state: Mapping[str, Any]) -> SpanRow | None:
    """Read a state; None where it is none: it has no id."""
    try:
        span_id = int(state["span_id"], 16)
        parent = state.get("parent_id")
        parent_id = int(parent, 16) if parent else 0
    except (KeyError, TypeError, ValueError):
        return None
    status = state.get("status")
    kind = state.get("kind")
    start, end, service, runner = state.get("start"), state.get("end"), state.get("service"), state.get("runner")
    is_call = kind == "llm_call"
    flags, cost = CONSUMER if state.get("span_kind") == "consumer" else 0, None
    if status == "ok" and not is_call and "account" not in state and type(start) is int and type(end) is int:
        if kind == "queue":
            flags |= WAITS
        return SpanRow(span_id, parent_id, start, end, state.get("rev", -1), flags, 0, service, runner)  # most spans
    flags |= _flags_of(state, status, kind)
    if is_call or flags & LLM:
        cost = _cost_nano(state if is_call else state["account"])
        if cost is not None:
            flags |= PRICED
        elif not is_call or _is_unpriced(state):
            flags |= UNPRICED
    return SpanRow(
        span_id,
        parent_id,
        start if isinstance(start, int) else state.get("ts") or 0,
        end if isinstance(end, int) else NOT_ENDED,
        state.get("rev", -1),
        flags,
        cost or 0,
        service,
        runner,
    )


def _flags_of(state: Mapping[str, Any], status: Any, kind: Any) -> int:
    flags = 0
    level = rank(status)
    if level == FINAL:
        if status == "error":
            flags = ERROR
        if has_account(state) and _was_asked(state):
            flags |= LLM
    else:
        flags = ABANDONED if level else RUNNING
    if kind == "queue":
        flags |= WAITS
    elif kind == "llm_call" and status != "skipped":
        flags |= CALL
        reason = state.get("fallback_reason")
        if (reason is not None or state.get("fallback_from") is not None) and reason not in EXPECTED_REASONS:
            flags |= FELL_BACK
    return flags


def changed_row(event: Mapping[str, Any]) -> SpanRow | None:
    """Read an event of the tail that changes a span's state; None of any other."""
    name = event.get("event")
    if name == "log" or not isinstance(name, str) or not changes_state(name, str(event.get("kind", "span"))):
        return None
    return row_of(event)


def level_of(flags: int) -> int:
    """Rank a row as `rank` does its status."""
    return FINAL if not flags & (RUNNING | ABANDONED) else 1 if flags & ABANDONED else 0


def _cost_nano(stated: Mapping[str, Any]) -> int | None:
    nano = stated.get("cost_nano")
    if isinstance(nano, int):
        return nano
    usd = stated.get("cost_usd")
    return round(usd * NANO) if isinstance(usd, int | float) else None


def _is_unpriced(state: Mapping[str, Any]) -> bool:
    lacks_none = state.get("status") in ("error", "skipped") and state.get("tokens") is None
    return state.get("cost_source") == "unpriced" and not lacks_none


def _was_asked(state: Mapping[str, Any]) -> bool:
    return state.get("status") != "skipped" or state.get("tokens") is not None or (_cost_nano(state) or 0) > 0
