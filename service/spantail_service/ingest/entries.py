"""What every encoding of OTLP is read into, and the account of what was not taken (pure)."""

from __future__ import annotations

from collections import Counter
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from spantail.attributes import RESOURCE_LIVE, RESOURCE_RUNNER
from spantail_exporters import sources

if TYPE_CHECKING:
    from collections.abc import Callable

    from spantail_service.ingest.plan import Group

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
    """The process, ``host:pid:start``, where the resource names one (``spantail.runner``)."""
    is_ours: bool
    """Whether the live tier has all of it already, or shall never have it (``spantail.live``, either value)."""
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
    """OTLP's ``SeverityNumber``; 0 is unspecified."""
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
        """Taken note of without being an error: items by reason."""

    def reject(self, reason: str, count: int = 1) -> None:
        """Count items that cannot be taken, whoever sends them again."""
        self.rejected += count
        self.reason = self.reason or reason


class SourceReader:
    """Reads what the groups of a request come from, a resource once for all its scopes.

    The two functions read a resource and a scope from what a `Group` holds of it, its schema's address last; they
    raise ValueError where that cannot be read, and it counts as one that says nothing then.
    """

    def __init__(
        self,
        tally: Tally,
        resource: Callable[[bytes, bytes], sources.Resource],
        scope: Callable[[bytes, bytes], sources.Scope],
    ) -> None:
        self._tally = tally
        self._read_resource = resource
        self._read_scope = scope
        self._group: Group | None = None
        self._entry: sources.Entry
        self._source: Source

    def of(self, group: Group) -> Source:
        """The source of a group's items."""
        if group is self._group:
            return self._source
        if self._group is None or group[:2] != self._group[:2]:
            resource = self._resource(group)
            self._entry = sources.Entry(resource)
            service = resource.attributes.get("service.name")
            facts = (
                str(service) if service not in (None, "") else None,
                sources.runner_id(resource.attributes.get(RESOURCE_RUNNER)),
                isinstance(resource.attributes.get(RESOURCE_LIVE), bool),
            )
        else:
            facts = self._source[:3]
        scope = self._scope(group)
        self._group = group
        self._source = Source(*facts, scope.name, sources.Source(self._entry, sources.Entry(scope)))
        return self._source

    def _resource(self, group: Group) -> sources.Resource:
        try:
            return self._read_resource(group.resource, group.resource_schema)
        except ValueError:
            self._tally.passed_over["resource_unreadable"] += 1
            return sources.Resource()

    def _scope(self, group: Group) -> sources.Scope:
        try:
            return self._read_scope(group.scope, group.scope_schema)
        except ValueError:
            self._tally.passed_over["scope_unreadable"] += 1
            return sources.Scope()
