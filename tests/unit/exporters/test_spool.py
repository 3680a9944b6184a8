"""The spool: first in, first out, bounded, and readable after every way in which a process or a disk can fail."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import stat
import struct
import tempfile
import zlib
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from spantail_exporters.model.batch import Batch
from spantail_exporters.model.changes import Change, Changes
from spantail_exporters.spool import place as spool_place
from spantail_exporters.spool import record as spool_record
from spantail_exporters.spool.adoption import adopt, open_spools
from spantail_exporters.spool.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Iterator

RUN = "4bf92f3577b34da6a3ce929d0e0e4736"
WRITER = "host:1:2:cafecafe"
PLENTY = (1_000_000, 1 << 40)


def batch(seq: int, size: int = 10, run_id: str = RUN) -> Batch:
    return Batch(run_id, WRITER, seq, Changes([Change("", "", [b"x" * size])]), {})


def numbers(batches: list[Batch]) -> list[int]:
    return [one.writer_seq for one in batches]


def drain(spool: Spool) -> list[int]:
    found = []
    while chunk := spool.peek(3, 1 << 20):
        found += numbers(chunk)
        spool.advance(len(chunk))
    assert is_empty(spool)
    return found


def is_empty(spool: Spool) -> bool:
    return spool.empty  # read anew: a type checker takes a property for a constant


def die(spool: Spool) -> None:
    """What the kernel does for a process that was killed: its descriptors are closed, its files stay."""
    spool._release()


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def spool(folder: Path) -> Iterator[Spool]:
    one = Spool(folder, limit_bytes=100_000, segment_bytes=1_000)
    yield one
    one.close()


_text = st.text(max_size=20)
_changes = st.builds(
    Change,
    span_id=_text,
    parent_id=_text,
    events=st.lists(st.binary(max_size=200), max_size=5),
    span_events=st.integers(0, 5),
    account=_text,
    layers=st.binary(max_size=50),
    state=st.binary(max_size=50),
    sources=st.dictionaries(_text, _text.map(str.encode), max_size=2),
)
_batches = st.builds(
    Batch,
    run_id=_text,
    writer=_text,
    writer_seq=st.integers(1, 2**62),
    changes=st.builds(Changes, st.lists(_changes, max_size=4)),
    drops=st.dictionaries(_text, st.integers(0, 2**40), max_size=3),
)


@given(_batches)
def test_a_batch_comes_back_as_it_went_in(one: Batch) -> None:
    with tempfile.TemporaryFile() as file:
        record = spool_record.encode(one)
        file.write(record)
        file.flush()
        assert spool_record.read(file.fileno(), 0, len(record)) == (one, len(record))


def test_what_an_earlier_version_wrote_is_read(tmp_path: Path) -> None:
    """Its headers knew of no sources."""
    record = spool_record.encode(batch(7))
    (size,) = struct.unpack_from("<I", record, 8)
    header = orjson.loads(record[12 : 12 + size])
    del header["sources"]
    older = orjson.dumps(header)
    payload = struct.pack("<I", len(older)) + older + record[12 + size :]
    path = tmp_path / "old"
    path.write_bytes(struct.pack("<II", len(payload), zlib.crc32(payload)) + payload)
    with path.open("rb") as file:
        assert spool_record.read(file.fileno(), 0, path.stat().st_size) == (batch(7), path.stat().st_size)


@given(_batches, st.data())
def test_a_record_that_was_cut_or_changed_is_never_half_a_batch(one: Batch, data: st.DataObject) -> None:
    record = bytearray(spool_record.encode(one))
    cut = data.draw(st.integers(0, len(record) - 1))
    if data.draw(st.booleans()):
        record = record[:cut]
    else:
        record[cut] ^= data.draw(st.integers(1, 255))
    with tempfile.TemporaryFile() as file:
        file.write(record)
        file.flush()
        found, end = spool_record.read(file.fileno(), 0, len(record))
    assert found is None
    assert end <= max(len(record), 8)


def test_first_in_first_out_over_many_segments(spool: Spool, folder: Path) -> None:
    assert is_empty(spool)
    assert all(spool.append(batch(n, 300)) for n in range(50))
    assert len([name for name in files(folder) if name.endswith(".spool")]) > 5
    assert not is_empty(spool)
    assert drain(spool) == list(range(50))
    assert spool.size_bytes == 0


def test_a_peek_takes_nothing_out_and_keeps_its_bounds(spool: Spool) -> None:
    for n in range(10):
        spool.append(batch(n, 300))
    assert numbers(spool.peek(4, 1 << 20)) == numbers(spool.peek(4, 1 << 20)) == [0, 1, 2, 3]
    assert numbers(spool.peek(100, 1_200)) == [0, 1]
    assert numbers(spool.peek(100, 1)) == [0], "one at least, or it would never go on"
    with pytest.raises(ValueError, match="2 batches to take out, 1 were read"):
        spool.advance(2)
    spool.peek(4, 1 << 20)
    spool.advance(1)
    spool.advance(2)
    assert numbers(spool.peek(2, 1 << 20)) == [3, 4]


def test_a_full_spool_refuses_and_takes_again_when_there_is_room(folder: Path) -> None:
    spool = Spool(folder, limit_bytes=5_000, segment_bytes=1_000)
    accepted = [n for n in range(100) if spool.append(batch(n, 400))]
    assert accepted == list(range(len(accepted)))
    assert 8 <= len(accepted) <= 10
    assert spool.size_bytes <= 5_000
    assert sum((folder / name).stat().st_size for name in files(folder)) == spool.size_bytes
    spool.advance(len(spool.peek(4, 1 << 20)))
    assert spool.append(batch(1_000, 400))
    assert drain(spool)[-1] == 1_000
    spool.close()


def test_what_others_left_in_the_folder_counts(folder: Path) -> None:
    first = Spool(folder, limit_bytes=5_000, segment_bytes=1_000)
    while first.append(batch(1, 400)):
        pass
    second = Spool(folder, limit_bytes=5_000, segment_bytes=1_000)
    assert not second.append(batch(1, 400)), "a process that crashes again and again must not fill the disk"
    drain(first)
    assert second.append(batch(1, 400))
    first.close()
    drain(second)
    second.close()


def test_a_batch_larger_than_a_segment(spool: Spool) -> None:
    assert spool.append(batch(1, 10))
    assert spool.append(batch(2, 50_000))
    assert spool.append(batch(3, 10))
    assert not spool.append(batch(4, 100_000)), "larger than the whole spool"
    assert drain(spool) == [1, 2, 3]


def test_nobody_else_can_read_it_and_nothing_is_left_of_an_empty_one(folder: Path) -> None:
    spool = Spool(folder)
    assert not folder.exists(), "a process that never had to wait for Redis leaves no trace"
    spool.append(batch(1))
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    drain(spool)
    spool.close()
    spool.close()
    assert files(folder) == []
    assert not spool.append(batch(2))


def test_what_is_left_is_adopted_oldest_first_and_once(folder: Path) -> None:
    for generation in range(3):
        dead = Spool(folder, segment_bytes=500)
        for n in range(5):
            dead.append(batch(10 * generation + n, 200))
        for path in folder.glob(f"{dead._name}.*"):
            os.utime(path, (1_000 - generation, 1_000 - generation))
        if generation == 2:
            dead.close()  # a shutdown while Redis is away
        else:
            die(dead)
    heirs = adopt(folder)
    assert adopt(folder) == [], "each has one heir"
    assert [drain(heir) for heir in heirs] == [[20, 21, 22, 23, 24], [10, 11, 12, 13, 14], [0, 1, 2, 3, 4]]
    assert not heirs[0].append(batch(1))
    for heir in heirs:
        heir.close()
    assert files(folder) == []


def test_the_living_keep_theirs(spool: Spool, folder: Path) -> None:
    spool.append(batch(1))
    assert adopt(folder) == []
    assert drain(spool) == [1]


def test_an_heir_that_does_not_finish_leaves_the_rest_to_the_next(folder: Path) -> None:
    dead = Spool(folder, segment_bytes=500)
    for n in range(20):
        dead.append(batch(n, 200))
    die(dead)
    (heir,) = adopt(folder)
    heir.peek(7, 1 << 20)
    heir.advance(7)
    heir.close()
    (heir,) = adopt(folder)
    again = drain(heir)
    assert again[0] <= 7, "nothing is missing"
    assert again == list(range(again[0], 20))
    assert again[0] >= 4, "and not more than a segment is told again"
    heir.close()


@pytest.mark.parametrize("torn", [1, 7, 8, 12, 100])
def test_a_torn_last_record_is_skipped_and_counted(folder: Path, torn: int) -> None:
    dead = Spool(folder)
    for n in range(3):
        dead.append(batch(n, 100))
    (segment,) = folder.glob("*.spool")
    die(dead)
    record = spool_record.encode(batch(3, 100))
    with segment.open("ab") as file:
        file.write(record[:torn])
    (heir,) = adopt(folder)
    assert drain(heir) == [0, 1, 2]
    assert heir.damaged == 1
    heir.close()
    assert files(folder) == []


def test_damage_in_the_middle_costs_what_is_damaged(folder: Path) -> None:
    dead = Spool(folder, segment_bytes=1_000)
    for n in range(9):
        dead.append(batch(n, 300))
    die(dead)
    first, second, third = sorted(folder.glob("*.spool"))
    content = bytearray(first.read_bytes())
    content[-5] ^= 0xFF  # in the last record of the first segment
    first.write_bytes(content)
    second.write_bytes(b"something else")
    (heir,) = adopt(folder)
    assert drain(heir) == [0, 1, 6, 7, 8]
    assert heir.damaged == 2
    heir.close()
    assert third.exists() is False


@pytest.mark.parametrize("content", [b"", b"spantl", spool_record.MAGIC, spool_record.MAGIC + bytes(4096)])
def test_a_segment_without_a_record(folder: Path, content: bytes) -> None:
    folder.mkdir()
    (folder / "somebody-1234abcd.000001.spool").write_bytes(content)
    for heir in adopt(folder):
        assert heir.peek(*PLENTY) == []
        assert heir.empty
        heir.close()
    assert files(folder) == []


def test_files_that_vanish_are_skipped(spool: Spool, folder: Path) -> None:
    for n in range(9):
        spool.append(batch(n, 300))
    sorted(folder.glob("*.spool"))[1].unlink()
    assert drain(spool) == [0, 1, 2, 6, 7, 8]
    shutil.rmtree(folder)
    for n in range(2):
        spool.append(batch(n, 300))
    assert drain(spool) in ([0, 1], []), "whatever became of them, it goes on"


def test_what_another_user_put_there_is_not_delivered(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dead = Spool(folder)
    dead.append(batch(1))
    die(dead)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert adopt(folder) == []


def test_a_link_is_not_followed(folder: Path, tmp_path: Path) -> None:
    dead = Spool(folder)
    dead.append(batch(1))
    die(dead)
    (segment,) = folder.glob("*.spool")
    segment.rename(tmp_path / "elsewhere")
    segment.symlink_to(tmp_path / "elsewhere")
    assert adopt(folder) == []
    assert (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("fails", ["short", "raises"])
def test_a_disk_that_is_full_refuses_and_leaves_no_half_record(
    spool: Spool, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, fails: str
) -> None:
    write = os.write
    spool.append(batch(1))
    size = spool.size_bytes

    def full(descriptor: int, data: bytes) -> int:
        written = write(descriptor, data[: len(data) // 2])
        if fails == "raises":
            raise OSError(28, "No space left on device")
        return written

    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING):
        patch.setattr(os, "write", full)
        assert not spool.append(batch(2))
        assert not spool.append(batch(3))
    assert spool.size_bytes == size
    assert len(caplog.records) == 1
    assert spool.append(batch(4))
    assert drain(spool) == [1, 4]
    assert spool.damaged == 0


def test_a_disk_that_fails_at_the_first_record(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda *_: 0)
        assert not spool.append(batch(1))
    assert spool.empty
    assert spool.append(batch(2))
    assert drain(spool) == [2]


def _write_for_ever(folder: str, pipe: int) -> None:
    spool = Spool(Path(folder), limit_bytes=1 << 30, segment_bytes=20_000)
    for n in count():
        spool.append(batch(n, 3_000))
        os.write(pipe, b"%d\n" % n)


def test_kill_9_in_the_midst_of_writing_loses_at_most_the_record_at_hand(folder: Path) -> None:
    for _ in range(5):
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                os.close(reading)
                _write_for_ever(str(folder), writing)
            finally:
                os._exit(1)
        os.close(writing)
        with os.fdopen(reading, "rb") as lines:
            for confirmed in map(int, lines):
                if confirmed == 20:
                    os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        (heir,) = adopt(folder)
        found = drain(heir)
        assert found == list(range(len(found)))
        assert len(found) in {confirmed + 1, confirmed + 2}
        assert heir.damaged <= 1
        heir.close()
        assert files(folder) == []


def test_a_forked_child_touches_nothing_and_keeps_no_lock(spool: Spool, folder: Path) -> None:
    spool.append(batch(1))
    ready, tell_ready = os.pipe()
    done, tell_done = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(tell_done)
            tried = spool.append(batch(2))
            spool.close()
            os.write(tell_ready, b"1")
            os.read(done, 1)
            os._exit(int(tried))
        finally:
            os._exit(2)
    try:
        os.read(ready, 1)
        spool.append(batch(3))
        die(spool)
        (heir,) = adopt(folder)
        assert drain(heir) == [1, 3]
        heir.close()
    finally:
        for descriptor in (ready, tell_ready, done, tell_done):
            os.close(descriptor)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_a_descriptor_is_forgotten_before_it_is_closed(
    spool: Spool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Closing gives the interpreter away: another thread may open a file, which gets the number, and fork."""
    spool.append(batch(1))
    close, statuses = os.close, list[int]()

    def close_and_fork(descriptor: int) -> None:
        close(descriptor)
        with monkeypatch.context() as patch, (tmp_path / "of the application").open("w") as file:
            patch.setattr(os, "close", close)
            assert file.fileno() == descriptor
            pid = os.fork()
            if pid == 0:
                try:
                    os.fstat(descriptor)
                    os._exit(0)
                finally:
                    os._exit(1)
            statuses.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))

    with monkeypatch.context() as patch:
        patch.setattr(os, "close", close_and_fork)
        die(spool)
    assert statuses == [0, 0], "the segment and the lock"


