"""Request bodies: unzipped within a limit, and the errors of those that are no request (pure)."""

from __future__ import annotations

import zlib

_GZIP = 31  # zlib's window bits for a gzip header
_MOST_MEMBERS = 64  # each is followed by a copy of the rest: a body of a million empty ones would take hours


class MalformedRequestError(ValueError):
    """The body is not what its headers announce. The message may be shown to the sender."""


class TooManyError(ValueError):
    """The body holds more groups, items or parts than is taken. The message may be shown to the sender."""


class DecodedTooLargeError(ValueError):
    """The body is larger, once unzipped, than is taken."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"The unzipped body is larger than {limit} bytes: send smaller batches.")


class UnknownEncodingError(ValueError):
    """The body is packed in a way that is not taken. The message may be shown to the sender."""


def is_gzip(content_encoding: str) -> bool:
    """Whether a body with this `Content-Encoding` is gzip (RFC 9110 §8.4.1.3: `x-gzip` is the same).

    Raises:
        UnknownEncodingError: it is neither gzip nor plain, or packed more than once.
    """
    named = [name for part in content_encoding.lower().split(",") if (name := part.strip()) not in ("", "identity")]
    if named in (["gzip"], ["x-gzip"]):
        return True
    if named:
        found = ", ".join(named)[:100]
        raise UnknownEncodingError(f"Content-Encoding must be gzip (once) or identity, not {found}.")
    return False


def gunzip(data: bytes, limit: int) -> bytes:
    """Unzip `data`, which may be several gzip members in a row, to at most `limit` bytes.

    Raises:
        DecodedTooLargeError: as soon as it is known; no more than `limit` bytes are ever held.
        MalformedRequestError: it is no gzip, it is cut off, or it has more than 64 members.
    """
    if not data:
        raise MalformedRequestError("The gzip body is cut off: it is empty.")
    parts: list[bytes] = []
    left, members = limit, 0
    while data:
        members += 1
        if members > _MOST_MEMBERS:
            raise MalformedRequestError(f"The gzip body has more than {_MOST_MEMBERS} members.")
        member = zlib.decompressobj(_GZIP)
        try:
            part = member.decompress(data, left + 1)
        except zlib.error:
            raise MalformedRequestError("The body is not valid gzip.") from None
        if len(part) > left:
            raise DecodedTooLargeError(limit)
        if not member.eof:
            raise MalformedRequestError("The gzip body is cut off.")
        if part:
            parts.append(part)
        left -= len(part)
        data = member.unused_data
    return parts[0] if len(parts) == 1 else b"".join(parts)
