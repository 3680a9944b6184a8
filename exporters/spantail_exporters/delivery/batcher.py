"""The live pipeline's worker: it takes what the application's threads leave, and assembles and delivers batches.

The application's threads only leave references: an end in a queue, a start in a dict that its end takes it out of
again. After a delivery the worker lingers a few milliseconds, so that under load one script call carries many events;
while it lingers nobody needs to wake it, and handing over costs a length check and an append.
"""

# The SDK's private `_context` is read: its property would cost a call for each span.

from __future__ import annotations

import itertools
import random
import time
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from opentelemetry.sdk.trace import ReadableSpan

from spantail.live import LogEvent
from spantail_exporters.delivery.assembler import Assembler
from spantail_exporters.delivery.health import Health
from spantail_exporters.delivery.queue_losses import QueueLosses
from spantail_exporters.model.record import END_TIME, parts_of, trace_hex
from spantail_exporters.worker.worker import Flush, Worker

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.sdk.trace import Span

    from spantail_exporters.delivery.sender import Sender
    from spantail_exporters.model.redactor import Redactor

QUEUE_CAPACITY: Final = 65_536  # references, about 3 s of spans at a full core's rate
_DRAIN: Final = 512  # items taken at once: what is encoded stays in the cache until it is sent (2,048: a third slower)
_CHUNK: Final = 128  # items encoded between two looks at the socket
_UNDISTURBED: Final = 0.8  # of the time is the worker's own when nobody else wants the interpreter
_LINGER_S: Final = 0.010
_SCAN_S: Final = 0.2  # open spans are looked at this often, so that progress is seen within 250 ms
_IDLE_S: Final = 1.0
_numbers = itertools.count()  # tells pipelines apart in metrics


class _Flush(Flush):
    """A marker in the queue.

    Args:
        starts: How many starts wait beside the queue; counted down as they are taken.
    """

    __slots__ = ("batch", "starts")

    def __init__(self, starts: int) -> None:
        super().__init__()
        self.starts = starts
        self.batch: int | None = None  # the last one that it waits for


class _Pipeline(NamedTuple):
    assembler: Assembler
    sender: Sender


