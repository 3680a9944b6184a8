"""The one worker of a process: it owns the queue, the thread, fork, flush and the counting of what is lost.

The application's threads only leave references: an end in a deque, a start in a dict that its end takes it out of
again. The worker drains them, assembles batches and delivers them. After a delivery it lingers a few milliseconds, so
that under load one script call carries many events; while it lingers nobody needs to wake it, and handing over costs a
length check and an append.
"""

# ruff: noqa: SLF001 - the SDK's field behind `context`, whose property costs a call

from __future__ import annotations

import itertools
import logging
import os
import random
import socket
import sys
import time
import weakref
from collections import Counter, deque
from itertools import islice
from typing import TYPE_CHECKING, Any

from opentelemetry.context import attach, set_value
from opentelemetry.sdk.trace import ReadableSpan

from spantail.live import LogEvent
from spantail_exporters.delivery.assembler import Assembler
from spantail_exporters.delivery.health import Health
from spantail_exporters.model.record import END_TIME, parts_of, trace_hex
from spantail_exporters.redis.waiter import block_sigpipe
from spantail_exporters.worker.thread import Signal, WorkerThread

if TYPE_CHECKING:
    from collections.abc import Callable

    from opentelemetry.sdk.trace import Span

    from spantail_exporters.delivery.delivery import Delivery
    from spantail_exporters.model.record import Redactor

_logger = logging.getLogger(__name__)

QUEUE_CAPACITY = 65_536  # references, about 3 s of spans at a full core's rate
_DRAIN = 512  # items taken at once: what is encoded stays in the cache until it is sent (2,048: a third slower)
_STRETCH = 128  # items encoded between two looks at the socket
_ALONE = 0.8  # of the time is the worker's own when nobody else wants the interpreter
_LINGER_S = 0.010
_SCAN_S = 0.2  # open spans are looked at this often, so that progress is seen within 250 ms
_IDLE_S = 1.0
_numbers = itertools.count()  # tells pipelines apart in metrics
_LOST = 65_536  # losses that wait to be counted on their runs


def _start_s() -> int:
    """When a pipeline starts, in seconds since the epoch; of two in one process the second is a second later."""
    global _last_start_s  # noqa: PLW0603 - a number, told apart from none but those of this process
    _last_start_s = max(int(time.time()), _last_start_s + 1)
    return _last_start_s


_last_start_s = 0


class _Flush:
    """A marker in the queue: all that was handed over before it has been delivered when `done` is set.

    `starts` counts down the starts that wait beside the queue.
    """

    __slots__ = ("batch", "done", "given_up", "starts")

    def __init__(self, starts: int) -> None:
        self.done = Signal()
        self.starts = starts
        self.batch: int | None = None  # the last one that it waits for
        self.given_up = False


def _time_ns(item: Any) -> int:
    if isinstance(item, LogEvent):
        return item.time_ns
    if type(item) is tuple:
        time_ns: Any = item[END_TIME]
    else:  # what has ended meanwhile is still a start here: the type tells
        time_ns = item.end_time if type(item) is ReadableSpan else item.start_time
    return time_ns if isinstance(time_ns, int) else 0  # a sort must not meet what a span made by hand may hold


