"""Names and bucket bounds of the GenAI semantic conventions' metrics, and which of two generations is wanted.

Without a word the names are those of version 1.41 of the semantic conventions, the last in which they stood there.
`OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental` asks for those of the GenAI conventions of October 2026.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

OPT_IN_VARIABLE: Final = "OTEL_SEMCONV_STABILITY_OPT_IN"
LATEST: Final = "gen_ai_latest_experimental"

DURATION_BOUNDS_S: Final = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
"""Advised for every duration of the GenAI conventions."""

TOKEN_BOUNDS: Final = tuple(4**power for power in range(14))
"""Advised for counts of tokens: 1, 4, 16, … 67,108,864."""

# until version 1.41 of the semantic conventions
OPERATION_DURATION: Final = "gen_ai.client.operation.duration"  # still that of operations which are no inference
OPERATION_FIRST_CHUNK: Final = "gen_ai.client.operation.time_to_first_chunk"
OPERATION_OUTPUT_CHUNK: Final = "gen_ai.client.operation.time_per_output_chunk"
OPERATION_USAGE: Final = "gen_ai.client.token.usage"
USAGE_DIRECTION: Final = "gen_ai.token.type"

# since the GenAI conventions have a repository of their own (their pull requests 374 and 521)
INFERENCE_DURATION: Final = "gen_ai.client.inference.duration"
INFERENCE_FIRST_CHUNK: Final = "gen_ai.client.inference.time_to_first_chunk"
INFERENCE_OUTPUT_CHUNK: Final = "gen_ai.client.inference.time_per_output_chunk"
INFERENCE_TOKENS: Final = "gen_ai.client.inference.operation."  # input_tokens, output_tokens
INFERENCE_USAGE: Final = "gen_ai.client.inference.usage."  # input_tokens, cache_read.input_tokens, …
USAGE_MODALITY: Final = "gen_ai.token.modality"

NOT_INFERENCE: Final = frozenset({"embeddings", "retrieval"})


def wants_latest(environ: Mapping[str, str]) -> bool:
    """Tell whether the environment asks for the newest names."""
    return LATEST in {word.strip() for word in environ.get(OPT_IN_VARIABLE, "").split(",")}
