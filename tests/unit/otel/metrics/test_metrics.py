"""What calls and runs say by OpenTelemetry's metrics API."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import metrics as api
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

import spantail
from spantail import pricing
from spantail.metrics import calls as call_metrics
from spantail.metrics import conventions
from spantail.metrics.labels import OTHER, BoundedValues
from spantail.metrics.provider import provider_in_use, use_provider

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.otel.conftest import Spans

pytestmark = pytest.mark.usefixtures("spans")

SECRET = "sk-ant-api03-abcdefghijklmnopqrstuvwxyz0123456789"


class Measured:
    """The figures of a test."""

    def __init__(self) -> None:
        self.reader = InMemoryMetricReader()
        self.provider = MeterProvider([self.reader], shutdown_on_exit=False)

    def all(self) -> dict[str, list[Any]]:
        """The data points of each instrument; exemplars are in the first answer only."""
        data = self.reader.get_metrics_data()
        return {
            metric.name: list(metric.data.data_points)
            for resource in (data.resource_metrics if data else [])
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    def points(self, name: str) -> list[Any]:
        """The data points of an instrument, by their latest state."""
        return self.all().get(name, [])

    def sums(self, name: str) -> dict[frozenset[tuple[str, Any]], Any]:
        """The values of a counter, or the sums of a histogram, by attributes."""
        return {
            frozenset((point.attributes or {}).items()): getattr(point, "value", getattr(point, "sum", None))
            for point in self.points(name)
        }

    def one(self, name: str) -> Any:
        """The only data point of an instrument."""
        (point,) = self.points(name)
        return point


@pytest.fixture
def measured() -> Iterator[Measured]:
    made = Measured()
    use_provider(made.provider)
    yield made
    use_provider(None)
    made.provider.shutdown()


@pytest.fixture
def latest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(conventions.OPT_IN_VARIABLE, "http, gen_ai_latest_experimental")


def _call(**more: Any) -> spantail.LlmCall:
    return spantail.llm_call(**{"backend": "claude_cli", "model": "claude-haiku-4-5", "tier": "small", **more})


def _used_and_failed(call: spantail.LlmCall) -> None:
    call.usage(input_tokens=400, output_tokens=90)
    raise TimeoutError


def test_a_call_within_an_operation(measured: Measured) -> None:
    with spantail.operation("Job search").measured_as("job_search", demo=True), spantail.layer("score"):
        with _call() as call:
            call.usage(input_tokens=400, output_tokens=90)
            call.response(model="claude-haiku-4-5-20251001")
            call.cost(Decimal("0.001234567"))
    of_call = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": "claude-haiku-4-5",
        "gen_ai.response.model": "claude-haiku-4-5-20251001",
        "spantail.backend": "claude_cli",
    }
    duration = measured.one("gen_ai.client.operation.duration")
    assert dict(duration.attributes) == of_call
    assert tuple(duration.explicit_bounds) == conventions.DURATION_BOUNDS_S
    assert measured.sums("gen_ai.client.token.usage") == {
        frozenset({**of_call, "gen_ai.token.type": "input"}.items()): 400,
        frozenset({**of_call, "gen_ai.token.type": "output"}.items()): 90,
    }
    cost = measured.one("spantail.llm.cost.nano")
    assert (cost.value, type(cost.value)) == (1_234_567, int)
    assert dict(cost.attributes) == {
        "spantail.backend": "claude_cli",
        "gen_ai.request.model": "claude-haiku-4-5",
        "spantail.operation": "job_search",
        "spantail.tier": "small",
        "spantail.demo": True,
    }
    assert measured.points("spantail.llm.unpriced") == []
    assert dict(measured.one("spantail.run.duration").attributes) == {
        "spantail.operation": "job_search",
        "spantail.run.status": "completed",
        "spantail.demo": True,
    }


def test_the_duration_is_that_of_the_span_and_the_exemplar_leads_to_it(measured: Measured, spans: Spans) -> None:
    with _call() as call:
        call.usage(input_tokens=1, output_tokens=1)
    span = spans.one()
    assert span.end_time is not None
    assert span.start_time is not None
    assert span.context is not None
    figures = measured.all()
    for name in ("gen_ai.client.operation.duration", "gen_ai.client.token.usage", "spantail.llm.cost.nano"):
        exemplar = figures[name][0].exemplars[0]
        assert (exemplar.trace_id, exemplar.span_id) == (span.context.trace_id, span.context.span_id)
    assert measured.one("gen_ai.client.operation.duration").sum == (span.end_time - span.start_time) / 1e9


def test_prices_are_added_up_to_the_nano_dollar(measured: Measured, spans: Spans) -> None:
    for tokens in (1, 7, 333, 4_001):
        with _call() as call:
            call.usage(input_tokens=tokens, output_tokens=3 * tokens)
    spent = sum(pricing.nano_usd((span.attributes or {})["spantail.cost_usd"]) or 0 for span in spans.all())
    assert spent > 0
    assert measured.one("spantail.llm.cost.nano").value == spent


def test_what_has_no_price_and_what_failed(measured: Measured) -> None:
    with _call(model="nobody-knows-it") as call:
        call.usage(input_tokens=1, output_tokens=1)
    with pytest.raises(TimeoutError), _call():
        raise TimeoutError
    with pytest.raises(TimeoutError), _call(model="nobody-knows-it") as call:
        _used_and_failed(call)
    assert measured.one("spantail.llm.unpriced").value == 2  # the one that failed before it used anything is none
    errors = [dict(point.attributes).get("error.type") for point in measured.points("gen_ai.client.operation.duration")]
    assert sorted(filter(None, errors)) == ["TimeoutError", "TimeoutError"]


def test_a_skipped_attempt_is_no_call_but_its_fallback_counts(measured: Measured) -> None:
    with _call() as call:
        call.skip("circuit open")
    with _call(fallback_from="claude_cli", fallback_reason="budget", backend="langchain") as call:
        call.skip("no budget")
    assert measured.points("gen_ai.client.operation.duration") == []
    assert measured.points("spantail.llm.unpriced") == []
    assert dict(measured.one("spantail.llm.fallbacks").attributes) == {
        "spantail.fallback.from": "claude_cli",
        "spantail.backend": "langchain",
        "spantail.fallback.reason": "budget",
        "spantail.fallback.expected": True,
    }


def test_the_reason_of_a_fallback_is_a_word_or_other(measured: Measured) -> None:
    for reason in ("rate_limited", "the prompt was: my password is hunter2"):
        with _call(fallback_from="claude_cli", fallback_reason=reason):
            pass
    reasons = {
        dict(point.attributes)["spantail.fallback.reason"] for point in measured.points("spantail.llm.fallbacks")
    }
    assert reasons == {"rate_limited", OTHER}


def test_a_wrapper_of_another_call_counts_nothing(measured: Measured) -> None:
    with _call() as outer:
        outer.usage(input_tokens=5, output_tokens=5)
        with _call() as inner:
            inner.usage(input_tokens=5, output_tokens=5)
    assert measured.one("gen_ai.client.operation.duration").count == 1


def test_a_streamed_call(measured: Measured) -> None:
    with _call(stream=True) as call:
        for text in ("a", "b", "c"):
            call.chunk(text)
    assert measured.one("gen_ai.client.operation.time_to_first_chunk").count == 1
    assert measured.one("gen_ai.client.operation.time_per_output_chunk").count == 2
    with _call():
        pass
    assert measured.one("gen_ai.client.operation.time_to_first_chunk").count == 1


@pytest.mark.usefixtures("latest")
def test_the_newest_names_on_request(measured: Measured) -> None:
    with _call(stream=True) as call:
        call.usage(input_tokens=400, output_tokens=90, cache_read_tokens=100, audio_input_tokens=50)
        call.chunk("a")
        call.chunk("b")
    with _call(operation="embeddings") as call:
        call.usage(input_tokens=7)
    with pytest.raises(TimeoutError), _call():
        raise TimeoutError
    assert sum(point.count for point in measured.points("gen_ai.client.inference.duration")) == 2
    assert measured.one("gen_ai.client.operation.duration").attributes["gen_ai.operation.name"] == "embeddings"
    assert measured.one("gen_ai.client.inference.time_to_first_chunk").count == 1
    assert measured.one("gen_ai.client.inference.time_per_output_chunk").count == 1
    used = "gen_ai.client.inference.usage"
    by_modality = {
        dict(point.attributes)["gen_ai.token.modality"]: point.value
        for point in measured.points(f"{used}.input_tokens")
    }
    assert by_modality == {"audio": 50, "unknown": 350}
    assert measured.one(f"{used}.output_tokens").value == 90
    assert measured.one(f"{used}.cache_read.input_tokens").value == 100
    sizes = measured.points("gen_ai.client.inference.operation.input_tokens")
    assert (sum(size.count for size in sizes), sum(size.sum for size in sizes)) == (2, 400)  # one failed: 0
    assert measured.points("gen_ai.client.token.usage") == []


def test_how_runs_end(measured: Measured) -> None:
    with pytest.raises(ValueError, match="no"), spantail.operation("fails"):
        raise ValueError("no")
    with spantail.operation("stops") as scope:
        scope.cancel("enough")
    with pytest.raises(SystemExit), spantail.pipeline("leaves"):
        raise SystemExit(0)
    with spantail.operation("outer"), spantail.operation("inner"):
        pass
    with spantail.operation("outer"), spantail.operation("own", root=True), _call():
        pass
    ended = {
        (dict(point.attributes)["spantail.operation"], dict(point.attributes)["spantail.run.status"]): point.count
        for point in measured.points("spantail.run.duration")
    }
    assert ended == {
        ("fails", "failed"): 1,
        ("stops", "cancelled"): 1,
        ("leaves", "completed"): 1,
        ("outer", "completed"): 2,
        ("own", "completed"): 1,
    }
    assert dict(measured.one("spantail.llm.unpriced").attributes)["spantail.operation"] == "own"


def test_a_decorated_function_is_a_run_by_its_name(measured: Measured) -> None:
    @spantail.operation
    def work() -> None:
        with _call():
            pass

    work()
    work()
    point = measured.one("spantail.run.duration")
    assert point.count == 2
    assert point.attributes["spantail.operation"].endswith("work")


def test_what_is_not_sampled_is_measured_all_the_same(measured: Measured, monkeypatch: pytest.MonkeyPatch) -> None:
    from opentelemetry import trace

    monkeypatch.setattr(trace, "_TRACER_PROVIDER", TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False))
    with pytest.raises(TimeoutError), spantail.operation("work"), _call(fallback_from="other") as call:
        _used_and_failed(call)
    attributes = dict(measured.one("gen_ai.client.operation.duration").attributes)
    assert (attributes["gen_ai.request.model"], attributes["error.type"]) == ("claude-haiku-4-5", "TimeoutError")
    assert measured.one("spantail.llm.cost.nano").value > 0
    assert measured.one("spantail.llm.fallbacks").value == 1
    assert dict(measured.one("spantail.run.duration").attributes)["spantail.run.status"] == "failed"
    assert not measured.one("gen_ai.client.operation.duration").exemplars


def test_values_are_bounded_and_hold_no_secret() -> None:
    value = BoundedValues(3)
    assert [value(f"model-{number}") for number in (0, 1, 2, 3, 1)] == [
        "model-0",
        "model-1",
        "model-2",
        OTHER,
        "model-1",
    ]
    value = BoundedValues(10)
    assert SECRET not in value(f"model {SECRET}")
    assert len(value("x" * 10_000)) <= 120


def test_a_thousand_names_are_a_bounded_number_of_series_and_the_sum_is_exact(measured: Measured) -> None:
    for number in range(1_000):
        with spantail.operation(f"work {number}"):
            with _call(backend=f"b{number}", model=f"m{number}", tier=f"t{number}", fallback_from=f"f{number}") as call:
                call.cost(Decimal("0.000000001"))
                call.response(model=f"r{number}")
    figures = measured.all()
    assert sum(point.value for point in figures["spantail.llm.cost.nano"]) == 1_000
    assert sum(point.count for point in figures["gen_ai.client.operation.duration"]) == 1_000
    assert {name: len(points) for name, points in figures.items() if len(points) > 250} == {}
    assert any(OTHER in dict(point.attributes).values() for point in figures["spantail.llm.cost.nano"])


def test_without_a_meter_provider_nothing_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api._internal, "_METER_PROVIDER", None)
    assert provider_in_use() is None
    monkeypatch.setattr(call_metrics, "CallMetrics", None)  # to make one would fail
    with spantail.operation("work"), _call() as call:
        call.chunk("a")
    assert call._measured is None
