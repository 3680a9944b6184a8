"""The state machine of delivery: what is in memory, on disk and under way, whatever Redis answers, and when.

Its clock is the test's own, and so are the answers: a call hangs until it is let go on.
"""

from __future__ import annotations

import socket
import threading
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from spantail.redaction import Redactor
from spantail_exporters.delivery import sender as sender_module
from spantail_exporters.delivery import spill
from spantail_exporters.delivery.assembler import Assembler
from spantail_exporters.delivery.health import Health
from spantail_exporters.delivery.sender import Sender
from spantail_exporters.model.batch import Batch
from spantail_exporters.model.changes import Change, Changes
from spantail_exporters.model.heartbeat import BEAT_S
from spantail_exporters.redis.errors import Unavailable
from spantail_exporters.redis.writer import RedisWriter, Sent
from spantail_exporters.spool.adoption import adopt
from spantail_exporters.spool.spool import Spool
from tests.support.calls import Waiting
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

RUN = "4bf92f3577b34da6a3ce929d0e0e4736"
SOON_S = 20.0
OVERDUE_S = 0.06


class Clock:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now


class Redis:
    """A writer whose calls hang while `closed` is set, then fail when there is `trouble`."""

    def __init__(self) -> None:
        self.sent: list[list[int]] = []
        self.beats = 0
        self.trouble = False
        self.refuses = False
        self.on_send: Callable[[], object] = lambda: None
        self._open = threading.Event()
        self._open.set()
        self._hanging = threading.Event()
        self.is_closed = False

    def hang(self) -> None:
        self._open.clear()

    def go_on(self) -> None:
        self._open.set()

    @property
    def hangs(self) -> bool:
        return self._hanging.is_set()

    index_waits = False

    def update_index(self) -> Waiting[None]:
        raise AssertionError("there is no index")

    def send(self, batches: Sequence[Batch]) -> Waiting[Sent]:
        return Waiting(lambda: self._send(batches))

    def beat(self, _: str) -> Waiting[bool]:
        return Waiting(self._beat)

    def _send(self, batches: Sequence[Batch]) -> Sent:
        self.sent.append([batch.writer_seq for batch in batches])
        self.on_send()
        self._answer()
        if self.refuses:
            return Sent([(batch, "no") for batch in batches], set(), [])
        return Sent([], set(), [(batch, len(batch.changes)) for batch in batches])

    def _beat(self) -> bool:
        self._answer()
        self.beats += 1
        return True

    def known(self, _: str) -> None:
        return None

    @property
    def silent_for_s(self) -> float:
        return 0.0 if self._open.is_set() else 60.0

    def close(self) -> None:
        self.is_closed = True
        if not self._open.is_set():  # under the feet of a call that hangs
            self.trouble = True
            self.go_on()

    def _answer(self) -> None:
        if not self._open.is_set():
            self._hanging.set()
            assert self._open.wait(SOON_S)
            self._hanging.clear()
        if self.trouble:
            raise Unavailable("trouble")


class Life:
    """One delivery with its world."""

    def __init__(self, clock: Clock, spools: Sequence[Spool]) -> None:
        self.clock = clock
        self.redis = Redis()
        self.lost: list[tuple[int, str]] = []
        self.assembler = Assembler("host:1:1", "w", Redactor(), lambda count, reason: self.lost.append((count, reason)))
        self.spools = spools
        health = Health("t", queue_length=int, queue_capacity=0, open_spans=int, spool_bytes=int)
        self.delivery = Sender(self.redis, self.assembler, "host:1:1", health, spools)
        self._number = 0

    def offer(self, count: int = 1) -> None:
        assert self.delivery.accepts
        self.delivery.offer([self.batch() for _ in range(count)])

    def batch(self, writer: str = "w") -> Batch:
        self._number += 1
        return Batch(RUN, writer, self._number, Changes([Change("", "", [b"x" * 100])]), {})

    def steps(self) -> bool:
        """As the worker does it when an answer has come, or time has passed."""
        return self.delivery.step()

    def until_stored(self) -> None:
        eventually(self.steps, SOON_S)

    def until_it_hangs(self) -> None:
        """As far as a call that is not answered."""
        eventually(lambda: (self.steps(), self.redis.hangs)[1], SOON_S)

    def until_away(self) -> None:
        eventually(lambda: (self.steps(), self.delivery.away)[1], SOON_S)

    def greeted(self) -> None:
        """The first heartbeat is over."""
        self.until_stored()
        assert self.redis.beats == 1


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    stand_in = SimpleNamespace(monotonic=made.monotonic, perf_counter=time.perf_counter, time_ns=time.time_ns)
    monkeypatch.setattr(sender_module, "time", stand_in)
    return made


