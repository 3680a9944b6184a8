"""From batches to Redis, whatever Redis is doing: heartbeat, order, retries, and sending again what was lost.

The conversation with Redis is a generator: each `yield` is a call, and the worker comes back with the answer when there
is one. Nothing here waits: a call is sent at once where that is possible, and its answer looked for between two
chunks of work; the waiter waits for it, on a thread of its own, when the worker has nothing else to do.

What waits where is kept by `spill`, when to try again by `retry`, and what may have to be sent once more by `recent`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Final, Protocol

from spantail_exporters.delivery.recent import Recent
from spantail_exporters.delivery.retry import Retry
from spantail_exporters.delivery.run_batches import pings
from spantail_exporters.delivery.spill import Backlog
from spantail_exporters.model.heartbeat import BEAT_S
from spantail_exporters.redis.call import Call
from spantail_exporters.redis.errors import Unavailable
from spantail_exporters.redis.waiter import Waiter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from spantail_exporters.delivery.assembler import Assembler
    from spantail_exporters.delivery.health import Health
    from spantail_exporters.delivery.spill import Spooling
    from spantail_exporters.model.batch import Batch, Known
    from spantail_exporters.redis.writer import Sent

_logger = logging.getLogger(__name__)

# In a shorter time a busy application may keep an answer from being read: no reason to use the disk.
_SILENCE_S: Final = 0.04
_CLOSE_S: Final = 0.5
_READ_BACK: Final = (500, 4 * 1024 * 1024)  # batches and bytes that are read from disk between two looks at the clock

Talk = Generator[Call[Any], Any, None]  # yields calls, is sent their answers


class Writer(Protocol):
    """What the sender needs of Redis (`RedisWriter`)."""

    @property
    def index_waits(self) -> bool:
        """Whether the index over runs does not know yet what is new."""

    def update_index(self) -> Call[None]:
        """Bring the index over runs up to date."""

    def send(self, batches: Sequence[Batch]) -> Call[Sent]:
        """Apply batches in order; its answer is `Unavailable` where they have to be sent again."""

    def beat(self, runner_id: str) -> Call[bool]:
        """Give a sign of life; False when the lease had run out."""

    @property
    def silent_for_s(self) -> float:
        """How long Redis has left a question unanswered; 0 when none waits, or the answer is there to be read."""

    def known(self, run_id: str) -> Known | None:
        """Say where a run stood at the last answer, to any thread."""

    def close(self) -> None:
        """Let go of the connection."""


class Sender:
    """Owned by the worker's thread.

    Args:
        writer: Where batches go to.
        assembler: Counts what was lost, and encodes again what has to be sent once more.
        runner_id: Whose heartbeat it is.
        health: Counts what became of the batches.
        spools: This process's own first, then those that dead processes left. None at all when there is no disk.
    """

    def __init__(
        self,
        writer: Writer,
        assembler: Assembler,
        runner_id: str,
        health: Health,
        spools: Sequence[Spooling] = (),
    ) -> None:
        self._health = health
        self._writer = writer
        self._assembler = assembler
        self._runner_id = runner_id
        self._backlog = Backlog(spools[0] if spools else None, lambda batch: assembler.lose(batch, "spool_full"))
        self._left_behind = list(spools[1:])
        self._waiter = Waiter()
        self._wake: Callable[[], object] = lambda: None
        self._talk: Talk | None = None
        self._call: Call[Any] | None = None
        self._asked_at = 0.0
        self.offered = 0
        """The number of the last batch that was offered."""
        self.stored = 0
        """The number of the last one that is stored, and all before it are, or were lost and counted."""
        self._applied = 0  # the same, but the index over runs may not know yet
        self._retry = Retry()
        self._next_beat = 0.0
        self._leased = False
        self._recent = Recent()
        self._sends_recent = False  # Redis was away, and may have come back without its last second

    def on_answer(self, wake: Callable[[], object]) -> None:
        """Have `wake` called, on another thread, whenever `step` can go on."""
        self._wake = wake

    @property
    def away(self) -> bool:
        """Whether Redis did not take the last batches."""
        return self._retry.is_away

    @property
    def accepts(self) -> bool:
        """Whether more batches may be offered; while Redis is away only the disk takes them."""
        return self._backlog.accepts

    @property
    def in_memory(self) -> bool:
        """Whether something was offered that is neither stored nor on disk."""
        return self._backlog.in_memory

    @property
    def inherits(self) -> bool:
        """Whether what dead processes left is still on its way."""
        return bool(self._left_behind)

    @property
    def rests_for_s(self) -> float:
        """Seconds until there is something to do of its own accord: another try, a heartbeat, an overdue answer."""
        now = time.monotonic()
        if self._call is not None:
            if not self.in_memory or self._backlog.spool is None:
                return BEAT_S  # nothing is left to do but to wait for it
            return max(self._backlog.overdue_at - now, _SILENCE_S / 4)
        return max(0.0, (self._retry.due_at if self.away else self._next_beat) - now)

    @property
    def spooled(self) -> bool:
        """Whether something of this process waits on disk."""
        return self._backlog.spooled

    @property
    def spool_bytes(self) -> int:
        """Bytes that wait on disk."""
        return self._backlog.spool.size_bytes if self._backlog.spool is not None else 0

    def offer(self, batches: list[Batch]) -> None:
        """Take over batches, in order, to be delivered by `step`."""
        if batches:
            self._backlog.offer(batches, time.monotonic())
            self.offered = batches[-1].writer_seq
        if self.away or (self.spooled and self._is_silent):
            self._spill()

    def step(self) -> bool:
        """Go on as far as the answers have come; true when all that was offered is stored in Redis."""
        if self._call is None:
            if time.monotonic() < self._retry.due_at:
                return False
            self._talk = self._deliver()
            self._go_on(self._talk)
        else:
            self._call.look()
        while self._talk is not None and self._call is not None and self._call.done:
            self._go_on(self._talk)
        if self._call is None:
            return not self.away
        overdue = self.in_memory and time.monotonic() >= self._backlog.overdue_at
        if overdue and (self.spooled or self._is_silent):
            self._spill()
        return False

    def await_answer(self) -> None:
        """Have the answer waited for that is looked for until now: the worker is about to rest."""
        if self._call is not None:
            self._call.leave()

    def close(self) -> None:
        """Let go of the connection and the files. What could not be delivered is on disk, or lost and said so."""
        if self.in_memory:
            self._spill()
        if lost := self._backlog.events_in_memory:
            _logger.warning("%d events were not delivered before the end", lost)
        if self._call is not None:
            self._writer.close()  # while a call may be under way: one that hangs ends now
        if self._waiter.close(_CLOSE_S):
            self._writer.close()
        for spool in (self._backlog.spool, *self._left_behind):
            if spool is not None:
                spool.close()

    @property
    def _is_silent(self) -> bool:
        return self._writer.silent_for_s >= _SILENCE_S

    def _spill(self) -> None:
        self._backlog.spill(
            lambda batch: batch._replace(known=self._writer.known(batch.run_id)), is_asked=self._call is not None
        )

    # ------------------------------------------------------------ the conversation

    def _go_on(self, talk: Talk) -> None:
        """Hand the conversation its answer, and have the next call made."""
        answered, self._call = self._call, None
        try:
            call = next(talk) if answered is None else _answer(talk, answered)
        except StopIteration:
            self._talk = None
        except Unavailable as trouble:
            self._talk = None
            self._failed(trouble)
        else:
            self._asked_at = time.monotonic()
            self._call = call
            call.begin(self._waiter, self._wake)

    def _deliver(self) -> Talk:
        backlog = self._backlog
        backlog.begin_again()
        while True:
            yield from self._beat()
            if self._sends_recent:  # what Redis still has are duplicates
                self._resend_lost((yield self._writer.send(self._recent.batches)))
                self._sends_recent = False
            if not (backlog.pending or backlog.spooled):
                if self._writer.index_waits:
                    yield self._writer.update_index()
                    self.stored = self._applied
                    continue  # more may have been offered in the meantime
                self.stored = self.offered  # also when the last ones were lost
                self._assembler.make_up(time.time_ns() // 1000)
                if not self._left_behind:
                    return
            if backlog.spool is not None and backlog.spooled:
                self._reached((yield from self._send_from(backlog.spool)))
            elif backlog.pending:
                batches = backlog.send_all()
                yield from self._send(batches)
                self._reached(batches[-1].writer_seq)
                backlog.stored()
            if self._left_behind:  # in turns with what is new, which never ends in a busy application
                yield from self._send_from(self._left_behind[0])
                if self._left_behind[0].empty:
                    self._left_behind.pop(0).close()

    def _reached(self, number: int) -> None:
        """Note that all batches up to `number` are applied. What is new for the index travels with the next call."""
        self.stored = self._applied if self._writer.index_waits else number
        self._applied = number

    def _beat(self) -> Talk:
        now = time.monotonic()
        if now < self._next_beat and not self.away:
            return
        alive = yield self._writer.beat(self._runner_id)
        self._next_beat = now + BEAT_S
        if self.away:
            _logger.warning("live tier reachable again after %d attempts", self._retry.failures)
            self._retry.succeeded()
            self._sends_recent = True
            # the reply tells whether Redis still knows the runs, also of spans that have nothing new to say
            yield from self._send(pings(self._assembler.open_runs()))
        if not alive and self._leased:
            self._assembler.resend("_revived", time.time_ns() // 1000)
        self._leased = True

    def _send_from(self, spool: Spooling) -> Generator[Call[Any], Any, int]:
        """Send the oldest batches on a disk; returns the number of the last one."""
        batches = spool.peek(*_READ_BACK)
        yield from self._send(batches)
        spool.advance(len(batches))
        return batches[-1].writer_seq if batches else self._applied

    def _send(self, batches: Sequence[Batch]) -> Talk:
        if not batches:
            return
        begun = time.perf_counter()
        sent: Sent = yield self._writer.send(batches)
        now = time.monotonic()
        for batch, added in sent.stored:
            self._recent.add(batch, added, now)
        if not self._sends_recent:  # else it stays until it has been sent, however long Redis was away
            self._recent.forget_old(now)
        self._health.delivered(sum(len(batch.changes) for batch in batches), time.perf_counter() - begun)
        for batch, words in sent.refused:
            _logger.warning("the live tier refused %d events of run %s: %s", len(batch.changes), batch.run_id, words)
            if batch.changes:  # where not even a count is taken there is nowhere to count it
                self._assembler.lose(batch, "refused")
        self._resend_lost(sent)

    def _resend_lost(self, sent: Sent) -> None:
        if sent.renewed:
            self._assembler.resend("_update", time.time_ns() // 1000, sent.renewed)

    def _failed(self, trouble: Unavailable) -> None:
        now = time.monotonic()
        self._health.failed(now - self._asked_at, trouble)
        self._writer.close()  # the host name may lead to another server now, though this connection still works
        if not (self.away or self._sends_recent):
            # what was confirmed long before it failed is on Redis' disk: where it is missing, it was deleted or expired
            self._recent.forget_old(self._asked_at)
        self._retry.failed(now)
        if self._retry.failures == 1:
            place = "on disk" if self._backlog.spool else "in memory"
            _logger.warning("live tier unreachable, events wait %s: %s", place, trouble)
        self._spill()


def _answer(talk: Talk, call: Call[Any]) -> Call[Any]:
    try:
        answer = call.result()
    except Exception as error:
        return talk.throw(error)
    return talk.send(answer)
