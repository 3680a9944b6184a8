"""What every encoding of OTLP is read into, and the account of what was not taken (pure)."""

from __future__ import annotations

import re
from collections import Counter
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from spantail.attributes import RESOURCE_LIVE, RESOURCE_RUNNER

if TYPE_CHECKING:
    from collections.abc import Mapping

BAD_ID: Final = "Trace id, span id or parent span id is all zero or has the wrong length."
BAD_CONTENT: Final = "An attribute, event, link or body cannot be decoded."
TOO_HEAVY: Final = "An item has more than 10000 attributes, events, links, values and unknown fields."
_RUNNER: Final = re.compile(r"[\w.-]{1,255}:\d{1,10}:\d{1,13}")


class Signal(Enum):
    """OTLP's signals that are taken."""

    TRACES = "traces"
    LOGS = "logs"


class Received(NamedTuple):
    """The outcome of a request: how many items were rejected, and why (empty when none was)."""

    rejected: int
    reason: str


class Source(NamedTuple):
    """Where spans and log records come from: what ingest needs of a resource."""

    service: str | None
    runner: str | None
    """The process, ``host:pid:start``, where the resource names one (``spantail.runner``)."""
    is_ours: bool
    """Whether the live tier has all of it already, or shall never have it (``spantail.live``, either value)."""


class LogEntry(NamedTuple):
    """One log record. Times are microseconds since the epoch, ids lower-case hex, empty where there is none."""

    source: Source
    scope: str
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


def source_of(resource: Mapping[str, Any]) -> Source:
    """Read a resource's attributes."""
    service = resource.get("service.name")
    return Source(
        str(service) if service not in (None, "") else None,
        runner_id(resource.get(RESOURCE_RUNNER)),
        isinstance(resource.get(RESOURCE_LIVE), bool),
    )


def runner_id(value: object) -> str | None:
    """``value`` when it names a process as we do; it becomes part of a Redis key."""
    return value if isinstance(value, str) and _RUNNER.fullmatch(value) else None
