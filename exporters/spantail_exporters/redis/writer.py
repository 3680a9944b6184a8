"""Batches into Redis over one connection: the script, its loading, and which errors are worth another try."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from redis.exceptions import NoScriptError

from spantail_exporters.model import keys
from spantail_exporters.model.batch import Known
from spantail_exporters.model.heartbeat import LEASE_S, beat_commands
from spantail_exporters.model.limits import Limits
from spantail_exporters.model.run_script import (
    SCRIPT,
    SHA,
    Applied,
    append_arguments,
    index_commands,
    is_behind,
    parse_reply,
)
from spantail_exporters.redis import client as redis_client
from spantail_exporters.redis.errors import Unavailable, will_be_back
from spantail_exporters.redis.exchange import Exchange

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from spantail_exporters.model.batch import Batch
    from spantail_exporters.redis.request import Command

    T = TypeVar("T")
    Steps = Generator[Sequence[Command], list[Any], T]

_KNOWN_RUNS = 10_000
_KNOWN_FOR_US = 3600 * 1_000_000  # well below the expiry of a settled run


class Sent(NamedTuple):
    """What became of the batches."""

    refused: list[tuple[Batch, str]]
    """Those refused for good, each with Redis' words."""
    renewed: set[str]
    """The runs that Redis had lost."""
    stored: list[tuple[Batch, int]]
    """Those stored, each with how many sequence numbers it took: what loses in the fold takes none.

    Of one that had been stored before, and whose answer was lost, each event is taken to have got one.
    """


