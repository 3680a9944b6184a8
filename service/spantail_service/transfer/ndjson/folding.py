"""Lines of a run as NDJSON, folded as a viewer folds them (`model/rules/fold.py`), into changes of a run. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from spantail import attributes as key
from spantail_exporters.model.changes import Change
from spantail_exporters.model.event import dumps
from spantail_exporters.model.rules.account import account_of
from spantail_exporters.model.rules.fold import changes_state, merge
from spantail_exporters.model.rules.layers import layers_of
from spantail_exporters.model.sessions import with_sessions
from spantail_service.ingest.decoding.body import TooManyError
from spantail_service.transfer.ndjson.redacting import LineRedactor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spantail_exporters.model.redactor import Redactor
    from spantail_service.transfer.ndjson.schema import Event, Log, Source

_MOST_SOURCES: Final = 1_000
_STATE_BYTES: Final = 8_388_608  # of all states that are made of a file, …
_STATE_BYTES_A_BYTE: Final = 3  # … and as much more for each byte of it: an end brings its whole state


class _Span:
    """A span so far: its last state that was told, and the updates and span events since, as they were told.

    They are folded once, when the state is needed: each is small, and states that grow with each of them are not.
    """

    __slots__ = ("end", "has_span_events", "noted", "parent_id", "rev", "since", "state", "status")

    def __init__(self) -> None:
        self.rev = 0
        self.noted = 0
        self.parent_id: str | None = None
        self.status = ""
        self.end: int | None = None
        self.state = b""
        self.since: list[tuple[bool, bytes]] = []
        """Each with whether it is an update."""
        self.has_span_events = False

    def folded(self) -> dict[str, Any]:
        """Return the state as of now."""
        state: dict[str, Any] = orjson.loads(self.state)
        for is_update, line in self.since:
            event = orjson.loads(line)
            if is_update:
                merge(state, event)
                state.setdefault("attributes", {})
            else:
                span_event = {"ts": event["ts"], "name": event["event"], "attributes": event.get("attributes", {})}
                span_event |= {name: event[name] for name in ("types", "changed") if name in event}
                state.setdefault("span_events", []).append(span_event)
        state["rev"], state["noted"] = self.rev, self.noted
        if state.pop("corrected", False):
            state["corrected"] = True  # last, where the run script looks for it
        return state


class Folding:
    """The spans of a file. Revisions are given anew, without gaps, so that each change is a step."""

    def __init__(self, redactor: Redactor, size: int) -> None:
        """Begin; `size` is that of the file, in bytes."""
        self._redactor = redactor
        self._lines = LineRedactor(redactor)
        self._spans: dict[str, _Span] = {}
        self._state_bytes = 0
        self._most_state_bytes = _STATE_BYTES + _STATE_BYTES_A_BYTE * size
        self._sources: dict[str, tuple[str, bytes]] = {}  # by what the file calls them
        self.passed_over = 0
        self.is_whole = False
        """Whether the file has the tail from its first event on: then the first change of a span is a whole state."""

    def source(self, line: Source) -> None:
        """Learn what a key stands for. Without secrets it may be called otherwise."""
        if len(self._sources) < _MOST_SOURCES and (entry := line.entry(self._redactor)) is not None:
            self._sources[line.source] = entry

    def log(self, line: Log) -> Change:
        """Make a change of a log line."""
        body = self._lines.fields_of(line)
        sources = self._name_sources(body)
        return Change("", "", [dumps(body)], sources=sources)

    def event(self, line: Event, *, is_event: bool) -> Change | None:
        """Make a change of an event of the tail, or of a state that stands at the end of the file.

        Returns:
            None where it says nothing, or where the beginning of its span is not in the file.

        Raises:
            TooManyError: the states of the file have become too large together.
        """
        span = self._spans.get(line.span_id)
        body = self._lines.fields_of(line)
        sources = self._name_sources(body)
        if not is_event:
            if span is not None and (span.status, span.end) == (line.status, line.end):
                return None
            return self._state(span, body, body, sources)
        is_change = changes_state(line.event, line.kind)
        if is_change and (line.event != f"{line.kind}_update" or (span is None and self.is_whole)):
            return self._state(span, body, _with_span_events(body, span), sources)
        if not is_change:
            return self._span_event(span, body, sources)
        if span is None:
            self.passed_over += 1
            return None
        return self._update(span, body, sources)

    def unsaid(self) -> Iterator[Change]:
        """Make a change of each state that is not told yet, at the end of the file."""
        for span_id, span in self._spans.items():
            if span.since:
                if not any(is_update for is_update, _ in span.since):  # an update has a revision of its own
                    span.rev += 1
                state = span.folded()
                span.since.clear()
                # how far a layer has come; those that it announced were told when it did
                layers = _layers_of(state) if state["kind"] == key.KIND_LAYER else b""
                yield Change(span_id, span.parent_id or "", [], 0, account_of(state), layers, self._dumped(state))

    def _state(
        self, span: _Span | None, line: dict[str, Any], state: dict[str, Any], sources: dict[str, bytes]
    ) -> Change:
        """Tell a whole state; `line` is the event that tells of it."""
        if span is None:
            span = self._spans[state["span_id"]] = _Span()
        counts = {"rev": span.rev + 1, "noted": max(state["noted"], span.noted)}
        state = {**state, **counts}
        made = self._dumped(state)
        span.rev, span.noted, span.parent_id = counts["rev"], counts["noted"], state["parent_id"]
        span.status, span.end = state["status"], state["end"]
        span.state, span.has_span_events = made, "span_events" in state
        span.since.clear()
        event = made if state.keys() == line.keys() else dumps({**line, **counts})
        whole = b"" if event is made else made
        account, layers = account_of(state), _layers_of(state)
        named = with_sessions(sources, state.get("attributes") or {})
        return Change(state["span_id"], span.parent_id or "", [event], 0, account, layers, whole, named)

    def _update(self, span: _Span, body: dict[str, Any], sources: dict[str, bytes]) -> Change:
        """Tell an update as a log line, which changes no state; the state is told when it changes otherwise."""
        span.rev += 1
        span.noted = max(body["noted"], span.noted)
        span.parent_id, span.status, span.end = body["parent_id"], body["status"], body["end"]
        span.has_span_events = span.has_span_events or "span_events" in body
        event = dumps({**body, "rev": span.rev, "noted": span.noted})
        span.since.append((True, event))
        if key.LAYERS not in body.get("attributes", ()):
            return Change("", "", [event], sources=sources)
        state = span.folded()  # it announces layers, which cannot wait
        span.state = self._dumped(state)
        span.since.clear()
        return Change(
            body["span_id"], span.parent_id or "", [event], 0, account_of(state), _layers_of(state), span.state, sources
        )

    def _span_event(self, span: _Span | None, body: dict[str, Any], sources: dict[str, bytes]) -> Change:
        """Tell a span event as a log line, too: it grows the state, and is told with it."""
        if span is None:
            # It came when it was over: its span events stand before its only state, which has them.
            return Change("", "", [dumps({**body, "rev": 1})], sources=sources)
        span.noted += 1
        span.has_span_events = True
        event = dumps({**body, "rev": span.rev, "noted": span.noted})
        span.since.append((False, event))
        return Change("", "", [event], sources=sources)

    def _name_sources(self, body: dict[str, Any]) -> dict[str, bytes]:
        """Name what a line comes from as it is called here; what the file does not say is not named."""
        sources = {}
        for name in ("resource", "scope"):
            entry = self._sources.get(f"{name[0]}:{body.get(name)}")
            if entry is not None:
                body[name], sources[f"{name[0]}:{entry[0]}"] = entry  # its place stays
            else:
                body.pop(name, None)
        return sources

    def _dumped(self, state: dict[str, Any]) -> bytes:
        made = dumps(state)
        self._state_bytes += len(made)
        if self._state_bytes > self._most_state_bytes:
            self._spans.clear()
            raise TooManyError(
                f"The states of the file's spans are larger than {self._most_state_bytes} bytes together: large spans "
                "change too often. Nothing was taken."
            )
        return made


def _with_span_events(body: dict[str, Any], span: _Span | None) -> dict[str, Any]:
    """Return a state with its span events: an end brings all, a state in between may leave out what was told."""
    if "span_events" in body or span is None or not span.has_span_events:
        return body
    return {**body, "span_events": span.folded()["span_events"]}


def _layers_of(state: dict[str, Any]) -> bytes:
    return layers_of(state, state.get("attributes") or {})
