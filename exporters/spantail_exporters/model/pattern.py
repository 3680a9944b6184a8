"""States of spans that are alike: the text of one is kept, and what differs is filled in for the others. Pure.

Most spans of one name differ in ids, times, and values that nobody looks at. `encode_state` writes the first of them;
a `Pattern` is what it wrote, with gaps. So there is one place that decides what an event says, and it need not decide
the same for every span.
"""

from __future__ import annotations

import re
from itertools import repeat
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
    from collections.abc import Iterable, Mapping, Sequence

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
_NO_NS: Final = (0, 0)
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


class NotAlikeError(Exception):
    """Of several states that were to be filled in, one at least is none of the pattern."""


class Pattern:
    """The text that states of finished spans have in common, with gaps.

    Their attributes have the same names, in this order. They come from the same resource and scope, the values that are
    not `is_copied` are the same, and so is all that is beside the attributes but ids and times.
    """

    __slots__ = ("_account", "_cost_at", "_counts_at", "_has_ns", "_pieces", "_read_at", "_sessions_at", "_sources")

    def __init__(self, state: Encoded, varying: Sequence[str], pieces: Sequence[bytes]) -> None:
        """See `pattern_of`, which says whether there is one."""
        at = {name: place for place, name in enumerate(varying)}
        body, tokens = state.body, state.body.get("tokens", {})
        self._has_ns = "ns" in body
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

    def fill(
        self,
        *,
        run_ids: Sequence[bytes],
        span_ids: Sequence[bytes],
        parent_ids: Sequence[bytes],
        starts_ns: Sequence[int],
        ends_ns: Sequence[int],
        values: Sequence[Sequence[bytes]],
    ) -> tuple[Iterable[bytes], Iterable[str], Iterable[Mapping[str, bytes]]]:
        """Write states as `dumps` writes what `encode_state` makes of them; with each, its account and its sources.

        Everything is given by columns, with an item for each state, and so is what is returned; at least one state.

        Args:
            run_ids: Their trace ids in hex.
            span_ids: Their own ids in hex.
            parent_ids: Those of their parents; empty where there is none.
            starts_ns: When they began.
            ends_ns: When they ended.
            values: Of each attribute that varies its column: redacted, as JSON.

        Raises:
            NotAlikeError: One of them is none of the pattern: it has a count or a cost that is none, or a time of whole
                microseconds where those of the pattern are none, or the other way round.
        """
        ends = _written([end // 1_000 for end in ends_ns])
        gaps: list[Sequence[bytes]] = [
            _written([start // 1_000 for start in starts_ns]), ends, run_ids, span_ids,
            [b'"%b"' % parent if parent else b"null" for parent in parent_ids], ends,
        ]  # fmt: skip
        beyond = [(start % 1_000, end % 1_000) for start, end in zip(starts_ns, ends_ns, strict=True)]
        if any(pair != _NO_NS for pair in beyond) if not self._has_ns else _NO_NS in beyond:
            raise NotAlikeError
        if self._has_ns:
            gaps.append([b"[%d,%d]" % pair for pair in beyond])
        nano: Sequence[int] | None = None
        if self._cost_at is not None:
            costs = [amount(float(cost)) for cost in values[self._cost_at]]
            nano = [nano_of(cost) for cost in costs if cost is not None]
            if len(nano) < len(costs):
                raise NotAlikeError
            gaps += (values[self._cost_at], _written(nano))
        for place in self._counts_at:
            if max(map(len, values[place])) > _SAFE_DIGITS:
                raise NotAlikeError
            gaps.append(values[place])
        gaps += values
        columns: list[Iterable[bytes]] = [repeat(piece) for piece in self._pieces]
        columns[1::2] = gaps
        return map(b"".join, zip(*columns, strict=False)), self._accounts(values, nano), self._all_sources(values)

    def _accounts(self, values: Sequence[Sequence[bytes]], nano: Iterable[int] | None) -> Iterable[str]:
        if self._account is None:
            return repeat("")
        head, tail = self._account
        read, written = (repeat("0") if at is None else map(bytes.decode, values[at]) for at in self._read_at)
        if nano is None:
            if self._read_at == [None, None]:
                return repeat(f"{head} 0 0 0 {tail}")
            nano = repeat(0)
        return [
            f"{head} {tokens_in} {tokens_out} {cost} {tail}"
            for tokens_in, tokens_out, cost in zip(read, written, nano, strict=False)
        ]

    def _all_sources(self, values: Sequence[Sequence[bytes]]) -> Iterable[Mapping[str, bytes]]:
        if not self._sessions_at:
            return repeat(self._sources)
        names = [name for name, _ in self._sessions_at]
        return [
            with_sessions(self._sources, dict(zip(names, map(orjson.loads, told), strict=True)))
            for told in zip(*(values[at] for _, at in self._sessions_at), strict=True)
        ]


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


def _written(numbers: Sequence[int]) -> list[bytes]:
    """Whole numbers as JSON."""
    return orjson.dumps(numbers)[1:-1].split(b",")


def _mark(field: str) -> str:
    return f"{_MARK}{field}{_MARK}"