@pytest.fixture
def live(clock: Clock) -> Iterator[Callable[..., Life]]:
    made: list[Life] = []

    def make(*spools: Spool) -> Life:
        made.append(Life(clock, spools))
        return made[-1]

    yield make
    for one in made:
        one.redis.trouble = False
        one.redis.go_on()
        one.delivery.close()


@pytest.fixture
def life(live: Callable[..., Life], tmp_path: Path) -> Life:
    one = live(Spool(tmp_path / "spool"))
    one.greeted()
    return one


def on_disk(life: Life) -> list[int]:
    return [batch.writer_seq for batch in life.spools[0].peek(1_000, 1 << 30)]


# ---------------------------------------------------------------- answers


def test_an_answer_in_time_leaves_no_trace_on_disk(life: Life, tmp_path: Path) -> None:
    life.offer(3)
    life.until_stored()
    assert life.redis.sent == [[1, 2, 3]]
    assert not (tmp_path / "spool").exists()
    assert not life.delivery.in_memory


def test_more_is_taken_while_an_answer_is_awaited_but_not_without_bounds(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spill, "_AHEAD_BYTES", 150)
    life.redis.hang()
    life.offer()
    life.until_it_hangs()
    accepts = [life.delivery.accepts]
    for _ in range(2):
        life.offer()
        accepts.append(life.delivery.accepts)
    assert accepts == [True, True, False]
    assert not life.steps()
    assert life.spools[0].empty
    life.redis.go_on()
    life.until_stored()
    assert life.redis.sent == [[1], [2, 3]]


def test_an_overdue_answer_puts_all_on_disk_and_is_taken_from_there_when_it_comes(life: Life) -> None:
    life.redis.hang()
    life.offer(2)
    life.until_it_hangs()
    life.offer()
    assert 0 < life.delivery.rests_for_s < OVERDUE_S
    life.clock.now += OVERDUE_S
    assert not life.steps()
    assert on_disk(life) == [1, 2, 3]
    assert not life.delivery.in_memory
    life.offer()
    assert on_disk(life) == [1, 2, 3, 4], "what comes now goes there at once"
    assert life.delivery.rests_for_s == BEAT_S, "there is nothing to do but to wait"
    life.redis.go_on()
    life.until_stored()
    assert life.redis.sent == [[1, 2], [3, 4]], "nothing is sent twice"
    assert life.spools[0].empty
    assert not life.lost


def test_a_failure_after_it_was_overdue_sends_it_again_in_order(life: Life) -> None:
    life.redis.hang()
    life.offer(2)
    life.until_it_hangs()
    life.clock.now += OVERDUE_S
    life.steps()
    life.offer()
    life.redis.trouble = True
    life.redis.go_on()
    life.until_away()
    assert on_disk(life) == [1, 2, 3]
    assert life.steps() is False, "it waits for its time to try again"
    assert life.delivery.rests_for_s > 0
    life.redis.trouble = False
    life.clock.now += 5
    life.until_stored()
    assert life.redis.sent == [[1, 2], [], [1, 2, 3]]  # nothing was confirmed lately
    assert life.spools[0].empty
    assert not life.lost


def test_a_failure_before_it_is_overdue_puts_it_on_disk(life: Life) -> None:
    life.redis.hang()
    life.offer()
    life.until_it_hangs()
    life.offer()
    life.redis.trouble = True
    life.redis.go_on()
    life.until_away()
    assert on_disk(life) == [1, 2]
    life.offer()
    assert on_disk(life) == [1, 2, 3]
    life.redis.trouble = False
    life.clock.now += 5
    life.until_stored()
    assert life.redis.sent == [[1], [], [1, 2, 3]]


def test_what_is_offered_during_a_heartbeat_that_hangs_goes_to_disk_too(life: Life) -> None:
    life.redis.hang()
    life.clock.now += BEAT_S
    life.until_it_hangs()
    life.offer()
    life.clock.now += OVERDUE_S
    life.steps()
    assert on_disk(life) == [1]
    assert life.redis.sent == []
    life.redis.go_on()
    life.until_stored()
    assert life.redis.sent == [[1]]


