"""Figures of several workers as one: what each has counted is added up, what all read from Redis is taken from one.

A sum must not fall when a worker ends: Prometheus takes a counter that falls for one that began anew. So what a worker
has counted stays in the sum after its end, as far as it was known here.
"""

from __future__ import annotations

from collections import defaultdict
from math import nan
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_COUNTING: Final = frozenset({"counter", "histogram", "gaugehistogram", "summary"})

Key = tuple[str, tuple[tuple[str, str], ...]]
"""A series: its name and its labels, in their order."""


class Family(NamedTuple):
    """A metric of one process as it is sent: what prometheus-client knows of it, in JSON's own types."""

    name: str
    meaning: str
    kind: str
    unit: str
    is_shared: bool
    """All workers say the same of what they share: it is not added up."""
    samples: list[list[Any]]
    """Each `[name, labels, value, exemplar]`."""


class Sums:
    """Makes one set of figures out of those of the workers, again and again."""

    def __init__(self) -> None:
        self._last: dict[int, dict[str, Family]] = {}  # what each living worker said last, the oldest worker first
        self._ended: dict[str, Family] = {}  # what those counted that have ended
        self._source: int | None = None
        self._offsets: defaultdict[Key, float] = defaultdict(float)  # what shared counters had before this source
        self._shown: dict[Key, float] = {}  # shared counters as they were shown last

    def of(self, said: Mapping[int, Iterable[Family]]) -> list[Family]:
        """The figures of all.

        Args:
            said: What workers have said just now, by a number that no later worker has. Who has said nothing has
                counted what it said last; what it is at the moment nobody knows.
        """
        now = {worker: {family.name: family for family in families} for worker, families in said.items()}
        before, self._last = self._last, dict(sorted({**self._last, **now}.items()))
        names = {name: family for families in (self._ended, *self._last.values()) for name, family in families.items()}
        source = self._source_after(before)
        return [
            self._shared(source[name]) if family.is_shared else self._sum(family, now)
            for name, family in names.items()
            if not family.is_shared or name in source
        ]

    def ended(self, worker: int) -> None:
        """A worker is no more: what it has counted stays."""
        for name, family in self._last.pop(worker, {}).items():
            if family.kind in _COUNTING and not family.is_shared:
                before = self._ended.get(name)
                self._ended[name] = family if before is None else _added([before, family])

    def _sum(self, family: Family, now: Mapping[int, Mapping[str, Family]]) -> Family:
        counted: Iterable[Mapping[str, Family]] = now.values()
        if family.kind in _COUNTING:
            counted = (self._ended, *self._last.values())
        return _added([families[family.name] for families in counted if family.name in families] or [_without(family)])

    def _source_after(self, before: Mapping[int, Mapping[str, Family]]) -> Mapping[str, Family]:
        """The figures of the worker that says what is in Redis: the oldest one."""
        if not self._last:
            return {}
        source = next(iter(self._last))
        if source != self._source:
            # This one began to count at another time: its counters go on where those of the last one were.
            had = dict(_shared_counters(before.get(source, {}).values()))
            self._offsets = defaultdict(float, {key: shown - had.get(key, 0.0) for key, shown in self._shown.items()})
            self._source = source
        return self._last[source]

    def _shared(self, family: Family) -> Family:
        if family.kind != "counter":
            return family
        samples = []
        for name, labels, value, exemplar in family.samples:
            key = _key(name, labels)
            self._shown[key] = value + self._offsets[key]
            samples.append([name, labels, self._shown[key], exemplar])
        return family._replace(samples=samples)


def _shared_counters(families: Iterable[Family]) -> Iterator[tuple[Key, float]]:
    for family in families:
        if family.kind == "counter" and family.is_shared:
            for name, labels, value, _ in family.samples:
                yield _key(name, labels), value


def _added(families: list[Family]) -> Family:
    """One family with the series of all; the values of the same series are added up."""
    samples: dict[Key, list[Any]] = {}
    for family in families:
        for name, labels, said, exemplar in family.samples:
            value = nan if said is None else said  # JSON has none
            held = samples.setdefault(_key(name, labels), [name, labels, 0.0, None])
            if name.endswith("_created"):
                held[2] = min(held[2] or value, value)
            else:
                held[2] += value
            held[3] = exemplar or held[3]
    return families[0]._replace(samples=list(samples.values()))


def _without(family: Family) -> Family:
    return family._replace(samples=[])


def _key(name: str, labels: Mapping[str, str]) -> Key:
    return name, tuple(labels.items())