class Batcher:
    """An `EventSink` (`spantail.live`) that delivers from a thread of its own.

    `open_delivery` is called on the worker's thread, once per process, with assembler, runner id and health.
    `capacity` bounds the queue; what does not fit is counted as `queue_full` on its run. After `shutdown` nothing is
    taken any more.
    """

    def __init__(
        self,
        open_delivery: Callable[[Assembler, str, Health], Delivery],
        redactor: Redactor,
        *,
        capacity: int = QUEUE_CAPACITY,
    ) -> None:
        self._open_delivery = open_delivery
        self._redactor = redactor
        self._capacity = capacity
        self._begin()
        self._health = Health(
            f"spantail_live_pipeline/{next(_numbers)}",
            queue_length=lambda: len(self._queue) + len(self._starts),
            queue_capacity=capacity,
            open_spans=lambda: self._assembler.open_spans if self._assembler else 0,
            spool_bytes=lambda: self._delivery.spool_bytes if self._delivery else 0,
        )
        if hasattr(os, "register_at_fork"):
            begin = weakref.WeakMethod(self._begin)

            def after_fork() -> None:
                if begin_again := begin():
                    begin_again()

            os.register_at_fork(after_in_child=after_fork)

    def _begin(self) -> None:
        """Start from nothing: in a new process, also after a fork (what was queued is the parent's to deliver)."""
        self._runner_id = f"{socket.gethostname().replace(':', '-')}:{os.getpid()}:{_start_s()}"
        self._queue: deque[Any] = deque()
        self._starts: dict[int, Span] = {}  # by the identity of their context, which start and end share
        self._lost: deque[tuple[int, bool]] = deque()  # trace id, and whether it was the end of a span
        self._nameless = itertools.count()  # further ones, which only the metrics tell of
        self._nameless_told = 0
        self._taken = 0  # from the queue
        self._room = self._capacity
        self._thread = WorkerThread(self._run, "spantail-batcher")
        self._assembler: Assembler | None = None
        self._delivery: Delivery | None = None
        self._wake = Signal()
        self._idle = True  # the first append starts the thread
        self._hurry = False  # somebody waits for a flush
        self._lingers_until = 0.0
        self._stopping = False
        self._deadline = float("inf")

    @property
    def runner_id(self) -> str:
        """This process as `host:pid:start`, new after a fork."""
        return self._runner_id

    # ------------------------------------------------------------ the application's threads

    def started(self, span: Span) -> None:
        """Take over a span that has just started."""
        one: Any = span
        starts = self._starts
        if len(starts) < self._room:
            try:
                starts[id(one._context)] = span
            except AttributeError:  # not made by the SDK's tracer
                starts[id(span.context)] = span
            if self._idle:
                self._rouse()
        else:
            self._lose(span.context.trace_id)

    def ended(self, span: ReadableSpan) -> None:
        """Take over a span that has ended."""
        one: Any = span
        try:
            context = one._context
        except AttributeError:
            context = one.context
        self._starts.pop(id(context), None)  # a start that nobody has looked at yet need not be told
        queue = self._queue
        if len(queue) < self._room:
            queue.append(parts_of(span))
            if self._idle:
                self._rouse()
        else:
            self._lose(context.trace_id, is_end=True)

    def logged(self, event: LogEvent) -> None:
        """Take over a log record."""
        if len(self._queue) < self._room:
            self._queue.append(event)
            if self._idle:
                self._rouse()
        else:
            self._lose(event.trace_id)

    def flush(self, timeout_s: float) -> bool:
        """Wait until all that was handed over is stored; False when `timeout_s` was not enough."""
        if not self._thread.has_begun and not self._queue and not self._starts:
            return True
        if self._stopping and not self._thread.at_work:
            return not self._queue and not self._starts  # stopped for good: nobody would answer a marker
        marker = _Flush(len(self._starts))
        self._queue.append(marker)
        self._hurry = True
        self._wake.set()  # also out of a linger or a backoff
        marker.given_up = not self._thread.await_or_start(marker.done, timeout_s)
        return not marker.given_up

    def shutdown(self, timeout_s: float) -> bool:
        """Deliver what is queued within `timeout_s`, then stop; False when something was left undelivered."""
        if not self._thread.has_begun and not self._queue and not self._starts:
            self._stopping = True
            self._close()
            return True
        self._deadline = time.monotonic() + timeout_s
        flushed = self.flush(timeout_s) if not self._stopping else True
        self._stopping = self._hurry = True
        self._wake.set()
        self._thread.join(max(0.0, self._deadline - time.monotonic()) + 0.5)
        return flushed

    def _rouse(self) -> None:
        try:
            self._idle = False
            if not self._thread.has_begun and not self._stopping:
                self._thread.start()
        except BaseException as error:
            self._idle = True  # whatever is handed over next tries again
            if not isinstance(error, RuntimeError):
                raise  # Ctrl-C is the application's
            if sys.is_finalizing():  # nothing more can be delivered; else there are too many threads
                self._stopping = True
        self._wake.set()

    def _lose(self, trace_id: int, *, is_end: bool = False) -> None:
        # no lock: the thread that held it may be here again, below a handler of a signal
        if not self._room:
            return  # shut down: nobody is left to tell
        if len(self._lost) < _LOST:
            self._lost.append((trace_id, is_end))
        else:
            next(self._nameless)

    # ------------------------------------------------------------ the worker's thread

    def _run(self) -> None:
        attach(set_value("suppress_instrumentation", True))  # what delivery does must not be traced itself
        block_sigpipe()
        writer = f"{self._runner_id}:{random.getrandbits(32):08x}"
        self._assembler = assembler = Assembler(self._runner_id, writer, self._redactor, self._health.dropped)
        self._delivery = delivery = self._open_delivery(assembler, self._runner_id, self._health)
        delivery.on_answer(self._wake.set)
        flushes: list[_Flush] = []
        next_scan = time.monotonic() + _SCAN_S
        while True:
            try:
                self._tell_losses(assembler)
                if delivery.accepts and (self._hurry or time.monotonic() >= self._lingers_until):
                    self._hurry = False
                    if items := self._drain(flushes):
                        self._encode(items, assembler, delivery)
                        del items  # the last of many a span: not to be kept through the rest
                        self._lingers_until = time.monotonic() + _LINGER_S
                    next_scan = self._scan(assembler, next_scan)
                    delivery.offer(assembler.batches(losses=not delivery.away or self._stopping))
                    for marker in flushes:
                        marker.batch = delivery.offered if marker.batch is None else marker.batch
                delivery.step()
                self._answer(flushes, delivery.stored, unsent=assembler.unsent)
            except Exception:
                # a mistake of ours must not end delivery for the life of the process
                _logger.exception("the live pipeline failed and goes on")
                self._pause(_IDLE_S)
            if self._stopping and self._may_stop(delivery):
                break
            self._rest(assembler, delivery, next_scan, is_awaited=bool(flushes))
        delivery.close()
        self._close()

    def _close(self) -> None:
        self._room = 0
        if unread := len(self._queue) + len(self._starts):
            self._health.dropped(unread, "shut_down")
            self._queue.clear()
            self._starts.clear()

    def _may_stop(self, delivery: Delivery) -> bool:
        if time.monotonic() >= self._deadline:
            return True
        if self._queue or self._starts:
            return False  # also while Redis is away: the rest of the queue goes to the spool
        return delivery.accepts if delivery.away else not (delivery.in_memory or delivery.spooled or delivery.inherits)

    def _answer(self, flushes: list[_Flush], stored: int, *, unsent: bool) -> None:
        """Set free who waits for what is stored by now; under load there is always something on its way."""
        for marker in list(flushes):
            if marker.given_up:
                flushes.remove(marker)
            elif marker.batch is not None and marker.batch <= stored:
                if unsent:
                    marker.batch = None  # a delivery gave rise to counts, which are waited for too
                else:
                    marker.done.set()
                    flushes.remove(marker)

    def _scan(self, assembler: Assembler, due: float) -> float:
        now = time.monotonic()
        if now < due:
            return due
        assembler.scan(time.time_ns() // 1000, self._taken + len(self._queue), self._taken)
        # a look at very many open spans may take a tenth of the time, and is had once a second at least
        return now + min(1.0, max(_SCAN_S, 10 * (time.monotonic() - now)))

    def _drain(self, flushes: list[_Flush]) -> list[Any]:
        items: list[Any] = []
        queue, starts = self._queue, self._starts
        told = [start for key in list(islice(starts, _DRAIN)) if (start := starts.pop(key, None)) is not None]
        waiting = len(flushes)
        for _ in range(min(len(queue), _DRAIN)):
            item = queue.popleft()
            if type(item) is not _Flush:
                items.append(item)
            elif told and len(told) < item.starts:
                item.starts -= len(told)  # those that its end took out again are counted too: it waits a little longer
                queue.appendleft(item)
                self._hurry = True
                break
            else:
                flushes.append(item)
        self._taken += len(items) + len(flushes) - waiting
        if told:
            # a start comes before an end of the same moment, and a tail reads in order of time
            items = [*told, *items]
            items.sort(key=_time_ns)
        return items

    def _encode(self, items: list[Any], assembler: Assembler, delivery: Delivery) -> None:
        """Have items encoded, and the last ones sent on meanwhile: a socket takes no more than some 200 KiB at once."""
        for first in range(0, len(items), _STRETCH):
            wall_s, own_s = time.perf_counter(), time.thread_time()
            assembler.take(items[first : first + _STRETCH])
            # A look at the socket gives the interpreter away. Where the application wants it too, it comes back 5 ms
            # later, and the look has to wait until all is encoded.
            if time.thread_time() - own_s > _ALONE * (time.perf_counter() - wall_s):
                delivery.step()

    def _rest(self, assembler: Assembler, delivery: Delivery, next_scan: float, *, is_awaited: bool) -> None:
        """Wait until there is something to do: an answer, a full portion, the end of the linger, or anything at all.

        Unless somebody waits for it (`is_awaited`), an answer is good enough when the linger is over.
        """
        now = time.monotonic()
        rests_for_s = delivery.rests_for_s
        if not delivery.accepts:
            delivery.await_answer()  # which, too, ends the pause
            self._pause(rests_for_s)
        elif len(self._queue) >= _DRAIN or len(self._starts) >= _DRAIN:
            self._lingers_until = now
        elif now < self._lingers_until:
            if is_awaited:
                delivery.await_answer()
            self._pause(min(self._lingers_until - now, rests_for_s))
        elif self._queue or self._starts:
            pass
        elif self._stopping or (assembler.unsent and not delivery.away):
            delivery.await_answer()
            self._pause(min(_LINGER_S, rests_for_s))
        else:
            self._idle = True
            if not self._queue and not self._starts:  # nothing was appended between the look and the flag
                delivery.await_answer()
                rests_for_s = min(rests_for_s, next_scan - now if assembler.open_spans else _IDLE_S)
                self._pause(max(0.0, rests_for_s))
            self._idle = False

    def _pause(self, wait_s: float) -> None:
        self._wake.wait(wait_s)

    def _tell_losses(self, assembler: Assembler) -> None:
        if self._lost:
            lost = Counter(self._lost.popleft() for _ in range(len(self._lost)))
            for (trace_id, is_end), count in lost.items():
                if is_end:
                    assembler.drop_ends(trace_hex(trace_id), count)
                else:
                    assembler.drop(trace_hex(trace_id), "queue_full", count)
        if nameless := next(self._nameless) - self._nameless_told:
            self._health.dropped(nameless, "queue_full")
        self._nameless_told += nameless + 1  # to ask is to count
