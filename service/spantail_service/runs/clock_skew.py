"""How far clocks are ahead of that of a run's root, estimated from spans that lie outside their parents (pure).

A clock is the host of a span's runner, or, where no runner is known, its service: spans of one clock say nothing about
it. A child on another clock cannot have begun before its parent did, and a call's child ends before it: so a parent
with its child bounds how far the child's clock may be ahead, and the pairs of two clocks together bound it closely.
The middle of these bounds is the estimate, which takes the way there and back for equally long, as Jaeger's clock skew
adjuster does. Nothing is estimated before some child lies outside its parent by more than the parent's length: less
is what work does that outlives its caller. Times themselves are never changed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

import orjson

if TYPE_CHECKING:
    from collections.abc import Generator

_Found = TypeVar("_Found")

LEAST_US: Final = 1_000
"""A smaller difference may be the resolution of the clocks (µs)."""

_TEXT: Final = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_HEAD: Final = re.compile(
    rb'\{"rev":\d++,"status":"[a-z]++","start":(\d++),"noted":\d++,"ts":\d++,"event":' + _TEXT + rb","
    rb'"run_id":".{32}","span_id":"(.{16})","parent_id":(?:null|"(.{16})"),"name":' + _TEXT + rb","
    rb'"kind":"[a-z_]++","end":(?:null|(\d++))'
    # what else stands there: texts and numbers
    rb'(?:,"(?!service"|runner"|attributes")\w++":(?:' + _TEXT + rb"|[\d.eE+-]++))*+"
    rb'(?:,"service":(' + _TEXT + rb'))?(?:,"runner":"([^":\\]++)[^"]*+")?'
)
_CONSUMER: Final = b'"span_kind":"consumer"'


class SpanTimes(NamedTuple):
    """Where a span stands in time. Times are microseconds since the epoch, ids are hex."""

    span_id: bytes
    parent_id: bytes | None
    start: int
    end: int | None
    """None while it runs."""
    service: bytes | None
    """As JSON writes it, with its quotes."""
    host: bytes | None
    clock: bytes | None
    """Which clock its times are of: its host's, else its service's; None where nobody says."""
    is_consumer: bool = False
    """It took a message: whatever sent it may be long over."""


Sender = tuple[bytes | None, bytes | None]
"""A service, as JSON writes it, and a host."""


def sender_of(service: str | None, runner: str | None) -> Sender:
    """From a state that was parsed."""
    host = runner.partition(":")[0] if isinstance(runner, str) else ""
    name = orjson.dumps(service) if isinstance(service, str) else None
    return name, None if not host or '"' in host or "\\" in host else host.encode()


ByClocks = Mapping[bytes, Mapping[bytes, Iterable[tuple[SpanTimes, SpanTimes]]]]
"""Parents with a child on another clock: by the clock of the parent, then by that of the child."""


class ClockSkew(NamedTuple):
    """The spans of one service on one clock that is `skew_us` microseconds ahead (negative: behind)."""

    service: bytes | None
    host: bytes | None
    skew_us: int
    spans: int

    def as_json(self) -> dict[str, object]:
        """`{service, host, skew_us, spans}`; null is unknown."""
        return {
            "service": orjson.loads(self.service) if self.service else None,
            "host": self.host.decode("utf-8", "replace") if self.host else None,
            "skew_us": self.skew_us,
            "spans": self.spans,
        }


class Skews(NamedTuple):
    """The clocks of a run that are thought wrong, in µs ahead of the root's, and whose they are."""

    by_clock: dict[bytes, int]
    found: tuple[ClockSkew, ...]

    @classmethod
    def of_senders(cls, wrong: dict[bytes, int], spans: Mapping[Sender, int]) -> Skews:
        """From the clocks that are wrong, and how many spans each sender of theirs has."""
        found = [
            ClockSkew(service, host, wrong[host or service or b""], number) for (service, host), number in spans.items()
        ]
        found.sort(key=lambda skew: (-abs(skew.skew_us), skew.service or b"", skew.host or b""))
        return cls(wrong, tuple(found))

    def as_json(self) -> dict[str, list[dict[str, object]]]:
        """What a run's answer says of its clocks: `clock_skew`, where one is thought wrong."""
        return {"clock_skew": [skew.as_json() for skew in self.found]} if self.found else {}

    def of(self, state: bytes) -> int | None:
        """How far ahead the clock of a stored span was; None where it is thought right, or nobody knows."""
        if not self.by_clock or (times := times_of(state)) is None or times.clock is None:
            return None
        return self.by_clock.get(times.clock)