def test_the_timeout_begins_with_the_offer_not_with_the_call(life: Life) -> None:
    """Of several calls each may be quick enough, and together they are not."""
    life.redis.hang()
    life.offer()
    life.until_it_hangs()
    life.offer()
    life.clock.now += OVERDUE_S / 2
    life.redis.go_on()
    eventually(lambda: not life.redis.hangs, SOON_S)
    life.redis.hang()
    life.until_it_hangs()
    assert life.redis.sent == [[1], [2]]
    life.clock.now += OVERDUE_S / 2
    life.steps()
    assert on_disk(life) == [2]


def test_what_was_confirmed_lately_is_sent_again_to_a_redis_that_was_away(life: Life) -> None:
    life.offer()
    life.until_stored()
    life.redis.trouble = True
    life.offer()
    life.until_away()
    life.redis.trouble = False
    life.clock.now += 1
    life.until_stored()
    assert life.redis.sent == [[1], [2], [1], [2]]


def test_what_was_confirmed_just_before_a_long_outage_is_sent_again(life: Life) -> None:
    life.offer()
    life.until_stored()
    life.redis.trouble = True
    life.offer()
    life.until_away()
    life.redis.trouble = False
    life.clock.now += 600
    life.redis.on_send = lambda: setattr(life.redis, "trouble", len(life.redis.sent) == 3)  # away again, in the midst
    eventually(lambda: (life.steps(), len(life.redis.sent) == 3)[1], SOON_S)
    life.until_away()
    life.redis.trouble = False
    life.clock.now += 600
    life.until_stored()
    assert life.redis.sent == [[1], [2], [1], [1], [2]]


def test_what_was_confirmed_long_before_an_outage_is_not_sent_again(life: Life) -> None:
    """Where it is missing then, somebody deleted it."""
    life.offer()
    life.until_stored()
    life.clock.now += 4
    life.redis.trouble = True
    life.offer()
    life.until_away()
    life.redis.trouble = False
    life.clock.now += 5
    life.until_stored()
    assert [call for call in life.redis.sent if call] == [[1], [2]]


def test_every_failure_lets_go_of_the_connection(life: Life) -> None:
    life.redis.trouble = True
    life.offer()
    life.until_away()
    assert life.redis.is_closed
    life.redis.trouble = False
    life.clock.now += 5
    life.until_stored()


def test_a_mistake_of_ours_loses_nothing(life: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(life.delivery._recent, "add", lambda *_: 1 / 0)
        life.offer()
        with pytest.raises(ZeroDivisionError):
            eventually(life.steps, SOON_S)
    life.until_stored()
    assert life.redis.sent == [[1], [1]], "the second is a duplicate to Redis"


# ---------------------------------------------------------------- no disk, or a full one


def test_without_a_disk_it_stays_in_memory_and_nothing_more_is_taken(
    live: Callable[..., Life], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spill, "_AHEAD_BYTES", 50)
    life = live()
    life.greeted()
    life.redis.hang()
    life.offer()
    life.until_it_hangs()
    life.offer()
    life.clock.now += OVERDUE_S
    assert not life.steps()
    assert life.delivery.in_memory
    assert not life.delivery.accepts
    life.redis.trouble = True
    life.redis.go_on()
    life.until_away()
    assert not life.delivery.accepts
    life.redis.trouble = False
    life.clock.now += 5
    life.until_stored()
    assert life.redis.sent == [[1], [], [1, 2]]
    assert not life.lost


def test_what_is_under_way_is_not_counted_as_lost_before_its_answer(live: Callable[..., Life], tmp_path: Path) -> None:
    life = live(Spool(tmp_path / "spool", limit_bytes=600))  # room for one
    life.greeted()
    life.redis.hang()
    life.offer(3)
    life.until_it_hangs()
    life.clock.now += OVERDUE_S
    life.steps()
    assert len(on_disk(life)) < 3
    assert life.delivery.in_memory
    assert not life.lost
    life.redis.go_on()
    life.until_stored()
    assert life.redis.sent == [[1, 2, 3]]
    assert life.spools[0].empty
    assert not life.lost


def test_what_does_not_fit_on_disk_is_counted(live: Callable[..., Life], tmp_path: Path) -> None:
    life = live(Spool(tmp_path / "spool", limit_bytes=600))
    life.greeted()
    life.redis.trouble = True
    life.offer(3)
    life.until_away()
    kept = on_disk(life)
    assert 0 < len(kept) < 3
    assert life.lost == [(1, "spool_full")] * (3 - len(kept))
    assert life.assembler.unsent, "the counts are told to the run"
    life.redis.trouble = False
    life.clock.now += 5
    life.until_stored()
    assert life.redis.sent[-1] == kept


def test_what_is_refused_for_good_is_counted(life: Life) -> None:
    life.redis.refuses = True
    life.offer(2)
    life.until_stored()
    assert life.lost == [(1, "refused")] * 2


# ---------------------------------------------------------------- the way back


def test_a_long_way_back_has_heartbeats_in_it(life: Life) -> None:
    life.redis.trouble = True
    life.offer()
    life.until_away()
    for _ in range(20):
        life.offer(50)
    life.redis.trouble = False
    life.clock.now += 5
    before = life.redis.beats, len(life.redis.sent)
    life.redis.on_send = lambda: setattr(life.clock, "now", life.clock.now + BEAT_S)
    life.until_stored()
    assert life.redis.beats - before[0] >= len(life.redis.sent) - before[1], "one before every call that takes so long"
    assert on_disk(life) == []


def test_what_the_dead_left_is_delivered_though_the_present_never_pauses(
    live: Callable[..., Life], tmp_path: Path
) -> None:
    dead = Spool(tmp_path / "spool")
    for n in range(100):
        assert dead.append(Batch(RUN, "dead", 1_000 + n, Changes([Change("", "", [b"x"])]), {}))
    dead.close()
    own, left = Spool(tmp_path / "spool"), adopt(tmp_path / "spool")
    life = live(own, *left)

    # whenever a call is carried out the next chunk is there already
    def another() -> None:
        if life.delivery.accepts:
            life.offer()

    life.redis.on_send = another
    life.offer()
    eventually(lambda: (life.steps(), left[0].empty)[1], SOON_S)
    life.redis.on_send = lambda: None
    life.until_stored()
    sent = [number for call in life.redis.sent for number in call]
    assert [number for number in sent if number >= 1_000] == list(range(1_000, 1_100))
    own_numbers = [number for number in sent if number < 1_000]
    assert own_numbers == sorted(set(own_numbers))
    assert not list((tmp_path / "spool").iterdir())


# ---------------------------------------------------------------- the end


def waiter_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "spantail-waiter"]


