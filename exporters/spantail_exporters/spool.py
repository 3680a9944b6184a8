"""Batches on disk, in order, while Redis is away: bounded, readable after a `kill -9`, delivered by whoever comes next.

A spool is a row of segment files, `{name}.{n}.spool`, and a lock file, `{name}.lock`, whose `flock` says that its
process lives. The kernel drops the lock with the process, however it ends, and the next process may `adopt` what is
left. What is in here has been redacted already.

A record goes out in one `write` and nothing is synced: the page cache outlives the process, which is the death that
a spool is for. A sync per record would guard against a power cut alone, which takes Redis' last second with it too,
and would cost milliseconds each, just when there is most to write.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import logging
import os
import re
import secrets
import socket
import stat
import struct
import sys
import weakref
import zlib
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit

import orjson

from spantail_exporters.assembler import Batch
from spantail_exporters.run_script import Change

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Iterator

_logger = logging.getLogger(__name__)

FOLDER_VARIABLE: Final = "SPANTAIL_SPOOL_DIR"
LIMIT_VARIABLE: Final = "SPANTAIL_SPOOL_MAX_BYTES"
LIMIT_BYTES: Final = 64 * 1024 * 1024
SEGMENT_BYTES: Final = 1024 * 1024  # what is read again, at most, by one who adopts a half-delivered spool

_MAGIC: Final = b"spantl\x00\x01"  # the last byte is the format's version
_HEAD: Final = struct.Struct("<II")  # length of the payload, its CRC-32
_SIZE: Final = struct.Struct("<I")  # length of the header within the payload


class Spool:
    """A first-in first-out queue of batches, each with the id of the writer that made it. One thread owns it.

    `folder` is made on first use. `limit_bytes` bounds all files in it, those of other processes included: however
    many crash, one after the other, the disk does not fill. `owner` goes into the file names, for people to read.
    Nothing here raises for what the disk does: what cannot be written is refused, what cannot be read is skipped
    and counted in `damaged`.
    """

    def __init__(
        self, folder: Path, *, limit_bytes: int = LIMIT_BYTES, segment_bytes: int = SEGMENT_BYTES, owner: str = ""
    ) -> None:
        self._folder = folder
        self._limit = limit_bytes
        self._segment_bytes = segment_bytes
        self._owner = re.sub(r"[^\w-]", "-", owner or f"{socket.gethostname()}-{os.getpid()}")[:100]
        self._name = ""
        self._lock: int | None = None
        self._adopted = False
        self._closed = False
        self._segments: deque[_Segment] = deque()
        self._offset = len(_MAGIC)  # in the first segment: what stands before it has been delivered
        self._peeked: list[tuple[_Segment, int]] = []  # where each batch of the last peek ends
        self._out: int | None = None  # the last segment, open for appending
        self._number = 0
        self._size = 0
        self._others = 0  # bytes of other spools in the folder when they were counted last
        self._trouble_told = False
        self.damaged = 0
        _spools.add(self)

    @property
    def folder(self) -> Path:
        """Where the files are."""
        return self._folder

    @property
    def size_bytes(self) -> int:
        """Bytes of this spool on disk; delivered ones count until their segment is finished."""
        return self._size

    @property
    def empty(self) -> bool:
        """Whether nothing is left to read. A damaged rest is noticed, and passed over, by the next `peek`."""
        segments = self._segments
        return not segments or (len(segments) == 1 and self._offset >= segments[0].size)

    def append(self, batch: Batch) -> bool:
        """Put a batch at the end; False when there is no room, or the disk would not take it."""
        if self._closed or self._adopted:
            return False
        record = _encode(batch)
        try:
            if self._out is None or self._segments[-1].size >= self._segment_bytes:
                return self._has_room(len(record) + len(_MAGIC), count=True) and self._begin() and self._write(record)
            return self._has_room(len(record), count=False) and self._write(record)
        except OSError as error:
            self._complain(error)
            return False

    def peek(self, max_batches: int, max_bytes: int) -> list[Batch]:
        """Read the oldest batches, at least one when there is one; `advance` takes them out.

        `max_bytes` bounds their bytes on disk. Empty when nothing is left.
        """
        self._peeked = []
        found: list[Batch] = []
        size = 0
        while not found:
            for segment, record, end, length in self._records():
                if record is None:
                    if not found:  # behind a good one it waits until it is the first, and is counted then
                        self.damaged += 1
                        self._advance_to(segment, end)
                    break
                if found and size + length > max_bytes:
                    return found
                found.append(record)
                self._peeked.append((segment, end))
                size += length
                if len(found) >= max_batches or size >= max_bytes:
                    return found
            else:
                if not found:
                    self._drop_all()
                break
        return found

    def advance(self, n: int) -> None:
        """Take out the first `n` batches of the last `peek`: they are delivered. ValueError when it gave fewer."""
        if n > len(self._peeked):
            raise ValueError(f"{n} batches to take out, {len(self._peeked)} were read")
        if n > 0:
            segment, end = self._peeked[n - 1]
            del self._peeked[:n]
            self._advance_to(segment, end)

    def close(self) -> None:
        """Let go of the files; what is left in them is for the next process, an empty spool leaves none behind."""
        if self._closed:
            return
        self._closed = True
        if self.empty:
            self._drop_all()
            if self._name:
                with contextlib.suppress(OSError):
                    self._path("lock").unlink(missing_ok=True)  # before the lock goes: nobody else can hold it
        self._release()

    # ------------------------------------------------------------ writing

    def _has_room(self, more: int, *, count: bool) -> bool:
        if count or self._size + self._others + more > self._limit:
            self._others = max(0, _bytes_in(self._folder) - self._size)
        return self._size + self._others + more <= self._limit

    def _begin(self) -> bool:
        """Start the next segment, the first time with the lock."""
        if self._lock is None:
            _make_folder(self._folder)
            self._name, self._lock = _new_lock(self._folder, self._owner)
        self._close_out()
        self._number += 1
        path = self._path(f"{self._number:06d}.spool")
        out = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        if not self._segments:
            self._offset = len(_MAGIC)
        self._segments.append(_Segment(path, 0))
        self._out = out
        return self._write(_MAGIC)

    def _write(self, record: bytes) -> bool:
        assert self._out is not None  # noqa: S101 - for the type checker; every caller has opened it
        segment = self._segments[-1]
        try:
            if os.write(self._out, record) == len(record):
                segment.size += len(record)
                self._size += len(record)
                return True
            trouble = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            trouble = error
        self._complain(trouble)
        try:
            os.ftruncate(self._out, segment.size)  # the next record must not stand behind half a one
        except OSError:
            self._close_out()
        if segment.size == 0:
            self._close_out()
            self._segments.pop()
            with contextlib.suppress(OSError):
                segment.path.unlink(missing_ok=True)
        return False

    def _complain(self, error: OSError) -> None:
        if not self._trouble_told:
            self._trouble_told = True
            _logger.warning("the spool in %s cannot be written, events that do not fit in memory are counted and "
                            "dropped: %s", self._folder, error)  # fmt: skip

    # ------------------------------------------------------------ reading

    def _records(self) -> Iterator[tuple[_Segment, Batch | None, int, int]]:
        """Read on from the first undelivered record: segment, record or None if damaged, its end, its length."""
        offset = self._offset
        for segment in list(self._segments):
            try:
                descriptor = os.open(segment.path, os.O_RDONLY | os.O_NOFOLLOW)
            except OSError:  # somebody cleaned up
                yield segment, None, segment.size, 0
                return
            try:
                if os.pread(descriptor, len(_MAGIC), 0) != _MAGIC:
                    yield segment, None, segment.size, 0
                    return
                while offset < segment.size:
                    record, end = _read(descriptor, offset, segment.size)
                    yield segment, record, end, end - offset
                    offset = end
            finally:
                os.close(descriptor)
            offset = len(_MAGIC)

    def _advance_to(self, segment: _Segment, offset: int) -> None:
        while self._segments and self._segments[0] is not segment:
            self._drop_first()
        self._offset = offset
        if offset >= segment.size:
            self._drop_first()

    def _drop_all(self) -> None:
        while self._segments:
            self._drop_first()

    def _drop_first(self) -> None:
        segment = self._segments.popleft()
        if not self._segments:
            self._close_out()
        self._size -= segment.size
        self._offset = len(_MAGIC)
        with contextlib.suppress(OSError):
            segment.path.unlink(missing_ok=True)

    # ------------------------------------------------------------ files

    def _path(self, suffix: str) -> Path:
        return self._folder / f"{self._name}.{suffix}"

    def _close_out(self) -> None:
        if self._out is not None:
            os.close(self._out)
            self._out = None

    def _release(self) -> None:
        self._close_out()
        if self._lock is not None:
            os.close(self._lock)  # not LOCK_UN: in a forked child that would take the lock from its parent
            self._lock = None

    def _take_over(self, name: str) -> float | None:
        """Become the spool of a dead process; returns when it was written first, None when there is none to take."""
        self._adopted = True
        self._name = name
        self._lock = _lock_file(self._path("lock"))
        if self._lock is None:  # its process lives, or another has just adopted it
            self._closed = True
            return None
        found: list[tuple[int, _Segment]] = []
        oldest = float("inf")
        for path in self._folder.iterdir():
            stem, _, number = path.name.removesuffix(".spool").rpartition(".")
            if stem != name or not number.isdigit():
                continue
            state = path.lstat()
            # in a folder that others may write to, what they put there is not ours to send
            if stat.S_ISREG(state.st_mode) and state.st_uid == os.geteuid():
                found.append((int(number), _Segment(path, state.st_size)))
                oldest = min(oldest, state.st_mtime)
        self._segments.extend(segment for _, segment in sorted(found, key=lambda pair: pair[0]))
        self._size = sum(segment.size for segment in self._segments)
        if not self._segments:
            self.close()
            return None
        return oldest

    def _forget(self) -> None:
        """In a forked child: the files are the parent's, and its lock must not live on in us."""
        self._closed = True
        self._segments.clear()
        self._peeked = []
        self._release()


