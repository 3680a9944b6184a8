"""What was handed over, turned into batches of changes per run. Used by one thread; no I/O, no clock of its own."""

from __future__ import annotations

import logging
import threading
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import Span as ApiSpan

from spantail.live import LogEvent
from spantail.redaction import TRUNCATED_KEY
from spantail_exporters.delivery.losses import Losses
from spantail_exporters.delivery.lost_batches import Owed
from spantail_exporters.model.batch import Batch
from spantail_exporters.model.changes import Changes
from spantail_exporters.model.event import (
    Encoded,
    dumps,
    encode_log,
    encode_notes,
    encode_state,
    event_of,
    loads,
    update_of,
)
from spantail_exporters.model.event_parts import BESIDE_ATTRIBUTES
from spantail_exporters.model.record import SpanRecord, end_of, record_of, span_hex, trace_hex
from spantail_exporters.model.sources import KnownSources

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from opentelemetry.sdk.trace import Span

    from spantail_exporters.model.record import Parts, Redactor

_logger = logging.getLogger(__name__)

MAX_BATCH_EVENTS = 500
OPEN_CAPACITY = 50_000  # open spans that are followed; further ones are told when they end, and counted as `open_cap`
MAX_EVENT_BYTES = 1024 * 1024
MAX_BATCH_BYTES = 512 * 1024  # keeps one script call below a few milliseconds of Redis' only thread


class _OpenSpan:
    """A span that has started and not ended: what viewers were told of it last."""

    __slots__ = ("attributes", "due", "layers", "name", "noted", "rev", "run_id", "sources", "span", "told")

    def __init__(self, span: Span, record: SpanRecord, line: bytes, state: Encoded) -> None:
        self.span = span
        self.run_id = record.run_id
        self.name = record.name
        self.attributes = record.attributes
        self.rev = 1
        self.noted = 0
        self.told = line  # as bytes: thousands of open spans as dicts would be a garbage collector's work
        self.layers = state.layers
        self.sources = state.sources
        self.due: int | None = None  # it is over: its end is among so many that were handed over


