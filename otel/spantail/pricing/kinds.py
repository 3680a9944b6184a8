"""The kinds of what is paid for, and how many of each a call had."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from spantail.pricing.model import NoRateError

if TYPE_CHECKING:
    from spantail.pricing.model import Terms, Tokens


class Kind(NamedTuple):
    """One kind of what is paid for.

    Attributes:
        words: Its name for a person.
        counts: The counts of genai-prices that it is a part of.
        price: The name of its price there.
    """

    words: str
    counts: tuple[str, ...]
    price: str


_IN, _READ, _WRITE, _OUT = "input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens"
_AUDIO, _IMAGE = "input_audio_tokens", "input_image_tokens"

KINDS: Final = (
    Kind("input tokens", (_IN,), "input_mtok"),
    Kind("cached tokens", (_IN, _READ), "cache_read_mtok"),
    Kind("tokens written to a cache", (_IN, _WRITE), "cache_write_mtok"),
    Kind("tokens written to a cache for an hour", (_IN, _WRITE, "cache_write_1h_tokens"), "cache_write_1h_mtok"),
    Kind("audio input tokens", (_IN, _AUDIO), "input_audio_mtok"),
    Kind("cached audio tokens", (_IN, _AUDIO, _READ, "cache_audio_read_tokens"), "cache_audio_read_mtok"),
    Kind("image input tokens", (_IN, _IMAGE), "input_image_mtok"),
    Kind("cached image tokens", (_IN, _IMAGE, _READ, "cache_image_read_tokens"), "cache_image_read_mtok"),
    Kind("video input tokens", (_IN, "input_video_tokens"), "input_video_mtok"),
    Kind("output tokens", (_OUT,), "output_mtok"),
    Kind("audio output tokens", (_OUT, "output_audio_tokens"), "output_audio_mtok"),
    Kind("image output tokens", (_OUT, "output_image_tokens"), "output_image_mtok"),
    Kind("web searches", ("web_searches",), "web_searches_kcount"),
    Kind("file searches", ("storage_searches",), "storage_searches_kcount"),
    Kind("code executions", ("code_executions",), "code_executions_kcount"),
    Kind("reasoning tokens", (_OUT, "output_reasoning_tokens"), "output_reasoning_mtok"),
)
"""Each in one count alone: `Counts` has a number for each, in this order. A number below 0 is not known."""

Counts = tuple[int, ...]

INPUT_KINDS: Final = sum(kind.counts[0] == _IN for kind in KINDS)  # they come first
OUTPUT: Final = next(i for i, kind in enumerate(KINDS) if kind.price == "output_mtok")
# The last one, and the only one that is in another count too: few models have a price of its own for it.
REASONING: Final = KINDS[-1]


def counts_of(tokens: Tokens, terms: Terms) -> tuple[int, ...]:
    """Return how many of each kind a call had, in the order of `KINDS`; -1 where that is not known.

    Raises:
        NoRateError: The counts contradict each other.
    """
    entire, output = tokens.input or 0, tokens.output
    read, write, write_1h = tokens.cache_read or 0, tokens.cache_write or 0, tokens.cache_write_1h or 0
    fresh, rest = entire - read - write, output or 0
    media = _NO_MEDIA
    audio_out = image_out = reasoning = -1 if output else 0
    if tokens[5:] != _ONLY_TEXT:
        media = _media(tokens)
        fresh -= media[0] + media[2] + media[4]
        read -= media[1] + media[3]
        if tokens.audio_output is not None:
            audio_out = tokens.audio_output
            rest -= audio_out
        if tokens.image_output is not None:
            image_out = tokens.image_output
            rest -= image_out
        if tokens.reasoning is not None:
            reasoning = tokens.reasoning
            if not 0 <= reasoning <= (output or 0):
                raise NoRateError("the reasoning tokens are more than the output")
        if min(audio_out, image_out) < -1 or min(media) < 0:
            raise NoRateError("the parts of audio and images are more than the whole")
        if rest < 0:
            raise NoRateError("the audio and image tokens are more than the output")
    if fresh < 0 or read < 0 or write < write_1h or write_1h < 0:
        # they are no counts, or the cached ones are not included in the input, against the conventions
        raise NoRateError("the parts of the input are more than the input")
    if rest < 0:
        raise NoRateError("the parts of the output are more than the output")
    return (
        fresh, read, write - write_1h, write_1h, *media, -1 if output is None else rest, audio_out, image_out,
        terms.web_searches, terms.file_searches, terms.code_executions, reasoning,
    )  # fmt: skip


_ONLY_TEXT: Final = (None,) * 8  # the counts of `Tokens` after those of the cache
_NO_MEDIA: Final[tuple[int, ...]] = (0,) * 5


def _media(tokens: Tokens) -> tuple[int, ...]:
    """Return the input of other kinds than text: audio, cached audio, images, cached images, video."""
    audio, audio_read = tokens.audio_input or 0, tokens.audio_cache_read or 0
    image, image_read = tokens.image_input or 0, tokens.image_cache_read or 0
    if tokens.cache_read and (
        (audio and tokens.audio_cache_read is None) or (image and tokens.image_cache_read is None)
    ):
        raise NoRateError("how many of the cached tokens are audio or images is not known")
    return audio - audio_read, audio_read, image - image_read, image_read, tokens.video_input or 0