def test_a_descriptor_that_is_gone_stops_no_other_spool_from_being_forgotten(folder: Path) -> None:
    spools = [Spool(folder) for _ in range(3)]
    for one in spools:
        one.append(batch(1))
        assert one._out is not None
        os.close(one._out)
    pid = os.fork()
    if pid == 0:
        os._exit(sum(one._out is not None or one._lock is not None for one in spools))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    for one in spools:
        one._out = None
        one.peek(*PLENTY)
        one.advance(1)
        one.close()


def test_damage_is_said_once(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    dead = Spool(folder, segment_bytes=100)
    for n in range(3):
        dead.append(batch(n, 100))
    die(dead)
    for segment in folder.glob("*.spool"):
        segment.write_bytes(b"something else")
    (heir,) = adopt(folder)
    assert drain(heir) == []
    assert heir.damaged == 3
    (record,) = caplog.records
    assert "damaged" in record.getMessage()
    heir.close()


# ---------------------------------------------------------------- by the environment


def test_each_destination_has_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    def place(url: str) -> Path:
        (spool,) = open_spools(url)
        return spool.folder

    assert place("redis://u:secret@h:1/0") == place("redis://h:1/0"), "a new password is the same place"
    folders = {place(url) for url in ("redis://h:1/0", "redis://h:1/1", "redis://h:1?db=1", "redis://h:2/0")}
    assert len(folders) == 4
    assert {folder.parent for folder in folders} == {tmp_path / "spantail" / "spool"}
    assert not any("secret" in str(path) for path in tmp_path.rglob("*"))


def test_what_dead_processes_left_comes_after_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPANTAIL_SPOOL_DIR", str(tmp_path))
    (dead,) = open_spools("redis://h", owner="host:1:2")
    dead.append(batch(1))
    die(dead)
    own, heir = open_spools("redis://h", owner="host:3:4")
    assert own.append(batch(2))
    assert (drain(own), drain(heir)) == ([2], [1])
    own.close()
    heir.close()


@pytest.mark.parametrize("value", ["0", "-1", " 0 "])
def test_switched_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("SPANTAIL_SPOOL_DIR", str(tmp_path / "x"))
    monkeypatch.setenv("SPANTAIL_SPOOL_MAX_BYTES", value)
    assert open_spools("redis://h") == []
    assert not (tmp_path / "x").exists()


def test_the_limit_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPANTAIL_SPOOL_DIR", str(tmp_path / "x"))
    monkeypatch.setenv("SPANTAIL_SPOOL_MAX_BYTES", "2000")
    (spool,) = open_spools("redis://h")
    assert spool.append(batch(1, 1_000))
    assert not spool.append(batch(2, 1_000))
    drain(spool)
    spool.close()


def test_a_limit_that_is_no_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("SPANTAIL_SPOOL_DIR", str(tmp_path / "x"))
    monkeypatch.setenv("SPANTAIL_SPOOL_MAX_BYTES", "64MB")
    place = spool_place.place_for("redis://h")
    assert place is not None
    assert place.limit_bytes == spool_place.LIMIT_BYTES
    assert "64MB" in caplog.text


def test_a_folder_that_cannot_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SPANTAIL_SPOOL_DIR", str(tmp_path / "file" / "below"))
    assert open_spools("redis://h") == []
    assert len(caplog.records) == 1


def test_a_folder_that_may_not_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("SPANTAIL_SPOOL_DIR", str(tmp_path))
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everywhere
    assert open_spools("redis://h") == []
    assert len(caplog.records) == 1


# ---------------------------------------------------------------- against a model


class SpoolModel(RuleBasedStateMachine):
    """Any order of appending, reading, dying and starting again, against a list."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="spantail-test-"))
        self.numbers = count()
        self.expected: list[int] = []  # not delivered
        self.delivered: list[int] = []

    @initialize(segment_bytes=st.sampled_from([1, 300, 2_000]))
    def start(self, segment_bytes: int) -> None:
        self.segment_bytes = segment_bytes
        self.own = Spool(self.folder, limit_bytes=6_000, segment_bytes=segment_bytes)
        self.heirs: list[Spool] = []

    @rule(size=st.integers(0, 900))
    def append(self, size: int) -> None:
        n = next(self.numbers)
        if self.own.append(batch(n, size)):
            self.expected.append(n)
        else:
            assert spool_place.bytes_in(self.folder) > 4_000, "refused although there is room"

    @precondition(lambda self: not self.heirs)
    @rule(most=st.integers(1, 5), size=st.integers(1, 3_000), take=st.integers(0, 5))
    def read(self, most: int, size: int, take: int) -> None:
        found = self.own.peek(most, size)
        assert numbers(found) == self.expected[: len(found)]
        assert bool(found) == bool(self.expected)
        taken = min(take, len(found))
        self.own.advance(taken)
        self.delivered += self.expected[:taken]
        del self.expected[:taken]
        assert self.own.empty == (not self.expected)

    @precondition(lambda self: self.heirs)
    @rule(most=st.integers(1, 5))
    def read_what_was_left(self, most: int) -> None:
        """What comes again was delivered before; what is new comes in order."""
        found = numbers(self.heirs[0].peek(most, 1 << 20))
        self.heirs[0].advance(len(found))
        new = [n for n in found if n not in self.delivered]
        assert new == self.expected[: len(new)]
        self.delivered += new
        del self.expected[: len(new)]
        if not found:
            self.heirs.pop(0).close()

    @rule(clean=st.booleans(), torn=st.integers(0, 60))
    def start_again(self, *, clean: bool, torn: int) -> None:
        for spool in (self.own, *self.heirs):
            spool.close() if clean else die(spool)
        segments = sorted(self.folder.glob(f"{self.own._name}.*.spool")) if self.own._name else []
        if not clean and segments:
            with segments[-1].open("ab") as file:
                file.write(spool_record.encode(batch(0, 50))[:torn])
        self.heirs = adopt(self.folder)
        # within one tick of the file system's clock their order is open: by the first number, as it was
        self.heirs.sort(key=lambda heir: min(numbers(heir.peek(*PLENTY)), default=0))
        self.own = Spool(self.folder, limit_bytes=6_000, segment_bytes=self.segment_bytes)

    @invariant()
    def bounded(self) -> None:
        assert spool_place.bytes_in(self.folder) <= 6_000 + 60 * 20

    def teardown(self) -> None:
        for spool in (self.own, *self.heirs):
            while chunk := spool.peek(*PLENTY):
                spool.advance(len(chunk))
            spool.close()
        left = files(self.folder)
        shutil.rmtree(self.folder)
        assert left == []


SpoolModel.TestCase.settings = settings(max_examples=60, stateful_step_count=40)
test_against_a_model: Any = SpoolModel.TestCase
