"""What every encoding of OTLP is read into, and the account of what was not taken (pure)."""

from __future__ import annotations

from collections import Counter
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from spantail.attributes import RESOURCE_LIVE, RESOURCE_RUNNER
from spantail.redaction import TRUNCATED_KEY
from spantail_exporters.model import sources

if TYPE_CHECKING:
    from collections.abc import Callable

    from spantail_service.ingest.decoding.plan import Group

_Read = TypeVar("_Read")
_KNOWN: Final = 1_000
_KNOWN_BYTES: Final = 4_096
BAD_ID: Final = "Trace id, span id or parent span id is all zero or has the wrong length."
BAD_CONTENT: Final = "An attribute, event, link or body cannot be decoded."
TOO_HEAVY: Final = "An item has more than 10000 attributes, events, links, values and unknown fields."


class Signal(Enum):
    """OTLP's signals that are taken."""

    TRACES = "traces"
    LOGS = "logs"


class Received(NamedTuple):
    """The outcome of a request: how many items were rejected, and why (empty when none was)."""

    rejected: int
    reason: str


class Source(NamedTuple):
    """Where spans and log records come from: what ingest needs of a resource and an instrumentation scope."""

    service: str | None
    runner: str | None
    """The process, `host:pid:start`, where the resource names one (`spantail.runner`)."""
    is_ours: bool
    """Whether the live tier has all of it already, or shall never have it (`spantail.live`, either value)."""
    scope: str
    """The scope's name; empty where it has none."""
    whole: sources.Source
    """Both as a run keeps them."""


class LogEntry(NamedTuple):
    """One log record. Times are microseconds since the epoch, ids lower-case hex, empty where there is none."""

    source: Source
    run_id: str
    span_id: str
    time_us: int
    severity: int
    """OTLP's `SeverityNumber`; 0 is unspecified."""
    severity_text: str
    event_name: str
    body: Any
    attributes: dict[str, Any]
    sampled: bool


class LargeEntry(LogEntry):
    """One that takes long to redact."""


class Tally:
    """What of one request was not taken, and why."""

    def __init__(self) -> None:
        self.rejected = 0
        self.reason = ""
        """A sentence for the sender; the first one, when there were several."""
        self.passed_over: Counter[str] = Counter()
        """Left out without being an error: items by reason."""

    def reject(self, reason: str, count: int = 1) -> None:
        """Count items that cannot be taken, however often they are sent."""
        self.rejected += count
        self.reason = self.reason or reason


def mark_repeated(attributes: dict[str, Any], sent: int) -> dict[str, Any]:
    """Mark attributes, or a map, of which more were sent than are left: a key came twice, and its last value stands."""
    if len(attributes) < sent:
        attributes[TRUNCATED_KEY] = f"…[truncated {sent:,} → {len(attributes):,} values: a key came more than once]"
    return attributes


class KnownGroups:
    """What groups of earlier requests came from, by their bytes: the same ones come with every request.

    For requests of one encoding, whose spans meet one redactor.
    """

    def __init__(self) -> None:
        self._known: dict[Group, Source] = {}

    def get(self, group: Group) -> Source | None:
        """The source, where it is remembered."""
        return self._known.get(group)

    def keep(self, group: Group, source: Source) -> None:
        """Remember it for a while, unless it is large."""
        if sum(map(len, group)) <= _KNOWN_BYTES:
            if len(self._known) >= _KNOWN:
                self._known.clear()
            self._known[group] = source


class SourceReader:
    """Reads what the groups of a request come from, a resource once for all its scopes.

    The two functions read a resource and a scope from what a `Group` holds of it, its schema's address last; they
    raise ValueError where that cannot be read, which then counts as empty.
    """

    def __init__(
        self,
        tally: Tally,
        resource: Callable[[bytes, bytes], sources.Resource],
        scope: Callable[[bytes, bytes], sources.Scope],
        known: KnownGroups | None,
    ) -> None:
        self._known = known or KnownGroups()
        self._tally = tally
        self._read_resource = resource
        self._read_scope = scope
        self._group: Group | None = None
        self._source: Source
        self._of_entry: tuple[bytes, ...] | None = None
        self._entry: sources.Entry
        self._is_readable = False
        self._of_resource: tuple[str | None, str | None, bool]

    def of(self, group: Group) -> Source:
        """The source of a group's items."""
        if group is not self._group:
            known = self._known.get(group)
            self._group, self._source = group, known if known is not None else self._read(group)
        return self._source

    def _read(self, group: Group) -> Source:
        if group[:2] != self._of_entry:
            read = self._tried("resource", self._read_resource, *group[:2])
            resource = read or sources.Resource()
            service = resource.attributes.get("service.name")
            self._of_resource = (
                str(service) if service not in (None, "") else None,
                sources.runner_id(resource.attributes.get(RESOURCE_RUNNER)),
                isinstance(resource.attributes.get(RESOURCE_LIVE), bool),
            )
            self._entry, self._of_entry, self._is_readable = sources.Entry(resource), group[:2], read is not None
        read_scope = self._tried("scope", self._read_scope, *group[2:])
        scope = read_scope or sources.Scope()
        source = Source(*self._of_resource, scope.name, sources.Source(self._entry, sources.Entry(scope)))
        if self._is_readable and read_scope is not None:
            self._known.keep(group, source)
        return source

    def _tried(self, what: str, read: Callable[[bytes, bytes], _Read], data: bytes, schema: bytes) -> _Read | None:
        try:
            return read(data, schema)
        except ValueError:
            self._tally.passed_over[f"{what}_unreadable"] += 1
            return None
