"""`configure()` and metrics: what the environment asks for, the application's own provider, forks, the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.otel.setup.test_configure import closed_port, receiver

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.otlp.endpoint import Endpoint
    from tests.unit.otel.fresh_python import Python

__all__ = ["closed_port", "receiver"]

SECRET = "canary7Qz9Xw2Lk4Vn8"
_CALL = """
import spantail
handle = spantail.configure("jobs"{arguments})
def call(n=1):
    for _ in range(n):
        with spantail.operation("work"), spantail.llm_call(backend="b", model="gpt-4o-mini") as one:
            one.usage(input_tokens=10, output_tokens=5)
            one.cost(0.000001)
call()
"""


def _call(arguments: str = "") -> str:
    return _CALL.format(arguments=arguments)


def _groups(receiver: Endpoint) -> list[Any]:
    return [one for request in receiver.metrics for one in request.resource_metrics]


def _points(receiver: Endpoint, name: str) -> Iterator[tuple[dict[str, str], Any]]:
    """Resource attributes and data point of every export of an instrument."""
    for group in _groups(receiver):
        resource = {item.key: item.value.string_value for item in group.resource.attributes}
        for scope in group.scope_metrics:
            for metric in scope.metrics:
                if metric.name == name:
                    data = metric.sum if metric.WhichOneof("data") == "sum" else metric.histogram
                    yield from ((resource, point) for point in data.data_points)


def test_an_endpoint_turns_metrics_on_and_the_end_delivers_them(python: Python, receiver: Endpoint) -> None:
    run = python(_call(), OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url, OTEL_RESOURCE_ATTRIBUTES="region=eu")
    ((resource, cost),) = _points(receiver, "spantail.llm.cost.nano")
    assert (cost.as_int, cost.exemplars[0].as_int) == (1_000, 1_000)
    assert len(cost.exemplars[0].trace_id) == 16
    assert (resource["service.name"], resource["region"]) == ("jobs", "eu")
    assert resource["service.instance.id"]
    assert f"metrics: otlp → {receiver.url} (http/protobuf)" in run.err


def test_they_go_out_by_the_clock(python: Python, receiver: Endpoint) -> None:
    python(
        "seen = []"
        + _call(", metric_producers=[lambda: seen.append(1) or []]")
        + "import time\nwhile len(seen) < 3: time.sleep(0.01)",
        OTEL_METRICS_EXPORTER="otlp",
        OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=f"{receiver.url}/v1/metrics",
        OTEL_METRIC_EXPORT_INTERVAL="100",
    )
    costs = [point.as_int for _, point in _points(receiver, "spantail.llm.cost.nano")]
    assert len(costs) > 2
    assert set(costs) == {1_000}
    assert receiver.traces == []  # no spans were asked for


@pytest.mark.parametrize("settings", [{}, {"OTEL_METRICS_EXPORTER": "none"}, {"OTEL_SDK_DISABLED": "true"}])
def test_where_nobody_asks_there_is_no_provider(python: Python, receiver: Endpoint, settings: dict[str, str]) -> None:
    endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url} if settings else {}
    run = python(_call() + "print('RESULT', json.dumps(handle.meter_provider))", **settings, **endpoint)
    assert run.result is None
    assert receiver.metrics == []


@pytest.mark.parametrize("asked", ["zipper", "otlp"])
def test_what_cannot_be_made_is_said(python: Python, asked: str) -> None:
    run = python(_call(), OTEL_METRICS_EXPORTER=asked, OTEL_METRIC_EXPORT_INTERVAL="-1")
    assert ("'zipper' is not installed" if asked == "zipper" else "is left out: interval value") in run.err


def test_the_application_keeps_its_own_provider(python: Python, receiver: Endpoint) -> None:
    run = python(
        """
        from opentelemetry import metrics
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import InMemoryMetricReader
        reader = InMemoryMetricReader()
        own = MeterProvider([reader], shutdown_on_exit=False)
        metrics.set_meter_provider(own)
        """
        + _call().replace("\n", "\n        ")
        + """
        names = {m.name for r in reader.get_metrics_data().resource_metrics for s in r.scope_metrics for m in s.metrics}
        print("RESULT", json.dumps([handle.meter_provider, metrics.get_meter_provider() is own, sorted(names)]))
        """,
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url,
    )
    assert run.result[:2] == [None, True]
    assert "spantail.llm.cost.nano" in run.result[2]
    assert receiver.metrics == []


def test_who_has_a_tracer_provider_asks_by_name(python: Python, receiver: Endpoint) -> None:
    own = """
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
        trace.set_tracer_provider(TracerProvider(shutdown_on_exit=False))
        """
    script = own + _call().replace("\n", "\n        ")
    python(script, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url)
    assert receiver.metrics == []
    python(script, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url, OTEL_METRICS_EXPORTER="otlp")
    assert [point.as_int for _, point in _points(receiver, "spantail.llm.cost.nano")] == [1_000]


def test_no_secret_leaves_in_resource_or_attributes(python: Python, receiver: Endpoint) -> None:
    python(
        f"""
        import spantail
        spantail.configure(resource_attributes={{"deploy.token": "{SECRET}"}})
        with spantail.operation("GET /?token={SECRET}"), spantail.llm_call(backend="b", model="password={SECRET}"):
            pass
        """,
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url,
    )
    assert _groups(receiver)
    assert SECRET.encode() not in b"".join(receiver.bodies)


def test_a_forked_child_counts_from_zero_and_under_its_own_name(python: Python, receiver: Endpoint) -> None:
    python(
        _call()
        + """
