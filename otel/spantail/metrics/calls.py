"""What each attempt of an LLM call came to: duration, tokens, chunks, cost, and the fallback before it.

It is recorded in the context of the call's span, so that exemplars lead to the trace. The rules of what counts are
those of a run's totals (`spantail_exporters.model.rules.account`), so that both add up to the same.
"""

from __future__ import annotations

import functools
import os
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from spantail import attributes as keys
from spantail.metrics.call_instruments import ConventionInstruments, LatestInstruments
from spantail.metrics.conventions import wants_latest
from spantail.metrics.labels import labels_of
from spantail.metrics.provider import meter_of, provider_in_use

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.context import Context
    from opentelemetry.metrics import MeterProvider

    from spantail.metrics.run_labels import RunLabels

OPERATION: Final = "spantail.operation"
DEMO: Final = "spantail.demo"
FALLBACK_EXPECTED: Final = "spantail.fallback.expected"

_UNKNOWN: Final = "unknown"


class EndedCall(NamedTuple):
    """An attempt that has ended.

    Attributes:
        attributes: Those of its span.
        context: The context in which its span is current.
        run: What is said of the run; None outside of any operation.
        duration_s: How long it took, in seconds.
        first_chunk_s: When the first chunk of its answer came, in seconds since it began; None without one.
        cost_nano: What it cost, in nano-USD; None where nobody knows.
    """

    attributes: Mapping[str, Any]
    context: Context
    run: RunLabels | None
    duration_s: float
    first_chunk_s: float | None
    cost_nano: int | None


class CallMetrics:
    """Records attempts with the instruments of one meter provider.

    Args:
        provider: The meter provider.
        latest: Whether the newest names of the GenAI conventions are wanted.
    """

    def __init__(self, provider: MeterProvider, *, latest: bool) -> None:
        meter = meter_of(provider)
        self._values = values = labels_of(provider)
        self._of_calls = (
            (keys.GEN_AI_OPERATION_NAME, values.words),
            (keys.GEN_AI_PROVIDER_NAME, values.words),
            (keys.GEN_AI_REQUEST_MODEL, values.models),
            (keys.GEN_AI_RESPONSE_MODEL, values.models),
            (keys.ERROR_TYPE, values.error_types),
        )
        self._instruments = (LatestInstruments if latest else ConventionInstruments)(meter)
        self._cost = meter.create_counter(
            "spantail.llm.cost.nano", unit="{nano_usd}", description="Cost of LLM calls (attempts), in nano-USD."
        )
        self._unpriced = meter.create_counter(
            "spantail.llm.unpriced", unit="{call}", description="LLM calls (attempts) without a price."
        )
        self._fallbacks = meter.create_counter(
            "spantail.llm.fallbacks", unit="{call}", description="LLM calls (attempts) after one of another backend."
        )

    def chunk(self, gap_s: float, attributes: Mapping[str, Any], context: Context) -> None:
        """Record the seconds between two chunks of an answer."""
        self._instruments.output_chunk(gap_s, self._labels(attributes), context)

    def ended(self, call: EndedCall) -> None:
        """Record an attempt that has ended. One that was skipped before it used anything is no call."""
        of_span = call.attributes.get
        backend = self._backend(call.attributes)
        if left := of_span(keys.FALLBACK_FROM):
            reason = of_span(keys.FALLBACK_REASON) or _UNKNOWN
            labels: dict[str, Any] = {
                keys.FALLBACK_FROM: self._values.backends(left),
                keys.BACKEND: backend,
                keys.FALLBACK_REASON: self._values.words(reason),
                FALLBACK_EXPECTED: reason in keys.EXPECTED_REASONS,
            }
            self._fallbacks.add(1, labels, call.context)
        has_used = any(
            key in call.attributes for key in (keys.GEN_AI_USAGE_INPUT_TOKENS, keys.GEN_AI_USAGE_OUTPUT_TOKENS)
        )
        is_skipped = of_span(keys.STATUS) == keys.STATUS_SKIPPED
        if is_skipped and not has_used and not call.cost_nano:
            return
        labels = self._labels(call.attributes)
        self._instruments.duration(call.duration_s, labels, call.context)
        self._instruments.tokens(call.attributes, labels, call.context)
        if call.first_chunk_s is not None:
            # another dict: the SDK keeps the one that it was given
            labels = {key: value for key, value in labels.items() if key != keys.ERROR_TYPE}
            self._instruments.first_chunk(call.first_chunk_s, labels, call.context)
        if call.cost_nano is not None:
            self._cost.add(call.cost_nano, self._of_money(call, backend), call.context)
        elif has_used or not (is_skipped or keys.ERROR_TYPE in call.attributes):
            self._unpriced.add(1, self._of_money(call, backend), call.context)

    def _backend(self, attributes: Mapping[str, Any]) -> str:
        return self._values.backends(
            attributes.get(keys.BACKEND) or attributes.get(keys.GEN_AI_PROVIDER_NAME) or _UNKNOWN
        )

    def _labels(self, attributes: Mapping[str, Any]) -> dict[str, Any]:
        labels = {key: value(given) for key, value in self._of_calls if (given := attributes.get(key))}
        labels[keys.BACKEND] = self._backend(attributes)
        return labels

    def _of_money(self, call: EndedCall, backend: str) -> dict[str, Any]:
        of_span, run = call.attributes.get, call.run
        labels: dict[str, Any] = {keys.BACKEND: backend, DEMO: run is not None and run.demo}
        if model := of_span(keys.GEN_AI_REQUEST_MODEL):
            labels[keys.GEN_AI_REQUEST_MODEL] = self._values.models(model)
        if run is not None:
            labels[OPERATION] = self._values.operations(run.operation)
        if tier := of_span(keys.TIER):
            labels[keys.TIER] = self._values.words(tier)
        return labels


def call_metrics() -> CallMetrics | None:
    """Return what records calls; None where nobody has set up a meter provider."""
    provider = provider_in_use()
    return None if provider is None else _metrics_of(provider)


@functools.lru_cache(maxsize=1)
def _metrics_of(provider: MeterProvider) -> CallMetrics:
    return CallMetrics(provider, latest=wants_latest(os.environ))
