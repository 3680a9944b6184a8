"""What the chain asks of an LLM backend, and the one error that a backend may raise."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypedDict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from spantail import LlmCall

Tier = Literal["low", "middle", "high"]

Reason = Literal[
    "auth",
    "bad_request",
    "bad_response",
    "not_found",
    "overloaded",
    "rate_limited",
    "server_error",
    "timeout",
    "unreachable",
]
"""Why a backend gave no answer: the value of `spantail.fallback.reason` on the next attempt."""

_MESSAGE_LIMIT = 500
_SECRETS = re.compile(
    r"\b(?:sk|pk)-[A-Za-z0-9_-]{6,}|(?i:\bbearer\s+)[^\s\"']+|(?i:\b(?:x-)?api[-_ ]?key\W{1,3})[^\s\"',}]+"
)


class Message(TypedDict):
    """One chat message."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Completion:
    """What a backend answered."""

    text: str


class BackendError(Exception):
    """A backend gave no usable answer. `reason` is for machines, the message for people.

    The message is cut to 500 characters and passes `without_secrets`, because it ends up on a span.
    """

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(without_secrets(message))
        self.reason: Reason = reason


class LlmBackend(Protocol):
    """One way to reach a model.

    An implementation reports usage, cost and chunks to `call` as it learns them; opening and closing the span is the
    chain's task.
    """

    @property
    def name(self) -> str:
        """Value of `spantail.backend`."""

    @property
    def provider(self) -> str:
        """Value of `gen_ai.provider.name`."""

    @property
    def streams(self) -> bool:
        """Whether `complete` reports chunks while the answer arrives."""

    def model_for(self, tier: Tier) -> str:
        """The model that serves a tier."""

    async def prepare(self) -> None:
        """Whatever must be there before the first call, such as a library: its time is not an attempt's.

        Raises:
            BackendError: It cannot be had.
        """

    async def complete(self, messages: Sequence[Message], *, tier: Tier, max_tokens: int, call: LlmCall) -> Completion:
        """One answer to `messages`; a cancellation leaves nothing running.

        Raises:
            BackendError: There is no usable answer.
        """


class Embedder(Protocol):
    """Turns texts into vectors."""

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector per text, in order.

        Raises:
            BackendError: There is no usable answer.
        """


def models_by_tier(model: str, small_model: str) -> Mapping[Tier, str]:
    """The usual split: the low tier has its own, cheaper model."""
    return {"low": small_model, "middle": model, "high": model}


def without_secrets(text: str) -> str:
    """`text` on one line, cut to 500 characters, with what looks like a credential replaced."""
    line = _SECRETS.sub("[redacted]", " ".join(text[: 4 * _MESSAGE_LIMIT].split()))
    return line if len(line) <= _MESSAGE_LIMIT else line[: _MESSAGE_LIMIT - 1] + "…"
