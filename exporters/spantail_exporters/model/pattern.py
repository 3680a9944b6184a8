"""States of spans that are alike: the text of one is kept, and what differs is filled in for the others. Pure.

Most spans of one name differ in ids, times, and values that nobody looks at. `encode_state` writes the first of them;
a `Pattern` is what it wrote, with gaps. So there is one place that decides what an event says, and it need not decide
the same for every span.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import orjson

from spantail import attributes as key
from spantail.redaction import TRUNCATED_KEY
from spantail_exporters.dialects.older_names import OLDER_NAMES
from spantail_exporters.dialects.understand import is_foreign
from spantail_exporters.model.attempt import TOKENS
from spantail_exporters.model.rules.account import account_parts
from spantail_exporters.model.rules.money import amount, nano_of
from spantail_exporters.model.rules.whole_numbers import MOST_TOKENS
from spantail_exporters.model.sessions import SESSION_ATTRIBUTES, SESSION_FIELD, with_sessions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from spantail_exporters.model.event import Encoded
    from spantail_exporters.model.record import SpanRecord

_COUNTS: Final = frozenset(attribute for _, attribute in TOKENS)
_COSTS: Final = frozenset({key.COST_USD, key.GEN_AI_USAGE_COST})
_COPIED: Final = frozenset(
    {
        *SESSION_ATTRIBUTES, key.USER_ID, key.RUN_NAME, key.STREAM_CHUNKS, key.COST_ESTIMATE_USD,
        key.GEN_AI_RESPONSE_ID, key.GEN_AI_RESPONSE_FINISH_REASONS, key.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK,
        key.GEN_AI_TOOL_CALL_ID, key.BUDGET_SPENT_USD, key.BUDGET_RESERVED_USD,
    }
)  # fmt: skip
"""Names of ours whose values differ from span to span, and change nothing but themselves, and the sessions."""
_OURS: Final = frozenset(value for name, value in vars(key).items() if name.isupper() and isinstance(value, str))
_LOOKED_AT: Final = (_OURS | OLDER_NAMES.keys()) - _COPIED
_SAME: Final = frozenset(
    {
        "rev", "status", "noted", "event", "name", "kind", "service", "runner", "resource", "scope", "span_kind",
        "flags", "status_code", "backend", "tier", "model", "cost_source", "cost_note", "attempt", "fallback_from",
        "fallback_reason", "error",
    }
)  # fmt: skip
"""Fields that are the same in all states of a pattern, for what they are made of is."""
_FILLED: Final = ("start", "ts", "run_id", "span_id", "parent_id", "end")
_FILLED_IF_THERE: Final = ("ns", "cost_usd", "cost_nano", "tokens")
_WITHIN_QUOTES: Final = ("run_id", "span_id")
_SAFE_DIGITS: Final = len(str(MOST_TOKENS)) - 1
_MARK: Final = "\ue000"  # it is for private use: what has it in its own texts makes no pattern


def is_copied(name: str, value: object) -> bool:
    """Whether a state of a finished span only repeats this value, or adds it up, whatever it is.

    Of all other attributes states are alike where the values are the same too. The value is one that a redactor leaves
    as it is.
    """
    if name not in _LOOKED_AT:
        return True
    if name in _COUNTS:
        return type(value) is int and 0 <= value <= MOST_TOKENS
    if name in _COSTS:
        return amount(value) is not None
    return False


class Pattern:
    """The text that states of finished spans have in common, with gaps.

    Their attributes have the same names, in this order. They come from the same resource and scope, the values that are
    not `is_copied` are the same, and so is all that is beside the attributes but ids and times.
    """

    __slots__ = ("_account", "_cost_at", "_counts_at", "_pieces", "_read_at", "_sessions_at", "_sources", "has_ns")

    def __init__(self, state: Encoded, varying: Sequence[str], pieces: Sequence[bytes]) -> None:
        """See `pattern_of`, which says whether there is one."""
        at = {name: place for place, name in enumerate(varying)}
        body, tokens = state.body, state.body.get("tokens", {})
        self.has_ns = "ns" in body
        self._pieces = [part for piece in pieces for part in (piece, b"")][:-1]  # a gap between each two
        self._counts_at = [at[attribute] for count, attribute in TOKENS if count in tokens]
        self._read_at = [at[attribute] if count in tokens else None for count, attribute in TOKENS[:2]]
        self._cost_at = _cost_at(at) if "cost_usd" in body else None
        self._account = account_parts(state.account) if state.account else None
        self._sessions_at = [(name, at[name]) for name in SESSION_ATTRIBUTES if name in at]
        self._sources = state.sources  # the same object for all, as it is without patterns
        if self._sessions_at:
            own = {field: entry for field, entry in state.sources.items() if not field.startswith(SESSION_FIELD)}
            self._sources = own

    def fill(  # noqa: PLR0917 - by position: this runs for every span
        self,
        run_id: bytes,
        span_id: bytes,
        parent_id: bytes,
        start_us: int,
        end_us: int,
        ns: tuple[int, int],
        values: Sequence[bytes],
    ) -> tuple[bytes, str, Mapping[str, bytes]] | None:
        """Write a state as `dumps` writes what `encode_state` makes of it; with it, its account and its sources.

        Args:
            run_id: Its trace id in hex.
            span_id: Its own id in hex.
            parent_id: That of its parent; empty where it has none.
            start_us: When it began.
            end_us: When it ended.
            ns: The nanoseconds beyond these two; both are 0 where, and only where, the pattern says so (`has_ns`).
            values: Those that vary, redacted, as JSON.

        Returns:
            None where it is none of the pattern: it has a count or a cost that is none.
        """
        end = b"%d" % end_us
        gaps = [
            b"%d" % start_us, end, run_id, span_id, b'"%b"' % parent_id if parent_id else b"null", end,
        ]  # fmt: skip
        if self.has_ns:
            gaps.append(b"[%d,%d]" % ns)
        nano = 0
        if self._cost_at is not None:
            cost = amount(float(values[self._cost_at]))
            if cost is None:
                return None
            nano = nano_of(cost)
            gaps += (values[self._cost_at], b"%d" % nano)
        for place in self._counts_at:
            count = values[place]
            if len(count) > _SAFE_DIGITS:
                return None
            gaps.append(count)
        gaps += values
        account = ""
        if self._account is not None:
            head, tail = self._account
            read, written = self._read_at
            account = (
                f"{head} {'0' if read is None else values[read].decode()}"
                f" {'0' if written is None else values[written].decode()} {nano} {tail}"
            )
        sources = self._sources
        if self._sessions_at:
            sources = with_sessions(sources, {name: orjson.loads(values[at]) for name, at in self._sessions_at})
        pieces = self._pieces.copy()
        pieces[1::2] = gaps
        return b"".join(pieces), account, sources


def pattern_of(state: Encoded, record: SpanRecord, varying: Sequence[str]) -> Pattern | None:
    """Return the pattern of a state, which `record` came to; None where more of it may differ than is filled in.

    `varying` are the names of attributes of which the others of the pattern may have another value, of the same type.
    """
    body, attributes = state.body, record.attributes
    if (
        record.end_us is None
        or body["status"] not in {"ok", "error"}
        or body["name"] != record.name
        or state.tail_events
        or state.layers
        or TRUNCATED_KEY in attributes
        or not _SAME.issuperset(body.keys() - {*_FILLED, *_FILLED_IF_THERE, "attributes"})
        or list(body["attributes"].items()) != list(attributes.items())
        or not OLDER_NAMES.keys().isdisjoint(attributes)
        or is_foreign(attributes)  # nothing was understood of these values, but something may be of others
    ):
        return None
    tokens: dict[str, int] = body.get("tokens", {})
    counted = [attribute for count, attribute in TOKENS if count in tokens]
    if not set(varying).issuperset(counted):
        return None
    if "cost_usd" in body:
        place = _cost_at({name: at for at, name in enumerate(varying)})
        if place is None or type(attributes[varying[place]]) is not float:
            return None
    filled: dict[str, Any] = {field: _mark(field) for field in (*_FILLED, *_FILLED_IF_THERE) if field in body}
    if tokens:
        filled["tokens"] = {count: _mark(count) for count in tokens}
    filled["attributes"] = {
        name: _mark(str(varying.index(name))) if name in varying else value for name, value in attributes.items()
    }
    marked = orjson.dumps({**body, **filled}).decode()
    order: list[str] = [field for field in (*_FILLED, *_FILLED_IF_THERE) if field in body and field != "tokens"]
    order += [count for count, _ in TOKENS if count in tokens]
    order += map(str, range(len(varying)))
    if re.findall(f"{_MARK}(.*?){_MARK}", marked) != order or marked.count(_MARK) != 2 * len(order):
        return None
    pieces = re.split(f'"{_MARK}.*?{_MARK}"', marked)
    for at, field in enumerate(order):
        if field in _WITHIN_QUOTES:
            pieces[at] += '"'
            pieces[at + 1] = '"' + pieces[at + 1]
    return Pattern(state, varying, [piece.encode() for piece in pieces])


def _cost_at(at: Mapping[str, int]) -> int | None:
    """Where the cost of a call stands that has one; the first name wins, as `attempt.py` has it."""
    return at.get(key.COST_USD, at.get(key.GEN_AI_USAGE_COST))


def _mark(field: str) -> str:
    return f"{_MARK}{field}{_MARK}"