class Batcher(Worker[_Pipeline]):
    """An `EventSink` (`spantail.live`) that delivers from a thread of its own.

    What does not fit into the queue is counted as `queue_full` on its run. After `shutdown` nothing is taken any more.

    Args:
        open_sender: Called on the worker's thread, once per process, with assembler, runner id and health.
        redactor: Applied to everything that is encoded.
        capacity: How many references the queue holds, and as many starts beside it.
    """

    def __init__(
        self,
        open_sender: Callable[[Assembler, str, Health], Sender],
        redactor: Redactor,
        *,
        capacity: int = QUEUE_CAPACITY,
    ) -> None:
        self._open_sender = open_sender
        self._redactor = redactor
        super().__init__("spantail-batcher", capacity)
        self._health = Health(
            f"spantail_live_pipeline/{next(_numbers)}",
            queue_length=lambda: len(self._queue) + len(self._starts),
            queue_capacity=capacity,
            open_spans=lambda: self._assembler.open_spans if self._assembler else 0,
            spool_bytes=lambda: self._sender.spool_bytes if self._sender else 0,
        )

    def _begin(self) -> None:
        super()._begin()
        self._starts: dict[int, Span] = {}  # by the identity of their context, which start and end share
        self._lost = QueueLosses()
        self._taken = 0  # from the queue
        self._flushes: list[_Flush] = []  # met in the queue and not answered
        self._assembler: Assembler | None = None
        self._sender: Sender | None = None
        self._lingers_until = 0.0
        self._next_scan = 0.0

    # ------------------------------------------------------------ the application's threads

    def started(self, span: Span) -> None:
        """Take over a span that has just started."""
        one: Any = span
        starts = self._starts
        if len(starts) < self._capacity:
            try:
                starts[id(one._context)] = span
            except AttributeError:  # not made by the SDK's tracer
                starts[id(span.context)] = span
            if self._idle:
                self._wake_up()
        else:
            self._lose(span.context.trace_id)

    def ended(self, span: ReadableSpan) -> None:
        """Take over a span that has ended."""
        one: Any = span
        try:
            context = one._context
        except AttributeError:
            context = one.context
        self._starts.pop(id(context), None)  # a start that nobody has looked at yet need not be sent
        queue = self._queue
        if len(queue) < self._capacity:
            queue.append(parts_of(span))
            if self._idle:
                self._wake_up()
        else:
            self._lose(context.trace_id, is_end=True)

    def logged(self, event: LogEvent) -> None:
        """Take over a log record."""
        if len(self._queue) < self._capacity:
            self._queue.append(event)
            if self._idle:
                self._wake_up()
        else:
            self._lose(event.trace_id)

    def _lose(self, trace_id: int, *, is_end: bool = False) -> None:
        if self._capacity:  # after the shutdown nobody is left who would count it
            self._lost.add(trace_id, is_end=is_end)

    # ------------------------------------------------------------ for `Worker`

    @property
    def _is_empty(self) -> bool:
        return not self._queue and not self._starts

    def _new_marker(self) -> Flush:
        return _Flush(len(self._starts))

    def _open(self) -> _Pipeline:
        writer = f"{self._runner_id}:{random.getrandbits(32):08x}"
        self._assembler = assembler = Assembler(self._runner_id, writer, self._redactor, self._health.dropped)
        self._sender = sender = self._open_sender(assembler, self._runner_id, self._health)
        sender.on_answer(self._wake.set)
        self._next_scan = time.monotonic() + _SCAN_S
        return _Pipeline(assembler, sender)

    def _step(self, pipeline: _Pipeline, /) -> None:
        assembler, sender = pipeline
        self._count_losses(assembler)
        if sender.accepts and (self._is_awaited or time.monotonic() >= self._lingers_until):
            self._is_awaited = False
            if items := self._drain():
                self._encode(items, assembler, sender)
                del items  # the last of many a span: not to be kept through the rest
                self._lingers_until = time.monotonic() + _LINGER_S
            self._scan(assembler)
            sender.offer(assembler.batches(losses=not sender.away or self._stopping))
            for marker in self._flushes:
                marker.batch = sender.offered if marker.batch is None else marker.batch
        sender.step()
        self._answer(sender.stored, unsent=assembler.unsent)

    def _may_stop(self, pipeline: _Pipeline, /) -> bool:
        sender = pipeline.sender
        if time.monotonic() >= self._deadline:
            return True
        if not self._is_empty:
            return False  # also while Redis is away: the rest of the queue goes to the spool
        return sender.accepts if sender.away else not (sender.in_memory or sender.spooled or sender.inherits)

    def _rest(self, pipeline: _Pipeline, /) -> None:
        """Wait until there is something to do: an answer, a full chunk, the end of the linger, or anything at all.

        Unless somebody waits for it, an answer is good enough when the linger is over.
        """
        assembler, sender = pipeline
        now = time.monotonic()
        rests_for_s = sender.rests_for_s
        if not sender.accepts:
            sender.await_answer()  # which, too, ends the pause
            self._pause(rests_for_s)
        elif len(self._queue) >= _DRAIN or len(self._starts) >= _DRAIN:
            self._lingers_until = now
        elif now < self._lingers_until:
            if self._flushes:
                sender.await_answer()
            self._pause(min(self._lingers_until - now, rests_for_s))
        elif not self._is_empty:
            pass
        elif self._stopping or (assembler.unsent and not sender.away):
            sender.await_answer()
            self._pause(min(_LINGER_S, rests_for_s))
        else:
            self._idle = True
            if self._is_empty:  # nothing was appended between the look and the flag
                sender.await_answer()
                rests_for_s = min(rests_for_s, self._next_scan - now if assembler.open_spans else _IDLE_S)
                self._pause(rests_for_s)
            self._idle = False

    def _close(self, pipeline: _Pipeline, /) -> None:
        pipeline.sender.close()

    def _discard(self) -> None:
        super()._discard()
        self._count_discarded(len(self._starts))
        self._starts.clear()

    def _count_discarded(self, count: int) -> None:
        if count:
            self._health.dropped(count, "shut_down")

    # ------------------------------------------------------------ the worker's thread

    def _count_losses(self, assembler: Assembler) -> None:
        losses, further = self._lost.take()
        for (trace_id, is_end), count in losses.items():
            if is_end:
                assembler.drop_ends(trace_hex(trace_id), count)
            else:
                assembler.drop(trace_hex(trace_id), "queue_full", count)
        if further:
            self._health.dropped(further, "queue_full")

    def _drain(self) -> list[Any]:
        """Take what waits, up to a limit; markers go to those that were met."""
        items: list[Any] = []
        queue, starts = self._queue, self._starts
        started = [start for key in list(islice(starts, _DRAIN)) if (start := starts.pop(key, None)) is not None]
        met = len(self._flushes)
        for _ in range(min(len(queue), _DRAIN)):
            item = queue.popleft()
            if type(item) is not _Flush:
                items.append(item)
            elif started and len(started) < item.starts:
                # those that their end took out again are counted too: it waits a little longer
                item.starts -= len(started)
                queue.appendleft(item)
                self._is_awaited = True
                break
            else:
                self._flushes.append(item)
        self._taken += len(items) + len(self._flushes) - met
        if started:
            # a start comes before an end of the same moment, and a tail reads in order of time
            items = [*started, *items]
            items.sort(key=_time_ns)
        return items

    def _encode(self, items: list[Any], assembler: Assembler, sender: Sender) -> None:
        """Have items encoded, and the last ones sent on meanwhile: a socket takes no more than some 200 KiB at once."""
        for first in range(0, len(items), _CHUNK):
            wall_s, own_s = time.perf_counter(), time.thread_time()
            assembler.take(items[first : first + _CHUNK])
            # A look at the socket gives the interpreter away. Where the application wants it too, it comes back 5 ms
            # later, and the look has to wait until all is encoded.
            if time.thread_time() - own_s > _UNDISTURBED * (time.perf_counter() - wall_s):
                sender.step()

    def _scan(self, assembler: Assembler) -> None:
        now = time.monotonic()
        if now >= self._next_scan:
            assembler.scan(time.time_ns() // 1000, self._taken + len(self._queue), self._taken)
            # a look at very many open spans may take a tenth of the time, and is had once a second at least
            self._next_scan = now + min(1.0, max(_SCAN_S, 10 * (time.monotonic() - now)))

    def _answer(self, stored: int, *, unsent: bool) -> None:
        """Answer those who wait for what is stored by now; under load there is always something on its way."""
        for marker in list(self._flushes):
            if marker.given_up:
                self._flushes.remove(marker)
            elif marker.batch is not None and marker.batch <= stored:
                if unsent:
                    marker.batch = None  # a delivery gave rise to counts, which are waited for too
                else:
                    marker.answer(delivered=True)
                    self._flushes.remove(marker)


def _time_ns(item: Any) -> int:
    if isinstance(item, LogEvent):
        return item.time_ns
    if type(item) is tuple:
        time_ns: Any = item[END_TIME]
    else:  # what has ended meanwhile is still a start here: the type tells
        time_ns = item.end_time if type(item) is ReadableSpan else item.start_time
    return time_ns if isinstance(time_ns, int) else 0  # a sort must not meet what a span made by hand may hold
