"""What one attempt used and how it was served: gathered while it runs, priced when it ends."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, cast

from spantail import attributes as keys
from spantail import pricing
from spantail.trouble import report_trouble

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Usage:
    """Counts and terms by the names of their attributes; of each the last value counts."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._refused: set[str] = set()
        self._terms: dict[str, str] = {}

    def set_counts(self, counts: Mapping[str, object]) -> dict[str, int]:
        """Take counts; what is None is passed over, what is no count is refused with a log line.

        Returns:
            Those that were taken.
        """
        known = {key: count for key, value in counts.items() if (count := _count(value)) is not None}
        self._refused.difference_update(known)
        refused = {key for key, value in counts.items() if value is not None and key not in known}
        if refused:
            self._refused |= refused
            report_trouble("a number of tokens or uses was refused, it is none")
        self._counts.update(known)
        return known

    def set_terms(self, terms: Mapping[str, str | None]) -> dict[str, str]:
        """Take terms; what is None is passed over. Returns those that were taken."""
        known = {key: word for key, word in terms.items() if word is not None}
        self._terms.update(known)
        return known

    @property
    def counts(self) -> Mapping[str, int]:
        """What was counted so far, by the names of attributes."""
        return self._counts

    @property
    def input_tokens(self) -> int | None:
        """Tokens of the input, so far as they are known."""
        return self._counts.get(keys.GEN_AI_USAGE_INPUT_TOKENS)

    @property
    def output_tokens(self) -> int | None:
        """Tokens of the output, so far as they are known."""
        return self._counts.get(keys.GEN_AI_USAGE_OUTPUT_TOKENS)

    def add_output(self, tokens: object) -> int | None:
        """Add tokens to the output; returns the sum, None when `tokens` is no count."""
        count = _count(tokens)
        if count is None:
            return None
        total = self._counts.get(keys.GEN_AI_USAGE_OUTPUT_TOKENS, 0) + count
        self._counts[keys.GEN_AI_USAGE_OUTPUT_TOKENS] = total
        return total

    def price(self, models: Sequence[str], provider: str | None) -> pricing.Price | pricing.Unpriced:
        """Price the attempt, see `pricing.price`; not at all when a count was refused."""
        if self._refused:
            return pricing.Unpriced("a number of tokens or uses was none")
        count, term = self._counts.get, self._terms.get
        return pricing.price(
            pricing.Tokens(
                input=count(keys.GEN_AI_USAGE_INPUT_TOKENS),
                output=count(keys.GEN_AI_USAGE_OUTPUT_TOKENS),
                cache_read=count(keys.GEN_AI_USAGE_CACHE_READ_TOKENS),
                cache_write=count(keys.GEN_AI_USAGE_CACHE_WRITE_TOKENS),
                cache_write_1h=count(keys.USAGE_CACHE_WRITE_1H),
                reasoning=count(keys.GEN_AI_USAGE_REASONING_TOKENS),
                audio_input=count(keys.USAGE_AUDIO_INPUT),
                audio_output=count(keys.USAGE_AUDIO_OUTPUT),
                audio_cache_read=count(keys.USAGE_AUDIO_CACHE_READ),
                image_input=count(keys.USAGE_IMAGE_INPUT),
                image_output=count(keys.USAGE_IMAGE_OUTPUT),
                image_cache_read=count(keys.USAGE_IMAGE_CACHE_READ),
            ),
            models=models,
            provider=provider,
            terms=pricing.Terms(
                term(keys.SERVICE_TIER),
                term(keys.SPEED),
                term(keys.INFERENCE_GEO),
                count(keys.USAGE_WEB_SEARCHES, 0),
                count(keys.USAGE_FILE_SEARCHES, 0),
                count(keys.USAGE_CODE_EXECUTIONS, 0),
            ),
        )


def _count(value: object) -> int | None:
    """Return a token count as int; None for what is none (absent, negative, a flag, a fraction)."""
    if value is None or isinstance(value, bool):
        return None
    try:
        count = int(value) if isinstance(value, float) and value.is_integer() else operator.index(cast("int", value))
        is_count = count >= 0
    except Exception:  # no number, or one of a class of its own
        return None
    return count if is_count else None