class RedisWriter:
    """Sends batches in order. Not thread-safe: one thread owns it. Connects on first use.

    Args:
        url: One server, a cluster, or Sentinel (`redis.client.connect`).
        limits: What the script holds a run to; by default what the environment says.
        timeout_s: Bounds every wait, in seconds.
    """

    def __init__(self, url: str, *, limits: Limits | None = None, timeout_s: float = 5.0) -> None:
        self._limits = limits or Limits.from_environment()
        self._known: OrderedDict[str, Known] = OrderedDict()
        self._renewed: set[str] = set()  # kept until it is reported, also when what follows fails
        self._index: list[tuple[str | int, ...]] = []  # commands for the next trip, also when what follows fails
        self._beaten_us = 0
        self._beaten_at = 0.0  # the same moment, by the clock that nobody sets
        self._client = redis_client.connect(url, timeout_s)

    def write(self, batches: Sequence[Batch]) -> Sent:
        """Apply batches in order, bring the index over runs up to date, and wait for both.

        Raises:
            Unavailable: Redis cannot be reached or cannot write now. Any of the batches may or may not have been
                applied, and all may be sent again.
        """
        sent = self.send(batches).finish()
        self.update_index().finish()
        return sent

    def send(self, batches: Sequence[Batch]) -> Exchange[Sent]:
        """Apply batches in order; what is new for the index goes with the next call, or with `update_index`."""
        return Exchange(self._client, self._apply(batches))

    def update_index(self) -> Exchange[None]:
        """Bring the index over runs up to date."""
        return Exchange(self._client, self._send_index())

    def beat(self, runner_id: str) -> Exchange[bool]:
        """Give a sign of life; false when the lease had run out."""
        return Exchange(self._client, self._beat(runner_id))

    @property
    def index_waits(self) -> bool:
        """Whether the index over runs does not know yet what is new."""
        return bool(self._index)

    def known(self, run_id: str) -> Known | None:
        """Where a run stood at the last answer; may be asked by another thread."""
        return self._known.get(run_id)

    def _apply(self, batches: Sequence[Batch]) -> Steps[Sent]:
        now_us = time.time_ns() // 1000
        sent = Sent([], set(), [])
        left, load = batches, False
        while left:
            # the index is sent with the calls: a request of its own would halve the rate
            names = self._name_new_runs(left)
            replies = yield from self._with_index([*names, *self._calls(left, now_us, load=load)])
            left, load = self._learn_all(left, replies[len(names) :], now_us, sent), True
        sent.renewed.update(self._renewed)
        self._renewed.clear()
        return sent

    def _send_index(self) -> Steps[None]:
        if self._index:
            yield from self._with_index([])

    def _beat(self, runner_id: str) -> Steps[bool]:
        now_us, now = time.time_ns() // 1000, time.monotonic()
        replies = yield beat_commands(runner_id, now_us)
        for reply in replies:
            if isinstance(reply, Exception):
                raise Unavailable(str(reply)) from reply
        held = replies[0]
        # not the beat that was answered last: unless its lease still holds, it may have run out before one whose answer
        # was lost
        unbroken = time.monotonic() < self._beaten_at + LEASE_S
        alive = held is not None and (int(held) == self._beaten_us or unbroken)
        self._beaten_us, self._beaten_at = now_us, now
        return alive

    def _name_new_runs(self, batches: Sequence[Batch]) -> list[Command]:
        """Name runs to the reaper before they are there: a process may die before the index knows of them."""
        new = {batch.run_id for batch in batches if batch.changes and batch.run_id not in self._known}
        return [("SADD", keys.RUNS_OPEN, *new)] if new else []

    def _calls(self, batches: Sequence[Batch], now_us: int, *, load: bool) -> list[Command]:
        """Make the calls of one trip."""
        before: dict[tuple[str, str], int] = {}
        calls: list[Command] = []
        for batch in batches:
            who = batch.run_id, batch.writer
            # EVAL loads what it runs: between a SCRIPT LOAD and its use somebody might flush
            how = ("EVAL", SCRIPT) if load and who not in before else ("EVALSHA", SHA)
            calls.append((*how, *self._arguments(batch, now_us, before.get(who, 0))))
            before[who] = batch.writer_seq
        return calls

    def _with_index(self, calls: Sequence[Command]) -> Steps[list[Any]]:
        index, self._index = self._index, []
        try:
            replies = yield [*index, *calls]
        except Unavailable:
            self._index = index
            raise
        self._index = [
            command
            for command, reply in zip(index, replies, strict=False)
            if isinstance(reply, Exception) and will_be_back(reply)
        ]
        return replies[len(index) :]

    def _learn_all(self, batches: Sequence[Batch], replies: Sequence[Any], now_us: int, sent: Sent) -> list[Batch]:
        """Take the replies of a trip; returns the batches that have to go again, never the first of one that loads."""
        again = []
        for batch, reply in zip(batches, replies, strict=True):
            if isinstance(reply, Exception):
                if is_behind(reply) or isinstance(reply, NoScriptError):
                    again.append(batch)
                elif will_be_back(reply):
                    raise Unavailable(str(reply)) from reply
                else:
                    sent.refused.append((batch, str(reply)))
            else:
                applied = parse_reply(reply)
                sent.stored.append((batch, len(batch.changes) if applied.duplicate else applied.added))
                if applied.tell_index or batch.run_id not in self._known:
                    self._index += index_commands(batch.run_id, applied)
                if self._learn(batch, applied, now_us):
                    self._renewed.add(batch.run_id)
        return again

    @property
    def silent_for_s(self) -> float:
        """How long Redis has left a question unanswered; 0 when none waits. Any thread may look."""
        return self._client.silence.seconds

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _arguments(self, batch: Batch, now_us: int, after: int) -> Sequence[Any]:
        known = self._known.get(batch.run_id)
        at_spill = batch.known
        if at_spill and at_spill.at_us > now_us - _KNOWN_FOR_US and (known is None or known.writer != batch.writer):
            known = at_spill  # what the process knew that wrote it, and is gone
        return append_arguments(
            batch.run_id,
            batch.changes,
            writer=batch.writer,
            writer_seq=batch.writer_seq,
            now_us=now_us,
            drops=batch.drops,
            limits=self._limits,
            known=known[:2] if known else None,
            confirmed=known.writer_seq if known and known.writer == batch.writer else 0,
            after=after,
        )[1:]

    def _learn(self, batch: Batch, applied: Applied, now_us: int) -> bool:
        """Remember where the run stands; true when Redis has lost what it had of the run."""
        known = self._known.get(batch.run_id)
        writer, seq = batch.writer, batch.writer_seq
        if known and not writer:  # a ping has no number; where the run was lost, nothing of it is confirmed any more
            writer, seq = known.writer, known.writer_seq if known.epoch == applied.epoch else 0
        elif known and writer == known.writer and applied.duplicate:
            seq = max(seq, known.writer_seq)
        self._known[batch.run_id] = Known(applied.epoch, applied.next_seq, writer, seq, now_us)
        self._known.move_to_end(batch.run_id)
        while len(self._known) > _KNOWN_RUNS or self._oldest() < now_us - _KNOWN_FOR_US:
            self._known.popitem(last=False)  # what has expired in Redis as it should is not lost
        return known is not None and known.epoch != applied.epoch

    def _oldest(self) -> int:
        return next(iter(self._known.values())).at_us
