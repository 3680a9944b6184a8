"""What a price depends on, the price itself, and why there is none."""

from __future__ import annotations

from typing import Final, NamedTuple


class Tokens(NamedTuple):
    """The tokens of one attempt; None means "not known". Each but the first two is a part of `input` or `output`.

    `cache_write` includes `cache_write_1h`; `audio_cache_read` is a part of both `cache_read` and `audio_input`.
    """

    input: int | None = None
    output: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    cache_write_1h: int | None = None
    reasoning: int | None = None
    audio_input: int | None = None
    audio_output: int | None = None
    audio_cache_read: int | None = None
    image_input: int | None = None
    image_output: int | None = None
    image_cache_read: int | None = None
    video_input: int | None = None


class Terms(NamedTuple):
    """What a price depends on beside the tokens: how the call was served, and what was used by the piece.

    Attributes:
        service_tier: In the provider's words, like `speed` and `geo`; None for its standard.
        speed: For example `fast`.
        geo: Where the provider was told to run the model.
        web_searches: How many the provider did within the call; the next two likewise.
        file_searches: Searches in files or a vector store.
        code_executions: Runs of code.
        several: Whether the tokens are the sum over several calls: then a price that rises with the size of a call
            is not known.
    """

    service_tier: str | None = None
    speed: str | None = None
    geo: str | None = None
    web_searches: int = 0
    file_searches: int = 0
    code_executions: int = 0
    several: bool = False


STANDARD: Final = Terms()


class Price(NamedTuple):
    """What an attempt cost.

    Attributes:
        nano_usd: The amount, in nano-USD.
        version: The price table it is from, for example `genai-prices 0.2.3`.
        note: What the amount assumes; None when it assumes nothing.
    """

    nano_usd: int
    version: str
    note: str | None = None


class Unpriced(NamedTuple):
    """That nobody knows what an attempt cost; `note` says why, in words for a person."""

    note: str


class NoRateError(ValueError):
    """The model is known, but not what this call of it costs; the message says why."""


def no_price_for(what: str) -> str:
    """Return the note of a call that cannot be priced because of `what`."""
    return f"{what}: no price known"
