"""The text of a streamed answer, kept piece by piece, and what of it may be shown before it has ended."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Final

from spantail.values import plain_text

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT: Final = 32 * 1024
"""Characters that are kept."""

_EVERY_S: Final = 0.25
_LEAST_GROWTH: Final = 8  # an eighth: what is sent of an answer in all stays below nine times its length
# Half of a secret would not be recognised: an unfinished word, or a number that may go on, is held back.
_UNFINISHED: Final = re.compile(r"(?:[\d\s-]*\S*)\Z")
_LONGEST_WORD: Final = 512


class StreamedText:
    """Collects the pieces.

    Args:
        clock: Seconds of a clock that is never set.
    """

    __slots__ = ("_clock", "_due_s", "_length", "_pieces", "_shown")

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._due_s = 0.0
        self._pieces: list[str] = []
        self._length = 0
        self._shown = 0

    def __bool__(self) -> bool:
        return bool(self._pieces)

    @property
    def is_full(self) -> bool:
        """As much is kept as may be."""
        return self._length >= LIMIT

    def add(self, piece: str) -> None:
        """Keep one more piece."""
        self._pieces.append(piece)
        self._length += len(piece)

    def whole(self) -> str:
        """Return all that is kept."""
        return "".join(self._pieces)[:LIMIT]

    def so_far(self) -> str | None:
        """Return what has come until its last whole word; None where that is not due, or hardly more than before."""
        if self._length - self._shown <= self._shown // _LEAST_GROWTH:
            return None
        now_s = self._clock()
        if now_s < self._due_s:
            return None
        self._due_s = now_s + _EVERY_S
        self._shown = self._length
        text = self.whole()
        self._pieces = [text]
        tail = max(0, len(text) - _LONGEST_WORD)
        unfinished = _UNFINISHED.search(text, tail)
        return text[: unfinished.start() if unfinished else len(text)] or None


def text_of(chunk: object) -> str:
    """Return the text of a chunk: its own, or that of the content blocks that some clients give in place of it."""
    if isinstance(chunk, str):
        return plain_text(chunk)
    parts = chunk if isinstance(chunk, list | tuple) else [chunk]
    texts = [part.get("text") if isinstance(part, dict) else part for part in parts]
    return "".join(plain_text(text) for text in texts if isinstance(text, str))