import os
for n in (2, 3):
    pid = os.fork()
    if not pid:
        call(n)
        handle.flush()
        os._exit(0)
    os.waitpid(pid, 0)
call(4)
handle.shutdown()
""",
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url,
    )
    costs = {
        resource["service.instance.id"]: point.as_int for resource, point in _points(receiver, "spantail.llm.cost.nano")
    }
    assert sorted(costs.values()) == [2_000, 3_000, 5_000]


def test_after_a_shutdown_it_is_wired_anew(python: Python, receiver: Endpoint) -> None:
    run = python(
        _call()
        + """
print("FIRST", handle.shutdown())
call()
first, handle = handle, spantail.configure("jobs")
call(2)
print("RESULT", json.dumps([handle.meter_provider is not first.meter_provider, handle.shutdown()]))
""",
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url,
    )
    assert run.result == [True, True]
    assert [point.as_int for _, point in _points(receiver, "spantail.llm.cost.nano")] == [1_000, 2_000]
    assert "Overriding" not in run.err


@pytest.mark.alone
def test_a_dead_endpoint_holds_nothing_up(python: Python, closed_port: int) -> None:
    run = python(
        _call() + "import time; t = time.monotonic(); handle.shutdown(1.0); print('RESULT', time.monotonic() - t)",
        OTEL_METRICS_EXPORTER="otlp",
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{closed_port}",
        OTEL_TRACES_EXPORTER="none",
    )
    assert run.result < 5


def test_further_figures_go_out_with_the_measured_ones(python: Python, receiver: Endpoint) -> None:
    python(
        """
        import time
        from opentelemetry.sdk.metrics.export import Gauge, Metric, NumberDataPoint, ScopeMetrics
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope

        def produced():
            point = NumberDataPoint({}, 0, time.time_ns(), 42)
            return [ScopeMetrics(InstrumentationScope("own"), [Metric("own.figure", "", "", Gauge([point]))], "")]

        def fails():
            raise RuntimeError
        """
        + _call(", metric_producers=[fails, produced]").replace("\n", "\n        "),
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url,
    )
    (group,) = _groups(receiver)
    figures = [metric for scope in group.scope_metrics for metric in scope.metrics]
    assert [m.gauge.data_points[0].as_int for m in figures if m.name == "own.figure"] == [42]
    assert "spantail.llm.cost.nano" in {metric.name for metric in figures}
