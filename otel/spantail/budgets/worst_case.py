"""What a call may cost at most: the tokens of its prompt, the most tokens of its answer, the price table. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from spantail import pricing
from spantail.budgets.errors import WorstCaseUnknownError

TokenCounter = Callable[[str, object], int]
"""Counts the tokens of a prompt: `count(model, prompt)`. It must not count too few."""

_EACH: Final = 16
"""Tokens that a provider may add around one message or part of it: who speaks, where it begins and ends."""
_TOOLS: Final = 1_024
"""Tokens of the instructions that a provider adds where a request has tools."""
_DEEPEST: Final = 64
_MEDIA_KEYS: Final = frozenset(
    {"image_url", "input_audio", "inline_data", "inlineData", "file_data", "fileData", "file_id", "image", "audio"}
)
_MEDIA_TYPES: Final = re.compile(r"image|audio|video|file|document|media", re.IGNORECASE)


def most_tokens(prompt: object) -> int | None:
    """Say how many tokens a prompt has at most, without a tokenizer: one for each byte of its UTF-8, and some around.

    A tokenizer that works on bytes, as those of all large providers do, makes at most one token of a byte, and of
    English text about one of four. So this is never too low, and mostly about four times too high; a tokenizer of the
    application's own is closer (`count_tokens` of `budget()`).

    Args:
        prompt: A text, messages, or a whole request, of lists, mappings and texts.

    Returns:
        The number; None where it cannot be known: images, sound or files, and objects of other classes.
    """
    try:
        return _tokens(prompt, 0) + _EACH
    except _NotCountedError:
        return None


class _NotCountedError(Exception):
    pass


def _tokens(value: object, depth: int) -> int:
    if depth > _DEEPEST:
        raise _NotCountedError
    if isinstance(value, str):
        return len(value) if value.isascii() else len(value.encode(errors="surrogatepass"))
    if value is None or isinstance(value, bool | int | float):
        return len(str(value))
    if isinstance(value, list | tuple):
        return sum(_tokens(item, depth + 1) + _EACH for item in value)
    if isinstance(value, Mapping):
        return _tokens_of_mapping(value, depth)
    raise _NotCountedError


def _tokens_of_mapping(value: Mapping[Any, Any], depth: int) -> int:
    kind = value.get("type")
    if not _MEDIA_KEYS.isdisjoint(value) or (isinstance(kind, str) and _MEDIA_TYPES.search(kind)):
        raise _NotCountedError
    around = _EACH + (_TOOLS if value.get("tools") else 0)
    return around + sum(_tokens(name, depth + 1) + _tokens(item, depth + 1) + 8 for name, item in value.items())


def worst_case(
    *,
    model: str,
    provider: str | None,
    input_tokens: int | None,
    max_tokens: int | None,
) -> int:
    """Say what a call costs at most, in nano-USD, at the provider's standard terms.

    The input counts as written to a cache, and the output as reasoning, where that is dearer. What the caller orders
    beside that is not in it: searches, another service tier, one-hour caches.

    Args:
        model: The model asked for.
        provider: Whose it is, in the words of the GenAI conventions.
        input_tokens: Most tokens of the prompt.
        max_tokens: Most tokens of the answer, reasoning included.

    Raises:
        WorstCaseUnknownError: A number is missing, or the price.
    """
    if input_tokens is None or input_tokens < 0:
        raise WorstCaseUnknownError(f"{_no_bound(model)}: how many tokens the prompt has is not known; {_INPUT}")
    if max_tokens is None or max_tokens < 0:
        raise WorstCaseUnknownError(f"{_no_bound(model)}: its answer has no limit; give max_tokens")
    plain = pricing.Tokens(input_tokens, max_tokens, cache_read=0, cache_write=0, reasoning=0)
    found = pricing.price(plain, [model], provider)
    if isinstance(found, pricing.Unpriced):
        whose = f" from {provider}" if provider else ""
        raise WorstCaseUnknownError(f"no price is known for {model}{whose}: {found.note}")
    dearer = (
        pricing.price(plain._replace(cache_write=written, reasoning=reasoning), [model], provider)
        for written in (0, input_tokens)
        for reasoning in (0, max_tokens)
        if written or reasoning
    )
    return max([found.nano_usd, *(price.nano_usd for price in dearer if isinstance(price, pricing.Price))])


_INPUT: Final = "give the prompt or input_tokens"


def _no_bound(model: str) -> str:
    return f"what a call of {model} may cost at most is not known"