class _Segment:
    """One file of a spool; `size` is how much of it counts."""

    __slots__ = ("path", "size")

    def __init__(self, path: Path, size: int) -> None:
        self.path = path
        self.size = size


def open_spool(destination: str, *, owner: str = "") -> Spool | None:
    """Make the spool that the environment asks for; None when it is switched off or cannot be.

    `destination` is the URL that batches go to: each has a folder of its own, for what one application could not
    deliver must not end up in the Redis of another. `SPANTAIL_SPOOL_MAX_BYTES` bounds that folder (0 = no spool),
    `SPANTAIL_SPOOL_DIR` is the folder above it, by default `spantail/spool` in the user's cache directory.
    """
    limit = _limit_from_environment()
    if limit <= 0:
        return None
    try:
        folder = _base_folder() / _digest(destination)
        _make_folder(folder)
        if sys.platform == "win32":
            raise OSError("no file locks on this platform")
        if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))
    except (OSError, RuntimeError) as error:  # RuntimeError: this user has no home
        _logger.warning("no spool on disk, events that do not fit in memory are counted and dropped: %s", error)
        return None
    return Spool(folder, limit_bytes=limit, owner=owner)


def adopt(folder: Path) -> list[Spool]:
    """Take over the spools in `folder` whose processes are gone, the oldest first.

    They are read with `peek` and `advance` and take no `append`. Closed before it is empty, one is left for the
    next to adopt, who may meet some batches again: writer id and sequence make that harmless.
    """
    adopted: list[tuple[float, Spool]] = []
    try:
        names = {path.name.split(".")[0] for path in folder.iterdir() if path.suffix in {".spool", ".lock"}}
    except OSError:
        return []
    for name in sorted(names):
        spool = Spool(folder)
        try:
            oldest = spool._take_over(name)  # noqa: SLF001 - its own module
        except OSError:
            spool._release()  # noqa: SLF001
        else:
            if oldest is not None:
                adopted.append((oldest, spool))
    return [spool for _, spool in sorted(adopted, key=lambda pair: pair[0])]


