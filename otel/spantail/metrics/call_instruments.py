"""The instruments of LLM calls, by the GenAI semantic conventions in the generation that is wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from spantail import attributes as keys
from spantail.metrics import conventions as names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.context import Context
    from opentelemetry.metrics import Histogram, Meter

_PARTS: Final = {
    "cache_read.input_tokens": keys.GEN_AI_USAGE_CACHE_READ_TOKENS,
    "cache_write.input_tokens": keys.GEN_AI_USAGE_CACHE_WRITE_TOKENS,
    "reasoning.output_tokens": keys.GEN_AI_USAGE_REASONING_TOKENS,
}
_MODALITIES: Final = {
    keys.GEN_AI_USAGE_INPUT_TOKENS: {"audio": keys.USAGE_AUDIO_INPUT, "image": keys.USAGE_IMAGE_INPUT},
    keys.GEN_AI_USAGE_OUTPUT_TOKENS: {"audio": keys.USAGE_AUDIO_OUTPUT, "image": keys.USAGE_IMAGE_OUTPUT},
}
_UNKNOWN: Final = "unknown"  # the conventions' word: to guess `text` would make a figure up


def _duration(meter: Meter, name: str, description: str) -> Histogram:
    return meter.create_histogram(
        name, unit="s", description=description, explicit_bucket_boundaries_advisory=names.DURATION_BOUNDS_S
    )


def _tokens(meter: Meter, name: str, description: str) -> Histogram:
    return meter.create_histogram(
        name, unit="{token}", description=description, explicit_bucket_boundaries_advisory=names.TOKEN_BOUNDS
    )


class ConventionInstruments:
    """The instruments of version 1.41.

    Args:
        meter: What they are made with.
    """

    def __init__(self, meter: Meter) -> None:
        self._duration = _duration(meter, names.OPERATION_DURATION, "Time of one GenAI operation.")
        self._first_chunk = _duration(
            meter, names.OPERATION_FIRST_CHUNK, "Time until the first chunk of a streamed answer came."
        )
        self._output_chunk = _duration(
            meter, names.OPERATION_OUTPUT_CHUNK, "Time between two chunks of a streamed answer."
        )
        self._usage = _tokens(meter, names.OPERATION_USAGE, "Tokens of one GenAI operation.")

    def duration(self, seconds: float, labels: Mapping[str, Any], context: Context) -> None:
        """Record how long a call took."""
        self._duration.record(seconds, labels, context)

    def first_chunk(self, seconds: float, labels: Mapping[str, Any], context: Context) -> None:
        """Record how long the first chunk took."""
        self._first_chunk.record(seconds, labels, context)

    def output_chunk(self, seconds: float, labels: Mapping[str, Any], context: Context) -> None:
        """Record the time between two chunks."""
        self._output_chunk.record(seconds, labels, context)

    def tokens(self, used: Mapping[str, Any], labels: Mapping[str, Any], context: Context) -> None:
        """Record what a call used; `used` are the attributes of its span. What is not known is not recorded."""
        for direction, key in (("input", keys.GEN_AI_USAGE_INPUT_TOKENS), ("output", keys.GEN_AI_USAGE_OUTPUT_TOKENS)):
            if (count := used.get(key)) is not None:
                self._usage.record(count, {**labels, names.USAGE_DIRECTION: direction}, context)


class LatestInstruments(ConventionInstruments):
    """The instruments of the GenAI conventions' own repository: inference is told apart from all else.

    Args:
        meter: What they are made with.
    """

    def __init__(self, meter: Meter) -> None:
        self._operation_duration = _duration(meter, names.OPERATION_DURATION, "Time of an operation but inference.")
        self._duration = _duration(meter, names.INFERENCE_DURATION, "Time of one inference.")
        self._first_chunk = _duration(
            meter, names.INFERENCE_FIRST_CHUNK, "Time until the first chunk of a streamed answer came."
        )
        self._output_chunk = _duration(
            meter, names.INFERENCE_OUTPUT_CHUNK, "Time between two chunks of a streamed answer."
        )
        self._sizes = {
            keys.GEN_AI_USAGE_INPUT_TOKENS: _tokens(
                meter, f"{names.INFERENCE_TOKENS}input_tokens", "Tokens of the input of one inference."
            ),
            keys.GEN_AI_USAGE_OUTPUT_TOKENS: _tokens(
                meter, f"{names.INFERENCE_TOKENS}output_tokens", "Tokens of the output of one inference."
            ),
        }
        self._used = {
            part: meter.create_counter(
                f"{names.INFERENCE_USAGE}{part}", unit="{token}", description=f"Tokens that inference used: {part}."
            )
            for part in ("input_tokens", "output_tokens", *_PARTS)
        }

    def duration(self, seconds: float, labels: Mapping[str, Any], context: Context) -> None:
        """Record how long a call took."""
        is_inference = labels.get(keys.GEN_AI_OPERATION_NAME) not in names.NOT_INFERENCE
        (self._duration if is_inference else self._operation_duration).record(seconds, labels, context)

    def tokens(self, used: Mapping[str, Any], labels: Mapping[str, Any], context: Context) -> None:
        """Record what an inference used; where nothing is known, 0, as the conventions want it."""
        if labels.get(keys.GEN_AI_OPERATION_NAME) in names.NOT_INFERENCE:
            return
        for key, histogram in self._sizes.items():
            histogram.record(used.get(key) or 0, labels, context)
        labels = {name: value for name, value in labels.items() if name != keys.ERROR_TYPE}
        for part, key in (
            ("input_tokens", keys.GEN_AI_USAGE_INPUT_TOKENS),
            ("output_tokens", keys.GEN_AI_USAGE_OUTPUT_TOKENS),
        ):
            for modality, count in _by_modality(used, key).items():
                self._used[part].add(count, {**labels, names.USAGE_MODALITY: modality}, context)
        for part, key in _PARTS.items():
            if (known := used.get(key)) is not None:
                self._used[part].add(known, {**labels, names.USAGE_MODALITY: _UNKNOWN}, context)


def _by_modality(used: Mapping[str, Any], key: str) -> dict[str, int]:
    """Tell the tokens apart whose modality is known."""
    total = used.get(key) or 0
    parts = {modality: used.get(part) or 0 for modality, part in _MODALITIES[key].items()}
    known = {modality: count for modality, count in parts.items() if count}
    if (left := total - sum(known.values())) < 0:
        return {_UNKNOWN: total}
    return known if known and not left else {**known, _UNKNOWN: left}
