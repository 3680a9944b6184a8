"""The text of one run on its way to one reader, who may be slower than the LLM."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from spantail_service.llm import Restart

if TYPE_CHECKING:
    from spantail_service.jobs.execution import Outcome

MAX_TEXT: Final = 65_536
"""Characters of one attempt's text that are passed on; what is beyond stands in the run's result alone."""


@dataclass(frozen=True, slots=True)
class TextPiece:
    """A further piece of the text."""

    text: str


class TextFeed:
    """Takes pieces of text as they arrive, and gives them out as fast as they are taken.

    What was not taken yet is kept as one text, at most `MAX_TEXT` characters, so a slow reader takes no more memory
    than that and misses nothing. For one reader, and the event loop that the run works in.
    """

    def __init__(self) -> None:
        self._waiting: list[str] = []
        self._length = 0
        self._taken = False
        self._void: Restart | None = None  # what the reader has taken
        self._outcome: Outcome | None = None
        self._left = False
        self._news = asyncio.Event()

    def push(self, text: str | Restart) -> None:
        """Take a piece, or a `Restart`: the text before it no longer counts. See `Tools.on_text`."""
        if isinstance(text, Restart):
            if self._taken:
                self._void = text
            self._waiting, self._length, self._taken = [], 0, False
        elif kept := text[: MAX_TEXT - self._length]:
            self._length += len(kept)
            self._waiting.append(kept)
        self._news.set()

    def end(self, outcome: Outcome) -> None:
        """The run is over."""
        self._outcome = outcome
        self._news.set()

    def leave(self) -> None:
        """The reader is gone."""
        self._left = True
        self._news.set()

    @property
    def is_left(self) -> bool:
        """Whether the reader is gone."""
        return self._left

    async def next(self, timeout_s: float) -> TextPiece | Restart | Outcome | None:
        """Wait for what is next: text, a restart, or the end after which nothing comes.

        None after `timeout_s` seconds without news, and when the reader is gone.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while not self._left and (found := self._take()) is None:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            return None
        return None if self._left else found

    def _take(self) -> TextPiece | Restart | Outcome | None:
        if self._void is not None:
            void, self._void = self._void, None
            return void
        if self._waiting:
            text = "".join(self._waiting)
            self._waiting, self._taken = [], True
            return TextPiece(text)
        return self._outcome