NONE: Final = Skews({}, ())


def times_of(state: bytes) -> SpanTimes | None:
    """Read the head of a stored state, which our encoder writes in this order; None where it is another."""
    match = _HEAD.match(state)
    if match is None:
        return None
    start, span_id, parent_id, end, service, host = match.groups()
    is_consumer = state.find(_CONSUMER, match.start(2), match.end() + len(_CONSUMER) + 1) > 0
    return SpanTimes(
        span_id, parent_id, int(start), int(end) if end else None, service, host, host or service, is_consumer
    )


class _Bounds:
    """What the children of one clock say of how far it is ahead: at least `low`, at most `high`."""

    __slots__ = ("high", "is_outside", "low")

    def __init__(self) -> None:
        self.low: int | None = None
        self.high: int | None = None
        self.is_outside = False

    def take(self, parent: SpanTimes, child: SpanTimes, parent_skew: int) -> None:
        """Take one more pair; `parent_skew` is how far the parent's clock is ahead."""
        start = parent.start - parent_skew
        early = child.start - start  # below zero: begun before its parent
        self.high = early if self.high is None else min(self.high, early)
        if parent.end is None:
            return
        length = max(parent.end - parent.start, 0)
        late = (child.start if child.end is None else child.end) - (start + length)
        if child.is_consumer or child.end is None:
            late = min(late, 0)  # the end of its parent bounds nothing
        elif late <= early:  # it lasted no longer than its parent
            self.low = late if self.low is None else max(self.low, late)
        else:
            late = 0
        self.is_outside |= max(-early, late) > max(length, LEAST_US)

    def estimate(self) -> int:
        """How far the clock is ahead; 0 where the pairs can do without."""
        low, high = self.low, self.high
        if not self.is_outside or high is None:
            return 0
        if low is None:
            return min(high, 0)
        if low > high:
            # Some outlive their parents; that none begins before its own holds all the same. What comes late by very
            # different times was not called late by a clock: it is work that waited.
            return high if high < 0 or low < 2 * high else 0
        return 0 if low <= 0 <= high else (low + high) // 2


def estimate(spans_by_id: Mapping[bytes, SpanTimes]) -> Skews:
    """Estimate the clocks of a run's spans, given by their id.

    The clock of the earliest span without a known parent is the one the others are held against; a clock that no chain
    of calls leads to is thought right. Parents that are not there, or in a circle, do no harm.
    """
    return in_one_go(estimate_in_steps(spans_by_id))


def in_one_go(steps: Generator[None, None, _Found]) -> _Found:
    """What comes of steps, where nobody else has to go on in between."""
    while True:
        try:
            next(steps)
        except StopIteration as over:
            found: _Found = over.value
            return found


_STEP: Final = 4_096


