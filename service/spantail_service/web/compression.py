"""gzip for answers that are worth it."""

from __future__ import annotations

import asyncio
import zlib
from typing import TYPE_CHECKING, Final

from starlette.responses import Response

if TYPE_CHECKING:
    from collections.abc import Mapping

GZIP_FROM_BYTES: Final = 1_400
"""Less fits into one packet anyway."""
GZIP_WINDOW: Final = 31
"""zlib's way to ask for a gzip header."""

_IN_THREAD_BYTES = 131_072  # packing this much takes a millisecond, which the other viewers would wait for
_GZIP_LEVEL = 1  # events shrink to a tenth; level 6 takes three times as long for little less
_HEADERS: Final = {"cache-control": "no-store", "vary": "accept-encoding"}


def gzipped(body: bytes) -> bytes:
    """`body` in gzip format."""
    packer = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, GZIP_WINDOW)
    return packer.compress(body) + packer.flush()


def takes_gzip(accept_encoding: str) -> bool:
    """Whether an `Accept-Encoding` header allows gzip (RFC 9110 §12.5.3)."""
    for part in accept_encoding.lower().split(","):
        name, _, weight = part.partition(";")
        if name.strip() in ("gzip", "*"):
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


async def json_response(body: bytes, accept_encoding: str) -> Response:
    """A JSON answer that is not to be stored; packed where the caller takes it and the size makes it worth it."""
    return await packed_response(body, accept_encoding, "application/json")


async def packed_response(
    body: bytes, accept_encoding: str, media_type: str, headers: Mapping[str, str] = _HEADERS
) -> Response:
    """As `json_response`, of any media type; `headers` are instead of those that keep it from being stored."""
    if len(body) >= GZIP_FROM_BYTES and takes_gzip(accept_encoding):
        body = await asyncio.to_thread(gzipped, body) if len(body) > _IN_THREAD_BYTES else gzipped(body)
        headers = {**headers, "content-encoding": "gzip"}
    return Response(body, media_type=media_type, headers=dict(headers))
