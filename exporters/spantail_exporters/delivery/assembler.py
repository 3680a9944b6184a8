"""What was handed over, turned into batches of changes per run. Used by one thread; no I/O, no clock of its own."""

from __future__ import annotations

import logging
import threading
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import Span as ApiSpan

from spantail.live import LogEvent
from spantail_exporters.delivery.losses import Losses
from spantail_exporters.delivery.lost_batches import LostBatches
from spantail_exporters.delivery.open_span import OpenSpan
from spantail_exporters.delivery.run_batches import RunBatches
from spantail_exporters.model.event import Encoded, dumps, encode_log, encode_span_events, encode_state
from spantail_exporters.model.limits import MAX_EVENT_BYTES
from spantail_exporters.model.record import ATTRIBUTES, SpanRecord, record_of, span_hex, trace_hex
from spantail_exporters.model.sources import KnownSources

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from opentelemetry.sdk.trace import Span

    from spantail_exporters.model.batch import Batch
    from spantail_exporters.model.record import Parts
    from spantail_exporters.model.redactor import Redactor

_logger = logging.getLogger(__name__)

OPEN_CAPACITY: Final = 50_000  # open spans that are followed; of others the end alone is sent, counted as `open_cap`


class Assembler:
    """Turns span starts, span ends and log lines into batches, and finds what changed in open spans.

    Args:
        runner_id: Names this process in every event.
        writer: Names whose batches are numbered: a name that was never used before.
        redactor: Applied to everything that is encoded.
        dropped: Called at every loss with the number of events and the reason.
    """

    def __init__(
        self,
        runner_id: str,
        writer: str,
        redactor: Redactor,
        dropped: Callable[[int, str], None] = lambda _n, _why: None,
    ) -> None:
        self._dropped = dropped
        self._losses = Losses(dropped)
        self._runner_id = runner_id
        self._redactor = redactor
        self._open: dict[tuple[str, str], OpenSpan] = {}  # by run id and span id
        self._batches = RunBatches(writer, self._losses)
        self._lost_batches = LostBatches()
        self._sources = KnownSources()
        self._service: str | None = None
        self._has_warned = False

    @property
    def open_spans(self) -> int:
        """How many spans have started and not ended."""
        return len(self._open)

    @property
    def unsent(self) -> bool:
        """Whether something has been assembled, or counted as lost, that `batches` has not handed out."""
        return self._batches.unsent

    def take(self, items: Sequence[Any]) -> None:
        """Encode what was handed over: a live `Span` is a start, a `ReadableSpan` or its parts (`record.parts_of`) an
        end, a `LogEvent` a log line.
        """
        self._redactor.learn([item[ATTRIBUTES] for item in items if type(item) is tuple])
        for item in items:
            try:
                # by identity of type where that will do: an instance check of an abstract class is slow
                kind = type(item)
                if kind is tuple or kind is ReadableSpan:
                    self._end(item)
                elif isinstance(item, LogEvent):
                    self._log(item)
                elif isinstance(item, ApiSpan):
                    self._start(item)  # type: ignore[arg-type]
                else:
                    self._end(item)
            except BaseException as error:  # a span that cannot be encoded must not cost the others, or end the thread
                if not isinstance(error, Exception) and threading.current_thread() is threading.main_thread():
                    raise  # a stock processor exports on the application's thread, where Ctrl-C is meant
                self._failed(item, error)

    def scan(self, now_us: int, handed_over: int = 0, taken: int = -1) -> None:
        """Encode what changed in open spans since it was last sent: attributes, span events, progress, name.

        A span that is over, and whose end has not come here, was lost on the way (a full queue, a processor before
        ours that raised): its end is made from what it says itself.

        Args:
            now_us: The time, in microseconds since the epoch.
            handed_over: How many items this process was ever given.
            taken: How many of them have come here.
        """
        for one in list(self._open.values()):
            span = one.span
            try:
                if span.end_time is not None:
                    if one.due is None:
                        one.due = handed_over
                    elif taken >= one.due:
                        self._end(span)
                        self._losses.take_back_end(one.run_id)
                    continue
                if (present := one.look()) is not None:
                    self._update(one, present, now_us)
            except BaseException as error:
                self._failed(span, error)

    def open_runs(self) -> set[str]:
        """Name the runs that have open spans of this process."""
        return {run_id for run_id, _ in self._open}

    def resend(self, event: str, now_us: int, runs: Collection[str] | None = None) -> None:
        """Encode the whole state of every open span: it was lost, or others think this process dead.

        Args:
            event: `_update` or `_revived`.
            now_us: The time, in microseconds since the epoch.
            runs: Only spans of these.
        """
        for one in list(self._open.values()):
            if runs is None or one.run_id in runs:
                try:
                    self._resend(one, event, now_us)
                except BaseException as error:
                    self._failed(one.span, error)

    def drop(self, run_id: str, reason: str, count: int = 1) -> None:
        """Count events that were lost; the next batch of the run says so."""
        self._losses.add(run_id, reason, count)

    def drop_ends(self, run_id: str, count: int) -> None:
        """Count ends of spans for which the queue was full: `scan` looks for them."""
        self._losses.add_ends(run_id, count)

    def lose(self, batch: Batch, reason: str) -> None:
        """Count a batch that was lost after it was encoded; the losses that it carried wait for the next one."""
        self._losses.put_back(batch.run_id, batch.drops)
        if batch.changes:
            self._losses.add(batch.run_id, reason, len(batch.changes))
            if reason == "spool_full":
                self._lost_batches.add(batch.run_id, batch.changes)

    def make_up(self, now_us: int) -> None:
        """Encode what must not be missing of batches that were lost, now that there is room again."""
        if self._lost_batches:
            ends, runs = self._lost_batches.take()
            for run_id, change in ends:
                self._batches.of_run(run_id).add(*change)
                self._losses.take_back(run_id, "spool_full")
            self.resend("_update", now_us, runs)

    def batches(self, *, losses: bool = True) -> list[Batch]:
        """Hand out everything assembled so far (`RunBatches.take`)."""
        return self._batches.take(losses=losses)

    def _catch_up(self, run_id: str, span_id: str, until_us: int) -> None:
        """Send the span events of an open span before what happened below it later: the tail is in order of time."""
        one = self._open.get((run_id, span_id))
        if one is not None and one.has_new_span_events:
            record = record_of(one.span, self._runner_id, self._sources)
            record.span_events = tuple(takewhile(lambda span_event: span_event.time_us <= until_us, record.span_events))
            if record.end_us is None and record.dropped_span_events + len(record.span_events) > one.span_events_sent:
                self._change(one, record, until_us)

    def _start(self, span: Span) -> None:
        if span.end_time is not None:
            return  # over already: its end says everything, one event instead of two
        if len(self._open) >= OPEN_CAPACITY:
            self.drop(trace_hex(span.context.trace_id), "open_cap")
            return
        record = record_of(span, self._runner_id, self._sources)
        record.end_us = None  # it may have ended between the two lines; the end comes as one of its own
        # the start comes first, what happened since at the next look
        record.span_events, record.dropped_span_events = (), 0
        state = encode_state(record, 1, self._redactor, event="_start")
        line = self._line(state)
        if self._open and record.parent_id is not None:
            self._catch_up(record.run_id, record.parent_id, record.start_us)
        self._open[record.run_id, record.span_id] = OpenSpan(span, record, line, state)
        self._service = record.service
        self._add(record, state, line)

    def _end(self, span: ReadableSpan | Parts) -> None:
        span_events_sent, rev, one = 0, 1, None
        try:
            record = record_of(span, self._runner_id, self._sources)
            if self._open:
                if (one := self._open.pop((record.run_id, record.span_id), None)) is not None:
                    span_events_sent, rev = one.span_events_sent, one.rev + 1
                if record.parent_id is not None and record.end_us is not None:
                    self._catch_up(record.run_id, record.parent_id, record.end_us)
            state = encode_state(record, rev, self._redactor, noted=span_events_sent)
            line = self._line(state, span_events_sent)
            span_events = encode_span_events(state, state.noted - span_events_sent) if record.span_events else ()
        except BaseException:
            one = one or self._open.pop(_ids_of(span), None)
            if one is not None:
                self._end_alone(one, span)  # it is over all the same
            raise
        self._service = record.service
        if span_events:
            self._batches.of_run(record.run_id).add(
                record.span_id, record.parent_id or "", [*span_events, line], len(span_events),
                state.account, state.layers, sources=state.sources,
            )  # fmt: skip
        else:
            self._add(record, state, line)

    def _end_alone(self, one: OpenSpan, span: ReadableSpan | Parts) -> None:
        """Say that a span has ended of which nothing else can be said."""
        body = one.end_alone(span)
        changes = self._batches.of_run(one.run_id)
        changes.add_state(body["span_id"], body["parent_id"] or "", dumps(body), "")
        changes.add_sources(one.sources)

    def _add(self, record: SpanRecord, state: Encoded, line: bytes) -> None:
        """Add a whole state that is its own only event."""
        changes = self._batches.of_run(record.run_id)
        if state.layers:
            changes.add(record.span_id, record.parent_id or "", (line,), 0, state.account, state.layers)
        else:
            changes.add_state(record.span_id, record.parent_id or "", line, state.account)
        changes.add_sources(state.sources)

    def _update(self, one: OpenSpan, present: Mapping[str, Any], now_us: int) -> None:
        record = record_of(one.span, self._runner_id, self._sources)
        if record.end_us is not None:
            return  # its end is on the way
        record.attributes = present
        self._change(one, record, now_us)

    def _change(self, one: OpenSpan, record: SpanRecord, now_us: int) -> None:
        state = encode_state(
            record, one.rev + 1, self._redactor, event="_update", ts=now_us, noted=one.span_events_sent
        )
        line = self._line(state, one.span_events_sent)
        events, span_events, layers = one.update(record, state, line)
        if events:
            self._batches.of_run(record.run_id).add(
                record.span_id, record.parent_id or "", events, span_events, "", layers, one.last_sent, state.sources
            )

    def _resend(self, one: OpenSpan, event: str, now_us: int) -> None:
        if one.span.end_time is not None:
            return  # its end is on the way
        body = one.again(event, now_us)
        self._batches.of_run(one.run_id).add(
            body["span_id"], body["parent_id"] or "", (one.last_sent,), 0, "", one.layers, sources=one.sources
        )

    def _line(self, state: Encoded, span_events_sent: int = 0) -> bytes:
        """Serialise a state; one that is too large keeps its place in the tree and loses what made it so, counted.

        `span_events_sent` is how many of its span events were sent already: the others are lost with it.
        """
        line = dumps(state.body)
        if len(line) > MAX_EVENT_BYTES:
            self.drop(state.body["run_id"], "too_large", 1 + max(0, state.noted - span_events_sent))
            state.cut(f"…[an event of {len(line):,} bytes, the limit is {MAX_EVENT_BYTES:,}]")
            line = dumps(state.body)
        return line

    def _log(self, event: LogEvent) -> None:
        run_id = trace_hex(event.trace_id)
        if self._open:
            self._catch_up(run_id, span_hex(event.span_id), event.time_ns // 1000)
        line = encode_log(event, self._service, self._runner_id, self._redactor)
        self._batches.of_run(run_id).add_log(line)

    def _failed(self, item: Any, error: BaseException) -> None:
        try:
            self.drop(_ids_of(item)[0], "encode_error")
        except Exception:
            self._dropped(1, "encode_error")  # without a run there is nowhere to count it
        if not self._has_warned:
            self._has_warned = True
            # not its message: that may hold the value that could not be encoded
            _logger.warning("an event could not be encoded and is counted as encode_error: %s", type(error).__name__)


def _ids_of(item: Any) -> tuple[str, str]:
    """Read run id and span id off what was handed over."""
    if isinstance(item, LogEvent):
        trace_id, span_id = item.trace_id, item.span_id
    elif type(item) is tuple:
        trace_id, span_id = item[:2]
    else:
        trace_id, span_id = item.context.trace_id, item.context.span_id
    return trace_hex(trace_id), span_hex(span_id)
