"""How many tokens a call reads at most: for budgets, before it begins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from spantail.budgets import most_tokens

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from spantail_service.llm.base import Message

_OWN_PROMPT: Final[Mapping[str, int]] = {"claude_cli": 32_000}
"""Tokens that a backend adds of its own accord, at most."""


def most_input_tokens(backend: str, messages: Sequence[Message]) -> int | None:
    """Say how many tokens `messages` have at most at a backend, its own instructions included; None: not known."""
    tokens = most_tokens([dict(message) for message in messages])
    return None if tokens is None else tokens + _OWN_PROMPT.get(backend, 0)
