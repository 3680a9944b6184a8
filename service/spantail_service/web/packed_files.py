"""Files that are packed once and then kept: the page is opened far more often than it is built."""

from __future__ import annotations

import zlib
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from spantail_service.web.compression import GZIP_FROM_BYTES, GZIP_WINDOW

if TYPE_CHECKING:
    from pathlib import Path

_MOST_FILES: Final = 64
_LEVEL: Final = 9  # it is done once: 20 ms for the largest script


class PackedFile(NamedTuple):
    """What a file holds."""

    plain: bytes
    gzip: bytes | None
    """None where packing is not worth it."""


def read_packed(path: Path) -> PackedFile:
    """What a file holds now, plain and in gzip format; read anew where its time or its size have changed.

    Raises:
        OSError: it cannot be read.
    """
    status = path.stat()
    return _packed(path, status.st_mtime_ns, status.st_size)


@lru_cache(_MOST_FILES)
def _packed(path: Path, _changed_ns: int, _size: int) -> PackedFile:
    plain = path.read_bytes()
    if len(plain) < GZIP_FROM_BYTES:
        return PackedFile(plain, None)
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, GZIP_WINDOW)
    return PackedFile(plain, packer.compress(plain) + packer.flush())
