"""Batches on disk, in order, while Redis is away: bounded, readable after a `kill -9`, delivered by whoever comes next.

A spool is a row of segment files, `{name}.{n}.spool`, and a lock file, `{name}.lock`, whose `flock` says that its
process lives. The kernel drops the lock with the process, however it ends, and the next process may `adopt` what is
left. What is in here has been redacted already.

A record is written by one `write`, without a sync: the page cache survives the end of the process, and that is the case
which a spool is for. A sync for each record would help only in a power cut, in which Redis loses its last second too,
and would cost milliseconds each, just when there is most to write.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import re
import socket
import stat
import weakref
from collections import deque
from typing import TYPE_CHECKING, Final

from spantail_exporters.spool import place as spool_place
from spantail_exporters.spool import record as spool_record
from spantail_exporters.spool.segment import BEGIN, Segment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from spantail_exporters.model.batch import Batch

_logger = logging.getLogger(__name__)

SEGMENT_BYTES: Final = 1024 * 1024  # what is read again, at most, by one who adopts a half-delivered spool


class Spool:
    """A first-in first-out queue of batches. One thread owns it.

    Nothing here raises for what the disk does: what cannot be written is refused, what cannot be read is skipped
    and counted in `damaged`.

    Args:
        folder: Made on first use.
        limit_bytes: Bounds all files in the folder, those of other processes included: however many crash, one after
            the other, the disk does not fill.
        segment_bytes: A file that is larger gets no more records.
        owner: Goes into the file names, for people to read.
    """

    def __init__(
        self,
        folder: Path,
        *,
        limit_bytes: int = spool_place.LIMIT_BYTES,
        segment_bytes: int = SEGMENT_BYTES,
        owner: str = "",
    ) -> None:
        self._folder = folder
        self._limit = limit_bytes
        self._segment_bytes = segment_bytes
        self._owner = re.sub(r"[^\w-]", "-", owner or f"{socket.gethostname()}-{os.getpid()}")[:100]
        self._name = ""
        self._lock: int | None = None
        self._adopted = False
        self._closed = False
        self._segments: deque[Segment] = deque()
        self._offset = BEGIN  # in the first segment: what stands before it has been delivered
        self._peeked: list[tuple[Segment, int]] = []  # where each batch of the last peek ends
        self._out: int | None = None  # the last segment, open for appending
        self._number = 0
        self._size = 0
        self._others = 0  # bytes of other spools in the folder when they were counted last
        self._has_warned = False
        self._damaged = 0
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
    def damaged(self) -> int:
        """How many records were torn or changed on disk and had to be skipped."""
        return self._damaged

    @property
    def empty(self) -> bool:
        """Whether nothing is left to read. A damaged rest is noticed, and passed over, by the next `peek`."""
        segments = self._segments
        return not segments or (len(segments) == 1 and self._offset >= segments[0].size)

    def append(self, batch: Batch, /) -> bool:
        """Put a batch at the end; False when there is no room, or the disk would not take it."""
        if self._closed or self._adopted:
            return False
        record = spool_record.encode(batch)
        try:
            if self._out is None or self._segments[-1].size >= self._segment_bytes:
                return self._has_room(BEGIN + len(record), anew=True) and self._next_segment() and self._write(record)
            return self._has_room(len(record)) and self._write(record)
        except OSError as error:
            self._complain(error)
            return False

    def peek(self, max_batches: int, max_bytes: int, /) -> list[Batch]:
        """Read the oldest batches, at least one when there is one; `advance` takes them out.

        Args:
            max_batches: How many at most.
            max_bytes: Bounds their bytes on disk.

        Returns:
            An empty list when nothing is left.
        """
        self._peeked = []
        found: list[Batch] = []
        size = 0
        while not found:
            for segment, batch, end, length in self._read():
                if batch is None:
                    if not found:  # behind a good one it waits until it is the first, and is counted then
                        self._skip(segment, end)
                    break
                if found and size + length > max_bytes:
                    return found
                found.append(batch)
                self._peeked.append((segment, end))
                size += length
                if len(found) >= max_batches or size >= max_bytes:
                    return found
            else:
                if not found:
                    self._drop_all()
                break
        return found

    def advance(self, count: int, /) -> None:
        """Take out the first `count` batches of the last `peek`: they are stored.

        Raises:
            ValueError: There were fewer.
        """
        if count > len(self._peeked):
            raise ValueError(f"{count} batches to take out, {len(self._peeked)} were read")
        if count > 0:
            segment, end = self._peeked[count - 1]
            del self._peeked[:count]
            self._advance_to(segment, end)

    def close(self) -> None:
        """Let go of the files; what is left in them is for the next process, an empty spool leaves none behind."""
        if self._closed:
            return
        self._closed = True
        if self.empty:
            self._drop_all()
            if self._lock is not None:
                with contextlib.suppress(OSError):
                    self._path("lock").unlink(missing_ok=True)  # while it is held: nobody else can have taken it
        self._release()

    # ------------------------------------------------------------ writing

    def _has_room(self, more: int, *, anew: bool = False) -> bool:
        if anew or self._size + self._others + more > self._limit:
            self._others = max(0, spool_place.bytes_in(self._folder) - self._size)
        return self._size + self._others + more <= self._limit

    def _next_segment(self) -> bool:
        if self._lock is None:  # the first one: a process that never had to wait for Redis writes nothing to disk
            spool_place.make_folder(self._folder)
            self._name, self._lock = spool_place.new_lock(self._folder, self._owner)
        self._close_out()
        self._number += 1
        path = self._path(f"{self._number:06d}.spool")
        self._out = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        if not self._segments:
            self._offset = BEGIN
        self._segments.append(Segment(path, 0))
        return self._write(spool_record.MAGIC)

    def _write(self, data: bytes) -> bool:
        assert self._out is not None  # noqa: S101 - for the type checker; every caller has opened it
        segment = self._segments[-1]
        try:
            if os.write(self._out, data) == len(data):
                segment.size += len(data)
                self._size += len(data)
                return True
            self._complain(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
        except OSError as error:
            self._complain(error)
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
        if not self._has_warned:
            self._has_warned = True
            _logger.warning(
                "the spool in %s cannot be written, what does not fit is counted and dropped: %s", self._folder, error
            )

    # ------------------------------------------------------------ reading

    def _read(self) -> Iterator[tuple[Segment, Batch | None, int, int]]:
        """Read on from the first undelivered record: segment, batch or None if damaged, its end, its length."""
        offset = self._offset
        for segment in list(self._segments):
            for batch, end, length in segment.read(offset):
                yield segment, batch, end, length
            offset = BEGIN

    def _skip(self, segment: Segment, end: int) -> None:
        if not self._damaged:
            _logger.warning("a part of a spool in %s is damaged or gone, and is lost", self._folder)
        self._damaged += 1
        self._advance_to(segment, end)

    def _advance_to(self, segment: Segment, offset: int) -> None:
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
        self._offset = BEGIN
        with contextlib.suppress(OSError):
            segment.path.unlink(missing_ok=True)

    # ------------------------------------------------------------ files

    def _path(self, suffix: str) -> Path:
        return self._folder / f"{self._name}.{suffix}"

    def _close_out(self) -> None:
        descriptor, self._out = self._out, None
        _close(descriptor)

    def _release(self) -> None:
        self._close_out()
        descriptor, self._lock = self._lock, None
        _close(descriptor)

    def take_over(self, name: str) -> float | None:
        """Become the spool of a dead process, before anything else is done with this one.

        Returns:
            When it was written first, in seconds since the epoch; None when there is none to take.

        Raises:
            OSError: The disk cannot be read.
        """
        self._adopted = True
        self._name = name
        self._lock = spool_place.lock(self._path("lock"))
        if self._lock is None:  # its process lives, or another has just adopted it
            self._closed = True
            return None
        try:
            return self._find_segments()
        except OSError:
            self._release()
            raise

    def _find_segments(self) -> float | None:
        found: list[tuple[int, Segment]] = []
        oldest = float("inf")
        for path in self._folder.iterdir():
            stem, _, number = path.name.removesuffix(".spool").rpartition(".")
            if stem != self._name or not number.isdigit():
                continue
            state = path.lstat()
            # in a folder that others may write to, what they put there is not ours to send
            if stat.S_ISREG(state.st_mode) and state.st_uid == os.geteuid():
                found.append((int(number), Segment(path, state.st_size)))
                oldest = min(oldest, state.st_mtime)
        self._segments.extend(segment for _, segment in sorted(found, key=lambda pair: pair[0]))
        self._size = sum(segment.size for segment in self._segments)
        if not self._segments:
            self.close()
            return None
        return oldest

    def forget(self) -> None:
        """Let go of everything in a forked child: the files are the parent's, whose lock must not live on here."""
        self._closed = True
        self._segments.clear()
        self._peeked = []
        self._release()


def _close(descriptor: int | None) -> None:
    """Close what nobody refers to any more: a fork meanwhile must not close the number again, whoever has it then."""
    if descriptor is not None:
        with contextlib.suppress(OSError):
            os.close(descriptor)


_spools: weakref.WeakSet[Spool] = weakref.WeakSet()


def _after_fork() -> None:
    for spool in list(_spools):
        spool.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
