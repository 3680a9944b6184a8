"""One run as a viewer holds it: a snapshot, and the events folded onto it. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from spantail_exporters.model.rules.fold import changes_state, compare, merged

if TYPE_CHECKING:
    from collections.abc import Mapping

_OF_THE_EVENT: Final = frozenset({"seq", "level", "logger", "message", "span_events", "links"})
_MARKS: Final = ("abandoned", "corrected", "maybe_incomplete", "stale")
_REASONS_OF: Final = frozenset({"skipped", "cancelled"})
_NEWS_LEVELS: Final = frozenset({"WARNING", "WARN", "ERROR", "CRITICAL", "FATAL"})
_NEWS_KEPT: Final = 20


def changes_span(event: Mapping[str, Any], before: Mapping[str, Any] | None) -> bool:
    """Whether an event changes the state of its span; a span event and a log line do not."""
    name = str(event.get("event"))
    if name == "log" or "span_id" not in event:
        return False
    return changes_state(name, event.get("kind") or (before or {}).get("kind") or "span")


@dataclass
class RunView:
    """The state of one run. Times are microseconds, money is integer nano-USD."""

    run_id: str
    spans: dict[str, dict[str, Any]] = field(default_factory=dict)
    status: str = "running"
    name: str | None = None
    service: str | None = None
    start: int | None = None
    latest: int = 0
    """The newest moment that any span or event speaks of."""
    end: int | None = None
    layers: list[dict[str, Any]] = field(default_factory=list)
    backends: dict[str, dict[str, Any]] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)
    marks: dict[str, Any] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    """Why a span was skipped or cancelled, as far as events told it."""
    news: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=_NEWS_KEPT))
    """The latest warnings and fallbacks, oldest first."""
    version: int = 0
    """Grows with every change."""

    def load(self, snapshot: Mapping[str, Any]) -> None:
        """Forget everything and take a snapshot."""
        run = snapshot["run"]
        self.version += 1
        self.reasons.clear()
        self.news.clear()
        self.spans = {span["span_id"]: span for span in snapshot["spans"]}
        self.status = run["status"]
        self.name, self.service = run.get("name"), run.get("service")
        self.start, self.end = run.get("start"), run.get("end")
        self.layers, self.backends = run.get("layers") or [], run.get("backends") or {}
        self.dropped = run.get("dropped") or {}
        self.marks = {name: run.get(name) for name in _MARKS}
        self.latest = max(
            (moment for span in self.spans.values() for name in ("start", "end", "ts") if (moment := span.get(name))),
            default=0,
        )

    def fold(self, frame: Mapping[str, Any]) -> None:
        """Fold a frame of events."""
        for event in frame["logs"]:
            self.fold_event(event)
        # A long poll that ran out tells the same again: what is unchanged is no news.
        shown = (frame["status"], frame["layers"], frame["backends"], frame["dropped"], [frame.get(m) for m in _MARKS])
        held = (self.status, self.layers, self.backends, self.dropped, [self.marks.get(m) for m in _MARKS])
        if frame["logs"] or shown != held:
            self.version += 1
        self.status, self.layers, self.backends = frame["status"], frame["layers"], frame["backends"]
        self.dropped = frame["dropped"]
        self.marks = {name: frame.get(name) for name in _MARKS}

    def fold_event(self, event: dict[str, Any]) -> None:
        """Fold one event: the state of its span, and what else it tells."""
        self.latest = max(self.latest, event.get("ts") or 0)
        if event["event"] == "llm_call_fallback" or event.get("level") in _NEWS_LEVELS:
            self.news.append(event)
        span_id = event.get("span_id")
        if span_id is None or event["event"] == "log":
            return
        if event.get("status") in _REASONS_OF and (reason := (event.get("attributes") or {}).get("spantail.reason")):
            self.reasons[span_id] = str(reason)
        before = self.spans.get(span_id)
        if changes_span(event, before):
            self._fold_state(span_id, before, event)
        elif before is None:
            # Its start was lost: what the event says about its span is all there is.
            self.spans[span_id] = {k: v for k, v in event.items() if k not in _OF_THE_EVENT and k != "attributes"}

    def _fold_state(self, span_id: str, before: dict[str, Any] | None, event: dict[str, Any]) -> None:
        if before is not None and compare(event, before) < 0:  # a snapshot may be newer than the tail that follows
            return
        state = {k: v for k, v in event.items() if k not in _OF_THE_EVENT}
        attributes = state.pop("attributes", None) or {}
        if before is not None:
            state = merged(before, state)
        self.spans[span_id] = state
        if state.get("parent_id") is None:
            self._fold_root(state, attributes)

    def _fold_root(self, root: Mapping[str, Any], attributes: Mapping[str, Any]) -> None:
        start = root.get("start")
        if start is not None and (self.start is None or start <= self.start or self.name is None):
            self.start = start
            self.name = attributes.get("spantail.run.name") or root.get("name") or self.name
            self.service = root.get("service") or self.service
            self.end = root.get("end")
        elif start is not None and root.get("end"):
            self.end = max(self.end or 0, root["end"])

    @property
    def is_over(self) -> bool:
        """Whether the run has come to an end."""
        return self.status not in ("running", "queued")

    @property
    def cost_nano(self) -> int:
        """What all attempts cost."""
        return sum(totals.get("cost_nano", 0) for totals in self.backends.values())

    def total(self, what: str) -> int:
        """A sum over the backends: `calls`, `errors`, `fallbacks`, `unpriced`."""
        return sum(totals.get(what, 0) for totals in self.backends.values())

    def length_us(self, now_us: int) -> int | None:
        """How long the run took, or takes until `now_us`; None before its start is known."""
        if self.start is None:
            return None
        return max(0, ((self.end or self.latest) if self.is_over else now_us) - self.start)