class Assembler:
    """Turns span starts, span ends and log lines into batches, and finds what changed in open spans.

    `runner_id` names this process in every event, `writer` numbers its batches: a name that was never used before.
    `redactor` is applied to everything that is encoded. `dropped` is told of every loss: events and reason.
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
        self._writer = writer
        self._redactor = redactor
        self._open: dict[tuple[str, str], _OpenSpan] = {}  # by run id and span id
        self._runs: dict[str, Changes] = {}
        self._full: list[tuple[str, Changes]] = []  # portions of runs that are as large as a batch may be
        self._owed = Owed()
        self._sources = KnownSources()
        self._writer_seq = 0
        self._service: str | None = None
        self._encode_error_told = False

    @property
    def open_spans(self) -> int:
        """How many spans have started and not ended."""
        return len(self._open)

    @property
    def unsent(self) -> bool:
        """Whether something has been assembled, or counted as lost, that `batches` has not handed out."""
        return bool(self._runs or self._full or self._losses)

    def take(self, items: Iterable[Any]) -> None:
        """Encode what was handed over: a live `Span` is a start, a `ReadableSpan` or its parts (`record.parts_of`) an
        end, a `LogEvent` a log line.
        """
        for item in items:
            try:
                # told apart by identity of type where that will do: an instance check of an abstract class is slow
                kind = type(item)
                if kind is tuple or kind is ReadableSpan:
                    self._end(item)
                elif isinstance(item, LogEvent):
                    self._log(item)
                elif isinstance(item, ApiSpan):
                    self._start(item)  # type: ignore[arg-type]
                else:
                    self._end(item)
            except BaseException as error:  # one hostile span must not take the others, or the thread, with it
                if not isinstance(error, Exception) and threading.current_thread() is threading.main_thread():
                    raise  # a stock processor exports on the application's thread, where Ctrl-C is meant
                self._failed(item, error)

    def scan(self, now_us: int, handed_over: int = 0, taken: int = -1) -> None:
        """Encode what changed in open spans since it was last told: attributes, span events, progress, name.

        Of the `handed_over` items that this process was ever given, `taken` have come here. A span that is over, and
        whose end is not among them, was lost on the way (a full queue, a processor before ours that raised): its end
        is told from what it says itself.
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
                attributes: Any = span.attributes
                present = attributes.copy()
                noted = span.dropped_events + len(span.events)
                if noted != one.noted or span.name != one.name or _differ(present, one.attributes):
                    self._update(one, present, now_us)
            except BaseException as error:
                self._failed(span, error)

    def open_runs(self) -> set[str]:
        """Name the runs that have open spans of this process."""
        return {run_id for run_id, _ in self._open}

    def tell_again(self, event: str, now_us: int, runs: Collection[str] | None = None) -> None:
        """Encode the whole state of every open span (of some runs): it was lost, or others think this process dead.

        `event` is `_update` or `_revived`.
        """
        for one in list(self._open.values()):
            if runs is None or one.run_id in runs:
                try:
                    self._whole(one, event, now_us)
                except BaseException as error:
                    self._failed(one.span, error)

    def ping(self, run_ids: Iterable[str]) -> list[Batch]:
        """Make batches without changes: their reply tells whether Redis still knows the runs."""
        # without a number: one would overtake what waits on disk, which then would look as if it had been applied
        return [Batch(run_id, "", 0, Changes(), {}) for run_id in run_ids]

    def drop(self, run_id: str, reason: str, count: int = 1) -> None:
        """Count events that were lost; told to the run with its next batch."""
        self._losses.add(run_id, reason, count)

    def drop_ends(self, run_id: str, count: int) -> None:
        """Count ends of spans that found no room in the queue: `scan` looks for them."""
        self._losses.add_ends(run_id, count)

    def lose(self, batch: Batch, reason: str) -> None:
        """Count a batch that was lost after it was encoded; the losses that it was to tell wait for the next one."""
        self._losses.put_back(batch.run_id, batch.drops)
        if batch.changes:
            self._losses.add(batch.run_id, reason, len(batch.changes))
            if reason == "spool_full":
                self._owed.add(batch.run_id, batch.changes)

    def repay(self, now_us: int) -> None:
        """Encode what cannot stay untold of batches that were lost, now that there is room for it again."""
        if self._owed:
            ends, runs = self._owed.take()
            for run_id, change in ends:
                self._run(run_id).add(*change)
                self._losses.take_back(run_id, "spool_full")
            self.tell_again("_update", now_us, runs)

    def batches(self, *, losses: bool = True) -> list[Batch]:
        """Hand out everything assembled so far, in order, split into batches of bounded size.

        With `losses=False` runs that have nothing but losses to tell wait: while Redis is away these would be batches
        of their own again and again.
        """
        batches = [self._batch(run_id, changes) for run_id, changes in self._full]
        batches += [self._batch(run_id, changes) for run_id, changes in self._runs.items()]
        if losses:
            batches += [self._batch(run_id, Changes()) for run_id in self._losses.runs]
        self._full, self._runs = [], {}
        return batches

    def _batch(self, run_id: str, changes: Changes) -> Batch:
        self._writer_seq += 1
        return Batch(run_id, self._writer, self._writer_seq, changes, self._losses.take(run_id))

    def _catch_up(self, run_id: str, span_id: str, until_us: int) -> None:
        """Tell the span events of an open span before what happened below it later: a tail reads in order of time."""
        one = self._open.get((run_id, span_id))
        if one is not None and len(getattr(one.span, "_events", ())) > one.noted:
            record = record_of(one.span, self._runner_id, self._sources)
            record.notes = tuple(takewhile(lambda note: note.time_us <= until_us, record.notes))
            if record.end_us is None and record.dropped_notes + len(record.notes) > one.noted:
                self._change(one, record, until_us)

    def _run(self, run_id: str) -> Changes:
        """Return the batch of a run that changes are added to."""
        changes = self._runs.get(run_id)
        if changes is None:
            self._runs[run_id] = changes = Changes()
        elif len(changes.lines) >= MAX_BATCH_EVENTS or changes.size >= MAX_BATCH_BYTES:
            self._full.append((run_id, changes))
            self._runs[run_id] = changes = Changes()
        return changes

    def _start(self, span: Span) -> None:
        if span.end_time is not None:
            return  # over already: its end says everything, one event instead of two
        if len(self._open) >= OPEN_CAPACITY:
            self.drop(trace_hex(span.context.trace_id), "open_cap")
            return
        record = record_of(span, self._runner_id, self._sources)
        record.end_us = None  # it may have ended between the two lines; the end comes as one of its own
        record.notes, record.dropped_notes = (), 0  # the start is told first, what happened since at the next look
        state = encode_state(record, 1, self._redactor, event="_start")
        line = self._line(state)
        if self._open and record.parent_id is not None:
            self._catch_up(record.run_id, record.parent_id, record.start_us)
        self._open[record.run_id, record.span_id] = _OpenSpan(span, record, line, state)
        self._service = record.service
        self._tell(record, state, line)

    def _end(self, span: ReadableSpan | Parts) -> None:
        told, rev, one = 0, 1, None
        try:
            record = record_of(span, self._runner_id, self._sources)
            if self._open:
                if (one := self._open.pop((record.run_id, record.span_id), None)) is not None:
                    told, rev = one.noted, one.rev + 1
                if record.parent_id is not None and record.end_us is not None:
                    self._catch_up(record.run_id, record.parent_id, record.end_us)
            state = encode_state(record, rev, self._redactor, noted=told)
            line = self._line(state, told)
            notes = encode_notes(state, state.noted - told) if record.notes else ()
        except BaseException:
            one = one or self._open.pop(_ids_of(span), None)
            if one is not None:
                self._over(one, span)  # it is over all the same
            raise
        self._service = record.service
        if notes:
            self._run(record.run_id).add(
                record.span_id, record.parent_id or "", [*notes, line], len(notes), state.account, state.layers,
                sources=state.sources,
            )  # fmt: skip
        else:
            self._tell(record, state, line)

    def _over(self, one: _OpenSpan, span: ReadableSpan | Parts) -> None:
        """Tell that a span has ended of which nothing else can be told."""
        end_us, failed = end_of(span)
        status = "error" if failed else "ok"
        told: dict[str, Any] = loads(one.told)
        told |= {"rev": one.rev + 1, "status": status, "ts": end_us, "event": event_of(told["kind"], status)}
        told |= {"end": end_us, "attributes": {TRUNCATED_KEY: "…[could not be encoded]"}}
        for name in BESIDE_ATTRIBUTES:
            told.pop(name, None)
        changes = self._run(one.run_id)
        changes.add_state(told["span_id"], told["parent_id"] or "", dumps(told), "")
        changes.add_sources(one.sources)

    def _tell(self, record: SpanRecord, state: Encoded, line: bytes) -> None:
        changes = self._run(record.run_id)
        if state.layers:
            changes.add(record.span_id, record.parent_id or "", (line,), 0, state.account, state.layers)
        else:
            changes.add_state(record.span_id, record.parent_id or "", line, state.account)
        changes.add_sources(state.sources)

    def _update(self, one: _OpenSpan, present: Mapping[str, Any], now_us: int) -> None:
        record = record_of(one.span, self._runner_id, self._sources)
        if record.end_us is not None:
            return  # its end is on the way
        record.attributes = present
        self._change(one, record, now_us)

    def _change(self, one: _OpenSpan, record: SpanRecord, now_us: int) -> None:
        rev = one.rev + 1
        state = encode_state(record, rev, self._redactor, event="_update", ts=now_us, noted=one.noted)
        whole = self._line(state, one.noted)
        notes = encode_notes(state, state.noted - one.noted)
        told: dict[str, Any] = loads(one.told)
        before = told["attributes"]
        changed = {k: v for k, v in state.body["attributes"].items() if k not in before or before[k] != v}
        events = notes
        layers = b""
        if changed or state.body["name"] != told["name"]:
            events = [*notes, dumps(update_of(state, told, changed))]
            layers = state.layers
        one.attributes, one.name = record.attributes, record.name
        one.told, one.noted, one.layers = whole, state.noted, state.layers
        if events:
            one.rev = rev  # what is not told takes no number: a gap says that something is missing
            self._run(record.run_id).add(
                record.span_id, record.parent_id or "", events, len(notes), "", layers, whole, state.sources
            )

    def _whole(self, one: _OpenSpan, event: str, now_us: int) -> None:
        if one.span.end_time is not None:
            return  # its end is on the way
        # what was told last, not what is new: this may lose, and what is new would then never be told
        one.rev += 1
        told: dict[str, Any] = loads(one.told)
        told |= {"rev": one.rev, "ts": now_us, "event": told["kind"] + event}
        one.told = line = dumps(told)
        self._run(one.run_id).add(
            told["span_id"], told["parent_id"] or "", (line,), 0, "", one.layers, sources=one.sources
        )

    def _line(self, state: Encoded, told: int = 0) -> bytes:
        """Serialise a state; one that is too large keeps its place in the tree and loses what made it so, counted.

        `told` is how many of its span events are stored already: the others are lost with it.
        """
        line = dumps(state.body)
        if len(line) > MAX_EVENT_BYTES:
            self.drop(state.body["run_id"], "too_large", 1 + max(0, state.noted - told))
            state.cut(f"…[an event of {len(line):,} bytes, the limit is {MAX_EVENT_BYTES:,}]")
            line = dumps(state.body)
        return line

    def _log(self, event: LogEvent) -> None:
        run_id = trace_hex(event.trace_id)
        if self._open:
            self._catch_up(run_id, span_hex(event.span_id), event.time_ns // 1000)
        line = encode_log(event, self._service, self._runner_id, self._redactor)
        self._run(run_id).add_log(line)

    def _failed(self, item: Any, error: BaseException) -> None:
        try:
            self.drop(_ids_of(item)[0], "encode_error")
        except Exception:
            self._dropped(1, "encode_error")  # without a run there is nobody to tell
        if not self._encode_error_told:
            self._encode_error_told = True
            # not its words: they may hold the value that could not be encoded
            _logger.warning("an event could not be encoded and is counted as encode_error: %s", type(error).__name__)


def _differ(one: Any, other: Any) -> bool:
    try:
        return bool(one != other)
    except Exception:
        return True  # what cannot be compared is compared as it is told


def _ids_of(item: Any) -> tuple[str, str]:
    """Read run id and span id off what was handed over."""
    if isinstance(item, LogEvent):
        trace_id, span_id = item.trace_id, item.span_id
    elif type(item) is tuple:
        trace_id, span_id = item[:2]
    else:
        trace_id, span_id = item.context.trace_id, item.context.span_id
    return trace_hex(trace_id), span_hex(span_id)
