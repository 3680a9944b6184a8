"""From batches to Redis, whatever Redis is doing: backoff, heartbeat, spill to disk, and telling again what was lost.

The conversation with Redis is a generator: each `yield` is a call, and the worker comes back with the answer when there
is one. Nothing here waits: a call is sent at once where that is possible, and its answer looked for between two
portions of work; the courier waits for it, on a thread of its own, when the worker has nothing else to do.

While Redis is away, or an answer is overdue, batches go to the spool on disk, in order, and come back through it: what
is on disk survives the process too. Without a spool they stay in memory, nothing more is taken from the queue, and the
queue counts what it cannot hold.
"""

from __future__ import annotations

import logging
import random
import time
from collections import deque
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

from spantail_exporters.model.heartbeat import BEAT_S
from spantail_exporters.redis.exchange import Unavailable
from spantail_exporters.redis.waiter import Answer, Call, Courier

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spantail_exporters.delivery.assembler import Assembler
    from spantail_exporters.delivery.health import Health
    from spantail_exporters.delivery.places import Spooling, Writer
    from spantail_exporters.model.batch import Batch
    from spantail_exporters.redis.writer import Sent

_logger = logging.getLogger(__name__)

_RECENT_S = 3.0
_RECENT_BYTES = 8 * 1024 * 1024
_BACKOFF_S = (0.05, 5.0)
_PATIENCE_S = 0.04  # it may pass twice, in the queue and then here: a `kill -9` may take the last 100 ms, not more
_SILENCE_S = 0.04  # less may be a busy application that keeps an answer from being read: no need of the disk
_AHEAD_BYTES = 1024 * 1024  # that wait while others are under way: the worker goes on, and the next trip is larger
_CLOSE_S = 0.5
_ANY_SIZE = 1 << 62
_PORTION = (500, 4 * 1024 * 1024)  # batches and bytes that are read back from disk between two looks at the clock


Talk = Generator[Call[Any], Any, None]  # yields calls, is sent their answers


