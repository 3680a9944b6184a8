"""An LLM backend whose answer is known beforehand, piece by piece."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from spantail_service.llm import BackendError, Completion

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spantail import LlmCall
    from spantail_service.llm import Message, OnText, Tier


class ScriptedBackend:
    """Says its pieces, waits where it is to be held, and then ends or fails.

    Args:
        name: Of the backend.
        pieces: What it says.
        fails: Whether it fails after the last piece.
        held: Whether it waits after the last piece until `may_end` is set.
    """

    provider = "test"
    streams = True

    def __init__(self, name: str, *pieces: str, fails: bool = False, held: bool = False) -> None:
        self.name = name
        self._pieces = pieces
        self._fails = fails
        self.may_end = asyncio.Event()
        if not held:
            self.may_end.set()
        self.was_cancelled = False

    def model_for(self, tier: Tier) -> str:
        return f"model-{tier}"

    async def prepare(self) -> None:
        pass

    async def complete(
        self, messages: Sequence[Message], *, tier: Tier, max_tokens: int, call: LlmCall, on_text: OnText
    ) -> Completion:
        for piece in self._pieces:
            call.chunk(piece)
            on_text(piece)
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.was_cancelled = True
            raise
        if self._fails:
            raise BackendError("overloaded", "it broke off")
        return Completion("".join(self._pieces))
