"""One file of a spool, and the records in it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from spantail_exporters.spool import record as spool_record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from spantail_exporters.model.batch import Batch

BEGIN: Final = len(spool_record.MAGIC)
"""Where the first record stands, in bytes from the beginning of the file."""


class Segment:
    """`size` is how many bytes of the file count."""

    __slots__ = ("path", "size")

    def __init__(self, path: Path, size: int) -> None:
        self.path = path
        self.size = size

    def read(self, offset: int) -> Iterator[tuple[Batch | None, int, int]]:
        """Read the records from an offset on: the batch, None where it is damaged; the record's end; its length.

        Of a file that cannot be read, all is one damaged record of no length.
        """
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW)
        except OSError:  # somebody cleaned up
            yield None, self.size, 0
            return
        try:
            good = os.pread(descriptor, BEGIN, 0) == spool_record.MAGIC
            while offset < self.size:
                batch, end = spool_record.read(descriptor, offset, self.size) if good else (None, self.size)
                yield batch, end, end - offset
                offset = end
        except OSError:
            yield None, self.size, 0
        finally:
            os.close(descriptor)