def estimate_in_steps(spans_by_id: Mapping[bytes, SpanTimes]) -> Generator[None, None, Skews]:
    """As `estimate`, in steps of a few milliseconds: it yields after each, and returns the skews at the end."""
    reference: SpanTimes | None = None
    pairs: dict[bytes, dict[bytes, list[tuple[SpanTimes, SpanTimes]]]] = {}
    get = spans_by_id.get
    for count, times in enumerate(spans_by_id.values(), 1):
        if count % _STEP == 0:
            yield
        parent = get(times[1]) if times[1] is not None else None
        if parent is None:
            if reference is None or _comes_first(times, reference):
                reference = times
            continue
        clock, above = times[6], parent[6]  # by index: this is the loop over all spans
        if clock is not above and clock != above and clock is not None and above is not None:
            pairs.setdefault(above, {}).setdefault(clock, []).append((parent, times))
    if not pairs:
        return NONE
    wrong = yield from wrong_clocks(pairs, reference.clock if reference is not None else None)
    if not wrong:
        return NONE
    spans: Counter[Sender] = Counter()
    for count, times in enumerate(spans_by_id.values()):
        if count % _STEP == 0:
            yield
        if times[6] in wrong:
            spans[times.service, times.host] += 1
    return Skews.of_senders(wrong, spans)


def _comes_first(times: SpanTimes, other: SpanTimes) -> bool:
    return (times.parent_id is not None, times.start, times.span_id) < (
        other.parent_id is not None, other.start, other.span_id,
    )  # fmt: skip


def wrong_clocks(pairs: ByClocks, first: bytes | None) -> Generator[None, None, dict[bytes, int]]:
    """The clocks that are thought wrong, in µs ahead of `first`, that of the root; in steps as `estimate_in_steps`."""
    skews = yield from _from_clock_to_clock(pairs, first)
    return {clock: skew for clock, skew in skews.items() if abs(skew) >= LEAST_US}


def _from_clock_to_clock(pairs: ByClocks, first: bytes | None) -> Generator[None, None, dict[bytes, int]]:
    """Go from each clock that is known to those of its children; each is estimated from all that are known then."""
    skews: dict[bytes, int] = {}
    above: dict[bytes, list[bytes]] = {}
    for parent, children in pairs.items():
        for child in children:
            above.setdefault(child, []).append(parent)
    # Clocks that nobody calls begin, that of the root before all; what is left then calls itself in circles. All by
    # name: a run is read in another order each time, and its clocks are to be the same.
    begins = sorted(clock for clock in pairs if clock not in above)
    count = 0
    for begin in (*((first,) if first in pairs else ()), *begins, *sorted(pairs)):
        if begin is None or begin in skews:
            continue
        skews[begin] = 0
        waiting = [begin]
        for clock in waiting:
            for child in sorted(pairs.get(clock, ())):
                if child in skews:
                    continue
                bounds = _Bounds()
                for parent in above[child]:
                    if parent in skews:
                        for one, other in pairs[parent][child]:
                            bounds.take(one, other, skews[parent])
                            count += 1
                            if count % _STEP == 0:
                                yield
                skews[child] = bounds.estimate()
                waiting.append(child)
    return skews


_BEHIND: Final = 12
_LEAST_HEAD: Final = 200  # bytes: where a service stands at the earliest


class Clocks:
    """Looks through a run's states for their clocks: most runs have one, and then there is nothing to estimate."""

    def __init__(self) -> None:
        self._known: set[bytes | None] = set()
        self._latest = b""

    def look(self, states: Iterable[bytes]) -> None:
        """Look at a few thousand more at most: it takes a millisecond a thousand."""
        latest = self._latest
        for state in states:
            if latest and state.find(latest, _LEAST_HEAD) > 0:
                continue  # as the one before it says, word for word
            if (match := _HEAD.match(state)) is None:
                continue
            service, host = match[5], match[6]
            self._known.add(host or service)
            # with what comes after the service, where that is no runner: the next one may have one
            more = 0 if host else _BEHIND
            latest = state[match.start(5) - len(b',"service":') : match.end() + more] if service else b""
        self._latest = latest

    @property
    def are_several(self) -> bool:
        """Whether spans of different clocks have been seen."""
        return len(self._known - {None}) > 1


def marked(state: bytes, skew_us: int | None) -> bytes:
    """A span's JSON with the field `clock_skew_us`, where there is one."""
    return state if skew_us is None else b'%b,"clock_skew_us":%d}' % (state[:-1], skew_us)
