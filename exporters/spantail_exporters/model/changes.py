"""Changes of a run: as a caller adds them one by one, and as the run script takes them all at once. Pure."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_SPAN_ID: Final = 16  # hex digits
NO_SOURCES: Final[Mapping[str, bytes]] = MappingProxyType({})


class Change(NamedTuple):
    """One change of a run: a span's new state with the events that tell of it, or a log line.

    `events` are JSON bytes without `seq`, the first `span_events` of them span events, the rest the change of state.
    `state` is the whole new state, empty when the last event is it. `span_id` is empty for a log line.
    `account` and `layers` are as `event.encode_state` gives them. `sources` are the resource and the scope that the
    events name (`sources.EncodedSource.tables`).
    """

    span_id: str
    parent_id: str
    events: Sequence[bytes]
    span_events: int = 0
    account: str = ""
    layers: bytes = b""
    state: bytes = b""
    sources: Mapping[str, bytes] = NO_SOURCES


class Changes:
    """Changes of one run in the form that the run script reads: the lines of their events, and a few values of each.

    Two flat lists, and no object of its own for a change: thousands wait here until Redis has confirmed them, and a
    garbage collector would walk them again and again.
    """

    __slots__ = ("_last_sources", "lines", "size", "sources", "values")

    def __init__(self, changes: Iterable[Change] = ()) -> None:
        self.lines: list[bytes] = []
        """One for each event, in order."""
        self.values: list[str | bytes | int] = []
        """What the script must know beside the lines."""
        self.size = 0
        """Bytes of the lines, whole states and sources."""
        self.sources: dict[str, bytes] = {}
        """The resources and scopes that the events name."""
        self._last_sources: Mapping[str, bytes] = NO_SOURCES
        for change in changes:
            self.add(*change)

    def __len__(self) -> int:
        """Count the events."""
        return len(self.lines)

    def __iter__(self) -> Iterator[Change]:
        """Give them one by one again; their sources are those of them all."""
        lines, values = iter(self.lines), iter(self.values)
        for head in values:
            ids = str(head)
            if ids[:1] == "*":
                sizes: Any = next(values)
                span_events, account, layers, state = (next(values) for _ in range(4))
                events = [next(lines) for _ in sizes.split()]
                yield Change(*_ids(ids[1:]), events, span_events, account, layers, state)  # type: ignore[arg-type]
            else:
                next(values)
                account = next(values) if ids[:1] == "$" else ""
                yield Change(*_ids(ids.removeprefix("$")), [next(lines)], 0, str(account))

    def __eq__(self, other: object) -> bool:
        """Hold the same changes as another."""
        return isinstance(other, Changes) and (self.lines, self.values, self.sources) == (
            other.lines,
            other.values,
            other.sources,
        )

    __hash__ = None  # type: ignore[assignment]

    def add(  # noqa: PLR0917 - the fields of a `Change`
        self, span_id: str, parent_id: str, events: Sequence[bytes], span_events: int = 0,
        account: str = "", layers: bytes = b"", state: bytes = b"", sources: Mapping[str, bytes] = NO_SOURCES,
    ) -> None:  # fmt: skip
        """Add one; the fields are those of `Change`."""
        self.add_sources(sources)
        if not span_id:
            for event in events:
                self.add_log(event)
        elif span_events or layers or state or len(events) != 1:
            self.values += (
                f"*{span_id}{parent_id}", " ".join([str(len(event)) for event in events]),
                span_events, account, layers, state,
            )  # fmt: skip
            self.lines += events
            self.size += sum(map(len, events)) + len(state)
        else:
            self.add_state(span_id, parent_id, events[0], account)

    def add_state(self, span_id: str, parent_id: str, line: bytes, account: str) -> None:
        """Add a whole state that is its own only event; most changes are."""
        if account:
            self.values += (f"${span_id}{parent_id}", len(line), account)
        else:
            self.values += (span_id + parent_id, len(line))
        self.lines.append(line)
        self.size += len(line)

    def add_sources(self, sources: Mapping[str, bytes]) -> None:
        """Add what the events come from; nearly always it is there already."""
        if sources is self._last_sources:
            return
        self._last_sources = sources
        for field, entry in sources.items():
            if field not in self.sources:
                self.sources[field] = entry
                self.size += len(entry)

    def add_log(self, line: bytes) -> None:
        """Add a log line."""
        self.values += ("", len(line))
        self.lines.append(line)
        self.size += len(line)


def _ids(joined: str) -> tuple[str, str]:
    return joined[:_SPAN_ID], joined[_SPAN_ID:]