def test_the_end_puts_what_is_under_way_on_disk(live: Callable[..., Life], tmp_path: Path) -> None:
    life = live(Spool(tmp_path / "spool"))
    life.greeted()
    life.redis.hang()
    life.offer()
    life.until_it_hangs()
    life.offer()
    life.delivery.close()
    assert life.redis.is_closed
    assert waiter_threads() == []
    (left,) = adopt(tmp_path / "spool")
    assert [batch.writer_seq for batch in left.peek(10, 1 << 20)] == [1, 2]
    left.advance(2)
    left.close()


def test_the_end_without_a_disk_says_what_is_lost(live: Callable[..., Life], caplog: pytest.LogCaptureFixture) -> None:
    life = live()
    life.greeted()
    life.redis.hang()
    life.offer(2)
    life.until_it_hangs()
    life.delivery.close()
    assert "2 events were not delivered before the end" in caplog.text
    assert waiter_threads() == []


def test_the_end_is_bounded_while_a_real_connection_hangs(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, and never answers
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        health = Health("t", queue_length=int, queue_capacity=0, open_spans=int, spool_bytes=int)
        assembler = Assembler("host:1:1", "w", Redactor())
        delivery = Sender(RedisWriter(url, timeout_s=60), assembler, "host:1:1", health, [Spool(tmp_path / "spool")])
        delivery.offer([Batch(RUN, "w", 1, Changes([Change("", "", [b"x"])]), {})])
        delivery.step()
        with silent.accept()[0] as connection:
            assert connection.recv(1), "it waits for an answer"
            begun = time.monotonic()
            delivery.close()
            assert time.monotonic() - begun < 15, "the time-out of the connection is 60 s"
            eventually(lambda: not waiter_threads(), 15)
    (left,) = adopt(tmp_path / "spool")
    left.advance(len(left.peek(10, 1 << 20)))
    left.close()


def test_without_a_thread_to_be_had_it_delivers_all_the_same(
    live: Callable[..., Life], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(_: Any) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    life = live(Spool(tmp_path / "spool"))
    life.offer(2)
    assert life.steps()
    life.redis.trouble = True
    life.offer()
    assert not life.steps()
    assert on_disk(life) == [3]
    life.redis.trouble = False
    life.clock.now += 5
    assert life.steps()
    assert life.redis.sent == [[1, 2], [3], [1, 2], [3]]
    life.delivery.close()
