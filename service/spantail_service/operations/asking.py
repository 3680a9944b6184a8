"""The LLM of one run: asks, and keeps what it cost and what the user should be warned of."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, TypeVar

from spantail.pricing import usd_of_nano
from spantail_service.llm import ChainError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from opentelemetry.util.types import AttributeValue

    from spantail_service.llm import Answer, LlmChain, Message, OnText, Tier

logger = logging.getLogger(__name__)

T = TypeVar("T")


class Asking:
    """What a run asks of LLMs, in sum.

    Args:
        llm: Who is asked.
    """

    def __init__(self, llm: LlmChain) -> None:
        self._llm = llm
        self._cost_nano: int | None = 0
        self._answers = 0
        self.warnings: list[str] = []

    async def ask(
        self,
        messages: Sequence[Message],
        read: Callable[[str], T],
        *,
        name: str,
        tier: Tier = "middle",
        max_tokens: int = 800,
        attributes: Mapping[str, AttributeValue] | None = None,
        on_text: OnText | None = None,
    ) -> Answer[T]:
        """As `LlmChain.ask`.

        Raises:
            BudgetError: A budget allowed no attempt.
            ChainError: No backend answered.
        """
        try:
            answer = await self._llm.ask(
                messages, read, name=name, tier=tier, max_tokens=max_tokens, attributes=attributes, on_text=on_text
            )
        except ChainError as error:
            self._add(error.cost_nano)
            raise
        self._add(answer.cost_nano)
        self._answers += 1
        return answer

    @property
    def cost_usd(self) -> float | None:
        """What it cost so far, in USD; None when the cost of one attempt is not known."""
        return usd_or_none(self._cost_nano)

    @property
    def cost(self) -> dict[str, Any]:
        """What it cost so far, in USD and in nano-USD; both are None when the cost of one attempt is not known."""
        nano = self._cost_nano
        return {"usd": self.cost_usd, "nano": nano, "answers": self._answers}

    @property
    def concurrency(self) -> int:
        """How many calls may be under way at a time; more workers than that only wait."""
        return self._llm.concurrency

    def warn(self, message: str) -> None:
        """Say what is not as it should be, in the log and in the result."""
        logger.warning("%s", message)
        self.warnings.append(message)

    def _add(self, nano: int | None) -> None:
        self._cost_nano = None if nano is None or self._cost_nano is None else self._cost_nano + nano


def usd_or_none(nano: int | None) -> float | None:
    """Nano-USD in USD; None where the amount is not known."""
    return None if nano is None else usd_of_nano(nano)
