"""What a call has cost so far while its answer is streamed: an estimate, for those who watch it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from spantail import pricing
from spantail.content import size_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_BYTES_PER_TOKEN: Final = 4  # of English text and code, about
_EVERY_S: Final = 0.5


class RunningEstimate:
    """Counts what is sent and what comes, and says twice a second what that costs.

    Tokens that the stream itself counts are taken as they are; until it does, four bytes are taken for a token. The
    price is that of the usual service tier. What the call came to stands in its cost, once it has ended.

    Args:
        clock: Seconds of a clock that is never set.
    """

    __slots__ = ("_answer_bytes", "_clock", "_due_s", "prompt_bytes")

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._due_s = clock() + _EVERY_S
        self._answer_bytes = 0
        self.prompt_bytes: int | None = None
        """Bytes of the prompt; None while nobody has said what was asked."""

    def after(
        self,
        text: str,
        *,
        models: Sequence[str],
        provider: str | None,
        input_tokens: int | None,
        output_tokens: int | None,
    ) -> float | None:
        """Add a piece of the answer.

        Args:
            text: The piece.
            models: The names that the model goes by, the most exact first.
            provider: Whose it is.
            input_tokens: Tokens of the prompt, where they are known.
            output_tokens: Tokens of the answer so far, where they are known.

        Returns:
            The estimate in USD; None where it is not due yet, or nobody knows what was asked or what it costs.
        """
        self._answer_bytes += size_of(text)
        now_s = self._clock()
        if now_s < self._due_s:
            return None
        self._due_s = now_s + _EVERY_S
        if input_tokens is None:
            if self.prompt_bytes is None:
                return None
            input_tokens = _tokens(self.prompt_bytes)
        tokens = pricing.Tokens(
            input=input_tokens, output=_tokens(self._answer_bytes) if output_tokens is None else output_tokens
        )
        price = pricing.price(tokens, models, provider)
        return pricing.usd_of_nano(price.nano_usd) if isinstance(price, pricing.Price) else None


def _tokens(size: int) -> int:
    return -(-size // _BYTES_PER_TOKEN)
