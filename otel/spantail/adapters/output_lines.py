"""A stream of bytes, cut into lines of bounded length and number. No I/O, no clock of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_LINE: Final = 64 * 1024  # bytes; what is longer is cut
_RATE_PER_S: Final = 1_000
_BURST: Final = 2_000


class Line(NamedTuple):
    """One line, without its end.

    Attributes:
        data: Its bytes, at most `LONGEST_LINE`.
        left_out: How many bytes of it were cut.
    """

    data: bytes
    left_out: int


class LineCutter:
    """Cuts chunks of bytes into lines. It never holds more than one line of the greatest length."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._left_out = 0

    def feed(self, chunk: bytes) -> Iterator[Line]:
        """Take a chunk; yields the lines that it completes."""
        start = 0
        while (end := chunk.find(b"\n", start)) >= 0:
            self._add(chunk, start, end)
            yield self._take()
            start = end + 1
        self._add(chunk, start, len(chunk))

    def rest(self) -> Line | None:
        """Return what stands behind the last line end; None where that is nothing."""
        return self._take() if self._kept or self._left_out else None

    def _add(self, chunk: bytes, start: int, end: int) -> None:
        room = LONGEST_LINE - len(self._kept)
        self._kept += chunk[start : min(end, start + room)]
        self._left_out += max(end - start - room, 0)

    def _take(self) -> Line:
        line = Line(bytes(self._kept).removesuffix(b"\r"), self._left_out)
        self._kept.clear()
        self._left_out = 0
        return line


class RateLimit:
    """Allows so many lines in a second, and a burst of them after a rest.

    Args:
        per_s: How many in a second.
        burst: How many at once.
    """

    def __init__(self, per_s: float = _RATE_PER_S, burst: float = _BURST) -> None:
        self._per_s = per_s
        self._burst = burst
        self._left = burst
        self._at_s: float | None = None

    def allow(self, now_s: float) -> bool:
        """Tell whether one more line may pass.

        Args:
            now_s: The time in seconds, of a clock that never runs back.
        """
        if self._at_s is not None:
            self._left = min(self._burst, self._left + (now_s - self._at_s) * self._per_s)
        self._at_s = now_s
        if self._left < 1:
            return False
        self._left -= 1
        return True