class Delivery:
    """Owned by the worker's thread. `spools` are this process's own first, then those that dead processes left."""

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
        self._spool = spools[0] if spools else None
        self._left_behind = list(spools[1:])
        self._courier = Courier()
        self._wake: Callable[[], object] = lambda: None
        self._talk: Talk | None = None
        self._answer: Answer[Any] | None = None
        self._asked_at = 0.0
        self._pending: list[Batch] = []  # offered
        self._pending_since = 0.0
        self._under_way: list[Batch] = []  # sent, unanswered, and nowhere but in memory
        self._under_way_since = 0.0  # when it was offered: the answer to another call may have come first
        self._spilled = 0  # how many of those under way are at the head of the spool
        self.offered = 0
        """The number of the last batch that was offered."""
        self.stored = 0
        """The number of the last one that is stored, and all before it are, or were lost and counted."""
        self._applied = 0  # the same, but the index over runs may not know yet
        self._failures = 0
        self._retry_at = 0.0
        self._next_beat = 0.0
        self._leased = False
        self._asks = False
        self._recent: deque[tuple[float, int, Batch]] = deque()
        self._recent_bytes = 0

    def on_answer(self, wake: Callable[[], object]) -> None:
        """Have `wake` called, on another thread, whenever `step` can go on."""
        self._wake = wake

    @property
    def away(self) -> bool:
        """Whether Redis did not take the last batches."""
        return self._failures > 0

    @property
    def accepts(self) -> bool:
        """Whether more batches may be offered; while Redis is away only the disk makes room for them."""
        return sum(batch.changes.size for batch in self._pending) < _AHEAD_BYTES

    @property
    def in_memory(self) -> bool:
        """Whether something was offered that is neither stored nor on disk."""
        return bool(self._pending or self._under_way)

    @property
    def inherits(self) -> bool:
        """Whether what dead processes left is still on its way."""
        return bool(self._left_behind)

    @property
    def rests_for_s(self) -> float:
        """Seconds until there is something to do of its own accord: another try, a heartbeat, an overdue answer."""
        now = time.monotonic()
        if self._answer is not None:
            if not self.in_memory or self._spool is None:
                return BEAT_S  # nothing is left to do but to wait for it
            return max(self._overdue_at - now, _SILENCE_S / 4)
        return max(0.0, (self._retry_at if self.away else self._next_beat) - now)

    @property
    def spooled(self) -> bool:
        """Whether something of this process waits on disk."""
        return self._spool is not None and not self._spool.empty

    @property
    def spool_bytes(self) -> int:
        """Bytes that wait on disk."""
        return self._spool.size_bytes if self._spool is not None else 0

    def offer(self, batches: list[Batch]) -> None:
        """Take over batches, in order, to be delivered by `step`."""
        if batches:
            if not self._pending:
                self._pending_since = time.monotonic()
            self._pending += batches
            self.offered = batches[-1].writer_seq
        if self.away or (self.spooled and self._is_silent):
            self._spill()

    def step(self) -> bool:
        """Go on as far as the answers have come; true when all that was offered is stored in Redis."""
        if self._answer is None:
            if time.monotonic() < self._retry_at:
                return False
            self._talk = self._deliver()
            self._go_on(self._talk)
        else:
            self._answer.look()
        while self._talk is not None and self._answer is not None and self._answer.done():
            self._go_on(self._talk)
        if self._answer is None:
            return not self.away
        overdue = self.in_memory and time.monotonic() >= self._overdue_at
        if overdue and (self.spooled or self._is_silent):
            self._spill()
        return False

    def await_answer(self) -> None:
        """Have the answer waited for that is looked for until now: the worker is about to rest."""
        if self._answer is not None:
            self._answer.leave()

    def close(self) -> None:
        """Let go of the connection and the files. What could not be delivered is on disk, or lost and said so."""
        if self.in_memory:
            self._spill()
        lost = sum(len(batch.changes) for batch in (*self._under_way, *self._pending))
        if lost:
            _logger.warning("%d events were not delivered before the end", lost)
        if self._answer is not None:
            self._writer.close()  # under its feet: a call that hangs ends now
        if self._courier.close(_CLOSE_S):
            self._writer.close()
        for spool in (self._spool, *self._left_behind):
            if spool is not None:
                spool.close()

    @property
    def _is_silent(self) -> bool:
        return self._writer.silent_for_s >= _SILENCE_S

    @property
    def _overdue_at(self) -> float:
        """When the oldest of what is in memory has waited long enough for an answer."""
        return (self._under_way_since if self._under_way else self._pending_since) + _PATIENCE_S

    # ------------------------------------------------------------ the conversation

    def _go_on(self, talk: Talk) -> None:
        """Hand the conversation its answer, and have the next call made."""
        answer, self._answer = self._answer, None
        try:
            call = next(talk) if answer is None else _answered(talk, answer)
        except StopIteration:
            self._talk = None
        except Unavailable as trouble:
            self._talk = None
            self._failed(trouble)
        else:
            self._asked_at = time.monotonic()
            self._answer = Answer(call, self._courier, self._wake)

    def _deliver(self) -> Talk:
        if self._under_way:  # something went wrong on our side the last time
            self._pending, self._pending_since = self._under_way + self._pending, self._under_way_since
            self._under_way = []
        self._spilled = 0
        while True:
            yield from self._beat()
            if self._asks:
                # Redis may have come back without its last second: what it still has are duplicates
                sent = yield self._writer.send([batch for _, _, batch in self._recent])
                self._tell_renewed(sent)
                self._asks = False
            if not (self._pending or self.spooled):
                if self._writer.index_waits:
                    yield self._writer.tell_index()
                    self.stored = self._applied
                    continue  # more may have been offered in the meantime
                self.stored = self.offered  # also when the last ones were lost
                self._assembler.repay(time.time_ns() // 1000)
                if not self._left_behind:
                    return
            if self._spool is not None and self.spooled:
                self._reached((yield from self._unspool(self._spool)))
            elif self._pending:
                self._under_way, self._pending = self._pending, []
                self._under_way_since = self._pending_since
                last = self._under_way[-1].writer_seq
                yield from self._send(tuple(self._under_way))
                self._under_way = []
                self._reached(last)
                if self._spilled and self._spool is not None:
                    self._spool.peek(self._spilled, _ANY_SIZE)
                    self._spool.advance(self._spilled)
                    self._spilled = 0
            if self._left_behind:  # in turns: the present may never pause
                yield from self._unspool(self._left_behind[0])
                if self._left_behind[0].empty:
                    self._left_behind.pop(0).close()

    def _reached(self, number: int) -> None:
        """Note that all batches up to `number` are applied. What is news for the index travels with the next call."""
        self.stored = self._applied if self._writer.index_waits else number
        self._applied = number

    def _beat(self) -> Talk:
        now = time.monotonic()
        if now < self._next_beat and not self.away:
            return
        alive = yield self._writer.beat(self._runner_id)
        self._next_beat = now + BEAT_S
        if self._failures:
            _logger.warning("live tier reachable again after %d attempts", self._failures)
            self._failures, self._retry_at = 0, 0.0
            self._asks = True
            # the reply tells whether Redis still knows the runs, also of spans that have nothing new to say
            yield from self._send(self._assembler.ping(self._assembler.open_runs()))
        if not alive and self._leased:
            self._assembler.tell_again("_revived", time.time_ns() // 1000)
        self._leased = True

    def _remember(self, stored: Sequence[tuple[Batch, int]]) -> None:
        """Keep what Redis has confirmed and may yet lose: with everysec a second, two when its disk is slow.

        Beside each batch stands how many sequence numbers it took.
        """
        now = time.monotonic()
        for batch, added in stored:
            if batch.changes:
                size = batch.changes.size
                # where it has to be stored again, less is lost than was found missing
                drops = {**batch.drops, "redis_lost": -added}
                self._recent.append((now, size, batch._replace(drops=drops)))
                self._recent_bytes += size
        if not self._asks:  # what Redis still has to be asked for stays until then, however long it was away
            self._forget_before(now - _RECENT_S)

    def _forget_before(self, moment: float) -> None:
        recent = self._recent
        while recent and (recent[0][0] < moment or self._recent_bytes > _RECENT_BYTES):
            self._recent_bytes -= recent.popleft()[1]

    def _unspool(self, spool: Spooling) -> Generator[Call[Any], Any, int]:
        batches = spool.peek(*_PORTION)
        yield from self._send(batches)
        spool.advance(len(batches))
        return batches[-1].writer_seq if batches else self._applied

    def _spill(self) -> None:
        """Put on disk what is in memory only, the oldest first."""
        if self._spool is None:
            return
        overdue = self._answer is not None  # it may be stored yet, and cannot be counted as lost
        while self._under_way:
            if self._append(self._spool, self._under_way[0]):
                self._spilled += 1
            elif overdue:
                return
            else:
                self._assembler.lose(self._under_way[0], "spool_full")
            self._under_way.pop(0)
        for batch in self._pending:
            if not self._append(self._spool, batch):
                self._assembler.lose(batch, "spool_full")
        self._pending = []

    def _append(self, spool: Spooling, batch: Batch) -> bool:
        return spool.append(batch._replace(known=self._writer.known(batch.run_id)))

    def _failed(self, trouble: Unavailable) -> None:
        self._health.failed(time.monotonic() - self._asked_at, trouble)
        self._writer.close()  # the name may lead elsewhere now, though this connection stands
        if not (self.away or self._asks):
            # what was confirmed long before it failed is on Redis' disk: where it is missing, it was deleted or expired
            self._forget_before(self._asked_at - _RECENT_S)
        self._failures += 1
        if self._failures == 1:
            _logger.warning(
                "live tier unreachable, events wait %s: %s", "on disk" if self._spool else "in memory", trouble
            )
        low, high = _BACKOFF_S
        wait_s = min(high, low * 2 ** min(self._failures, 10)) * random.uniform(0.5, 1.0)  # noqa: S311 - jitter
        self._retry_at = time.monotonic() + wait_s
        self._spill()

    def _send(self, batches: Sequence[Batch]) -> Talk:
        if not batches:
            return
        begun = time.perf_counter()
        sent = yield self._writer.send(batches)
        self._remember(sent.stored)
        self._health.delivered(sum(len(batch.changes) for batch in batches), time.perf_counter() - begun)
        for batch, words in sent.refused:
            _logger.warning("the live tier refused %d events of run %s: %s", len(batch.changes), batch.run_id, words)
            if batch.changes:  # where not even a count is taken there is nobody to tell
                self._assembler.lose(batch, "refused")
        self._tell_renewed(sent)

    def _tell_renewed(self, sent: Sent) -> None:
        if sent.renewed:
            self._assembler.tell_again("_update", time.time_ns() // 1000, sent.renewed)


def _answered(talk: Talk, answer: Answer[Any]) -> Call[Any]:
    try:
        said = answer.result()
    except Exception as error:
        return talk.throw(error)
    return talk.send(said)
