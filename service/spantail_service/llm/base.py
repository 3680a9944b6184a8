"""What the chain asks of an LLM backend, and the one error that a backend may raise."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypedDict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from spantail import BudgetError, LlmCall

Tier = Literal["low", "middle", "high"]

Reason = Literal[
    "auth",
    "bad_request",
    "bad_response",
    "budget",
    "circuit_open",
    "exit_code",
    "not_found",
    "not_installed",
    "overloaded",
    "rate_limited",
    "server_error",
    "timeout",
    "unreachable",
]
"""Why a backend gave no answer: the value of `spantail.fallback.reason` on the next attempt."""

EXPECTED: Final[frozenset[Reason]] = frozenset({"budget", "circuit_open", "not_installed"})
"""Reasons for which nothing was asked: such an attempt is `skipped`, all others are errors."""

UNBILLED: Final[frozenset[Reason]] = frozenset(
    {"auth", "bad_request", "not_found", "not_installed", "overloaded", "rate_limited", "server_error", "unreachable"}
)
"""Reasons for which the provider turned the request away, or was not reached: nothing is billed unless it says so."""


@dataclass(frozen=True, slots=True)
class Restart:
    """The text of the answer so far no longer counts: another attempt begins."""

    reason: str
    """Why, in words: `claude_cli: overloaded`."""


OnText = Callable[[str | Restart], None]
"""Takes each piece of an answer's text as it arrives, and `Restart` when the text so far no longer counts."""

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

    Args:
        reason: Why.
        message: The same for people.
        retry_after_s: Seconds after which the provider wants to be asked again; None where it does not say.
    """

    def __init__(self, reason: Reason, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(without_secrets(message))
        self.reason: Reason = reason
        self.retry_after_s = retry_after_s


class BudgetRefusedError(BackendError):
    """A budget does not allow an attempt, or not that it goes on (`budget`).

    Args:
        refusal: Which budget, and why. It ends the run where no other backend answers.
        began: Whether the attempt had begun, and was stopped.
    """

    def __init__(self, refusal: BudgetError, *, began: bool = False) -> None:
        super().__init__("budget", f"stopped: {refusal}" if began else str(refusal))
        self.refusal = refusal


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
        """Prepare what a call needs, such as a library or a command: the time for it is not part of the attempt.

        It is asked before each call, so it must be quick once all is there.

        Raises:
            BackendError: It cannot be had; `not_installed` where it is missing on this machine.
        """

    async def complete(
        self, messages: Sequence[Message], *, tier: Tier, max_tokens: int, call: LlmCall, on_text: OnText
    ) -> Completion:
        """One answer to `messages`; a cancellation leaves nothing running.

        Args:
            messages: What is asked.
            tier: Which model.
            max_tokens: Most tokens of the answer.
            call: Takes usage, cost and chunks.
            on_text: Takes the text as it arrives, where the backend streams; never None.

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
