"""The one worker of a process: it owns the queue, the thread, fork, flush and the counting of what is lost.

The application's threads only append a reference to a deque. The worker drains it, assembles batches and
delivers them. After a delivery it lingers a few milliseconds, so that under load one script call carries many
events; while it lingers nobody needs to wake it, and handing over costs a length check and an append.
"""

from __future__ import annotations

import logging
import os
import random
import socket
import threading
import time
import weakref
from collections import Counter, deque
from typing import TYPE_CHECKING, Any, Protocol

from opentelemetry.context import attach, set_value

from spantail_exporters.assembler import Assembler, Batch
from spantail_exporters.redis_writer import Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opentelemetry.sdk.trace import ReadableSpan, Span

    from spantail.live import LogEvent
    from spantail_exporters.record import Redactor

_logger = logging.getLogger(__name__)

QUEUE_CAPACITY = 65_536  # references, about 3 s of spans at a full core's rate
_DRAIN = 2_048  # items taken at once: bounds the memory of what is encoded and not yet delivered
_LINGER_S = 0.010
_SCAN_S = 0.2  # open spans are looked at this often, so that progress is seen within 250 ms
_IDLE_S = 1.0
_BACKOFF_S = (0.05, 5.0)
_DROPPED_RUNS = 10_000  # runs whose losses are told apart


class Writer(Protocol):
    """What the worker needs of the place that batches go to (`RedisWriter`)."""

    def send(self, batches: Sequence[Batch]) -> list[tuple[Batch, str]]:
        """Apply batches in order; return the refused ones with the reason; raise `Unavailable` to be asked again."""

    def close(self) -> None:
        """Let go of the connection."""


class _Flush:
    """A marker in the queue: all that stands before it has been delivered when `done` is set."""

    __slots__ = ("done",)

    def __init__(self) -> None:
        self.done = threading.Event()