def _new_lock(folder: Path, owner: str) -> tuple[str, int]:
    while True:  # another process may adopt the file between its making and its locking: then the next name
        name = f"{owner}-{secrets.token_hex(4)}"
        if (lock := _lock_file(folder / f"{name}.lock")) is not None:
            return name, lock


def _lock_file(path: Path) -> int | None:
    """Open and lock a file; None when somebody else holds it or has just removed it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_ino == path.stat().st_ino:
            return descriptor
    except (BlockingIOError, FileNotFoundError):
        pass
    except OSError:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def _encode(batch: Batch) -> bytes:
    header = orjson.dumps({
        "writer": batch.writer,
        "run": batch.run_id,
        "seq": batch.writer_seq,
        "drops": dict(batch.drops),
        "changes": [
            [c.span_id, c.parent_id, c.notes, c.account, len(c.layers), len(c.state), [len(e) for e in c.events]]
            for c in batch.changes
        ],
    })  # fmt: skip
    parts = [_SIZE.pack(len(header)), header]
    for change in batch.changes:
        parts += (change.layers, change.state, *change.events)
    payload = b"".join(parts)
    return _HEAD.pack(len(payload), zlib.crc32(payload)) + payload


def _read(descriptor: int, offset: int, size: int) -> tuple[Batch | None, int]:
    """Read one record: a batch, None when it is damaged; and where the next one begins."""
    head = os.pread(descriptor, _HEAD.size, offset)
    if len(head) < _HEAD.size:
        return None, size
    length, crc = _HEAD.unpack(head)
    end = offset + _HEAD.size + length
    if length < _SIZE.size or end > size:
        return None, size  # torn, or not even a length
    payload = os.pread(descriptor, length, offset + _HEAD.size)
    if len(payload) != length or zlib.crc32(payload) != crc:
        return None, end
    try:
        return _decode(payload), end
    except (ValueError, TypeError, KeyError, struct.error):  # whole, but written by some other version
        return None, end


def _decode(payload: bytes) -> Batch:
    position = _SIZE.size + _SIZE.unpack_from(payload)[0]
    header: dict[str, Any] = orjson.loads(payload[_SIZE.size : position])

    def take(length: int) -> bytes:
        nonlocal position
        position += length
        return payload[position - length : position]

    changes = []
    for span_id, parent_id, notes, account, layers_size, state_size, sizes in header["changes"]:
        layers, state = take(layers_size), take(state_size)
        changes.append(Change(span_id, parent_id, [take(size) for size in sizes], notes, account, layers, state))
    return Batch(header["run"], header["writer"], header["seq"], changes, header["drops"])


def _make_folder(folder: Path) -> None:
    for path in reversed((folder, *folder.parents)):
        if not path.exists():
            path.mkdir(mode=0o700, exist_ok=True)  # with `parents=True` those above would get the default mode


def _bytes_in(folder: Path) -> int:
    total = 0
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(".spool"):
                with contextlib.suppress(OSError):  # delivered and deleted in between
                    total += entry.stat(follow_symlinks=False).st_size
    return total


def _base_folder() -> Path:
    if named := os.environ.get(FOLDER_VARIABLE):
        return Path(named).expanduser().absolute()
    cache = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if not cache.is_absolute():  # the XDG specification tells to ignore a relative one
        cache = Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache")
    return cache / "spantail" / "spool"


def _digest(destination: str) -> str:
    """Name a destination without its user name and password, which do not change where it is."""
    parts = urlsplit(destination)
    database = parse_qs(parts.query).get("db", [""])[0]
    place = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}?db={database}"
    return hashlib.sha256(place.encode()).hexdigest()[:16]


def _limit_from_environment() -> int:
    text = os.environ.get(LIMIT_VARIABLE, "").strip()
    if not text:
        return LIMIT_BYTES
    try:
        return int(text)
    except ValueError:
        _logger.warning("%s=%r is no number of bytes, %d holds", LIMIT_VARIABLE, text, LIMIT_BYTES)
        return LIMIT_BYTES


_spools: weakref.WeakSet[Spool] = weakref.WeakSet()


def _after_fork() -> None:
    for spool in list(_spools):
        spool._forget()  # noqa: SLF001 - its own module


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