class Batcher:
    """An `EventSink` (`spantail.live`) that delivers from a thread of its own.

    `connect` is called with the writer id, once per process, on the worker's thread. `capacity` bounds the queue;
    what does not fit is counted as `queue_full` on its run.
    """

    def __init__(self, connect: Callable[[str], Writer], redactor: Redactor, *, capacity: int = QUEUE_CAPACITY) -> None:
        self._connect = connect
        self._redactor = redactor
        self._capacity = capacity
        self._begin()
        if hasattr(os, "register_at_fork"):
            begin = weakref.WeakMethod(self._begin)

            def after_fork() -> None:
                if begin_again := begin():
                    begin_again()

            os.register_at_fork(after_in_child=after_fork)

    def _begin(self) -> None:
        """Start from nothing: in a new process, also after a fork (what was queued is the parent's to deliver)."""
        self._runner_id = f"{socket.gethostname().replace(':', '-')}:{os.getpid()}:{int(time.time())}"
        self._queue: deque[Any] = deque()
        self._lost: Counter[tuple[int, str]] = Counter()
        self._lost_lock = threading.Lock()
        self._thread_lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._wake = threading.Event()
        self._idle = True  # the first append starts the thread
        self._stopping = False
        self._deadline = float("inf")

    @property
    def runner_id(self) -> str:
        """This process as `host:pid:start`, new after a fork."""
        return self._runner_id

    # ------------------------------------------------------------ the application's threads

    def started(self, span: Span) -> None:
        """Take over a span that has just started."""
        queue = self._queue
        if len(queue) < self._capacity:
            queue.append(span)
            if self._idle:
                self._rouse()
        else:
            self._lose(span.context.trace_id, "queue_full")

    def ended(self, span: ReadableSpan) -> None:
        """Take over a span that has ended."""
        queue = self._queue
        if len(queue) < self._capacity:
            queue.append(span)
            if self._idle:
                self._rouse()
        else:
            context: Any = span.context
            self._lose(context.trace_id, "queue_full")

    def logged(self, event: LogEvent) -> None:
        """Take over a log record."""
        if len(self._queue) < self._capacity:
            self._queue.append(event)
            if self._idle:
                self._rouse()
        else:
            self._lose(event.trace_id, "queue_full")

    def flush(self, timeout_s: float) -> bool:
        """Wait until all that was handed over is stored; False when `timeout_s` was not enough."""
        if self._thread is None and not self._queue:
            return True
        marker = _Flush()
        self._queue.append(marker)
        self._rouse()
        self._wake.set()  # also out of a linger or a backoff
        return marker.done.wait(timeout_s)

    def shutdown(self, timeout_s: float) -> bool:
        """Deliver what is queued within `timeout_s`, then stop; False when something was left undelivered."""
        thread = self._thread
        if thread is None and not self._queue:
            self._stopping = True
            return True
        self._deadline = time.monotonic() + timeout_s
        flushed = self.flush(timeout_s) if not self._stopping else True
        self._stopping = True
        self._wake.set()
        if thread is not None and thread is not threading.current_thread():
            thread.join(max(0.0, self._deadline - time.monotonic()) + 0.5)
        return flushed

    def _rouse(self) -> None:
        self._idle = False
        if self._thread is None and not self._stopping:
            with self._thread_lock:
                if self._thread is None:
                    thread = threading.Thread(target=self._run, name="spantail-batcher", daemon=True)
                    try:
                        thread.start()
                    except RuntimeError:  # the interpreter is shutting down: nothing more can be delivered
                        self._stopping = True
                        return
                    self._thread = thread
        self._wake.set()

    def _lose(self, trace_id: int, reason: str) -> None:
        with self._lost_lock:
            if len(self._lost) >= _DROPPED_RUNS and (trace_id, reason) not in self._lost:
                trace_id = 0
            self._lost[trace_id, reason] += 1

    # ------------------------------------------------------------ the worker's thread

    def _run(self) -> None:
        attach(set_value("suppress_instrumentation", True))  # what delivery does must not be traced itself
        writer = self._connect(f"{self._runner_id}:{random.getrandbits(32):08x}")
        assembler = Assembler(self._runner_id, self._redactor)
        outbox: list[Batch] = []
        flushes: list[_Flush] = []
        next_scan = time.monotonic() + _SCAN_S
        failures = 0
        while True:
            if not outbox:
                assembler.take(self._drain(flushes))
                now = time.monotonic()
                if now >= next_scan:
                    assembler.scan(time.time_ns() // 1000)
                    spent = time.monotonic() - now
                    next_scan = now + min(1.0, max(_SCAN_S, 10 * spent))
                self._tell_losses(assembler)
                outbox = assembler.batches()
            if outbox:
                try:
                    refused = writer.send(outbox)
                except Unavailable as trouble:
                    failures += 1
                    if failures == 1:
                        _logger.warning("live tier unreachable, events wait in memory: %s", trouble)
                    if time.monotonic() >= self._deadline:
                        break
                    low, high = _BACKOFF_S
                    self._pause(min(high, low * 2 ** min(failures, 10)) * random.uniform(0.5, 1.0))  # noqa: S311
                    continue
                if failures:
                    _logger.warning("live tier reachable again after %d attempts", failures)
                    failures = 0
                for batch, words in refused:
                    self._refuse(assembler, batch, words)
                outbox = []
            for marker in flushes:
                marker.done.set()
            flushes.clear()
            if self._stopping and not self._queue:
                break
            self._linger(assembler, next_scan)
        writer.close()

    def _drain(self, flushes: list[_Flush]) -> list[Any]:
        queue = self._queue
        items = []
        for _ in range(min(len(queue), _DRAIN)):
            item = queue.popleft()
            if type(item) is _Flush:
                flushes.append(item)
            else:
                items.append(item)
        return items

    def _linger(self, assembler: Assembler, next_scan: float) -> None:
        if len(self._queue) >= _DRAIN:
            return
        self._pause(_LINGER_S)
        if self._queue or self._stopping:
            return
        self._idle = True
        if self._queue:  # appended between the look and the flag
            self._idle = False
            return
        wait = _IDLE_S if not assembler.open_spans else max(0.0, next_scan - time.monotonic())
        self._pause(wait)
        self._idle = False

    def _pause(self, wait_s: float) -> None:
        self._wake.wait(wait_s)
        self._wake.clear()

    def _tell_losses(self, assembler: Assembler) -> None:
        if self._lost:
            with self._lost_lock:
                lost, self._lost = self._lost, Counter()
            for (trace_id, reason), count in lost.items():
                assembler.drop(f"{trace_id:032x}", reason, count)

    def _refuse(self, assembler: Assembler, batch: Batch, words: str) -> None:
        count = sum(len(change.events) for change in batch.changes)
        _logger.warning("the live tier refused %d events of run %s: %s", count, batch.run_id, words)
        if count:
            assembler.drop(batch.run_id, "refused", count)
