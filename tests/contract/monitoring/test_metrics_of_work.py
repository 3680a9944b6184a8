"""`GET /metrics`: the queue, runners, ended runs, Redis, instruments; and the same figures as OTLP exports them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import set_span_in_context
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from redis.asyncio import Redis

from spantail_service.jobs.queue.job_queue import JobQueue
from spantail_service.metrics import ServiceMetrics
from spantail_service.metrics.instruments import Instruments
from spantail_service.metrics.names import otlp_name, prometheus_name
from spantail_service.metrics.otlp import scope_metrics
from spantail_service.tail.frame import newest_time_us
from tests.contract.monitoring.test_metrics import Samples, samples_of, value
from tests.integration.service.harness import OTHER_RUN, RUN, START, Writer, running_app
from tests.support.waiting import eventually_async

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterable

    import httpx
    from opentelemetry.sdk.metrics.export import Metric


async def _samples(client: httpx.AsyncClient) -> Samples:
    return samples_of(await client.get("/metrics"))


async def test_what_waits_in_the_queue(redis_url: str) -> None:
    async with Redis.from_url(redis_url) as redis:
        queue = JobQueue(redis)
        await queue.enqueue("sleep", b"{}", priority="low")
        await queue.enqueue("sleep", b"{}", priority="high")
        await queue.enqueue("sleep", b"{}", delay_s=3_600)
        await queue.claim("runner", 60, 1)
        await queue.close()
    async with running_app(redis_url) as client:
        samples = await _samples(client)
    states = {
        dict(labels)["state"]: count for (name, labels), count in samples.items() if name == "spantail_queue_items"
    }
    assert states == {"pending": 1, "delayed": 1, "running": 1, "failed": 0}
    assert 0 < (value(samples, "spantail_queue_oldest_wait_seconds") or 0) < 600
    assert value(samples, "spantail_runners", state="alive") == 0


async def test_who_works_on_it(new_redis_url: str) -> None:
    async with running_app(new_redis_url, runners=1, runner_concurrency=3) as client:

        async def seen() -> float | None:
            return value(await _samples(client), "spantail_runners", state="alive")

        wait: Awaitable[float | None] = eventually_async(seen)
        assert await wait
        samples = await _samples(client)
    assert value(samples, "spantail_runner_slots", state="free") == 3
    assert value(samples, "spantail_runner_slots", state="busy") == 0
    assert value(samples, "spantail_runners", state="draining") == 0


async def test_runs_that_have_ended(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        writer.span(OTHER_RUN, end=START + 1)  # before anybody looked
        async with running_app(redis_url) as client:
            await _samples(client)
            writer.span(RUN)
            assert (
                value(await _samples(client), "spantail_runs_ended_total", operation="job search", status="failed")
                is None
            )
            writer.span(RUN, end=START + 1, status="error")
            writer.span("a" * 32, name="other", end=START + 1)
            samples = await _samples(client)
            writer.span(RUN, span_id="b" * 16, end=START + 1)  # a late one changes nothing
            later = await _samples(client)
    name = "spantail_runs_ended_total"
    for read in (samples, later):
        ended = {tuple(dict(labels).values()): number for (found, labels), number in read.items() if found == name}
        assert ended == {("job search", "failed"): 1, ("other", "completed"): 1}


async def test_redis_and_readiness(redis_url: str) -> None:
    async with running_app(redis_url) as client:
        samples = await _samples(client)
    assert value(samples, "spantail_ready") == 1
    assert (value(samples, "spantail_redis_memory_used_bytes") or 0) > 100_000
    assert 0 < (value(samples, "spantail_redis_ping_seconds") or 0) < 2
    assert value(samples, "spantail_redis_memory_max_bytes") != 0  # without a limit there is none


def test_what_instruments_measure_is_shown_with_its_trace() -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    meter = provider.get_meter("test")
    span = TracerProvider(shutdown_on_exit=False).get_tracer("test").start_span("call")
    here = set_span_in_context(span)
    meter.create_counter("spantail.llm.cost.nano", unit="{nano_usd}").add(
        7, {"spantail.demo": False, "a": 'x"\n'}, here
    )
    histogram = meter.create_histogram("some.duration", unit="s", explicit_bucket_boundaries_advisory=[0.1, 1.0])
    histogram.record(0.05, {}, here)
    histogram.record(5.0, {})
    meter.create_up_down_counter("in.flight").add(2)
    meter.create_counter("taken.already").add(1)
    metrics = ServiceMetrics()
    metrics.show_instruments(reader)
    families = {family.name: family for family in Instruments(reader).families({"taken_already"})}
    histogram.record(0.2, {}, here)
    _openmetrics(metrics)  # a scrape that fails on its way takes no exemplar along
    text = _openmetrics(metrics)
    provider.shutdown()
    assert set(families) == {"spantail_llm_cost_nano", "some_duration_seconds", "in_flight"}
    parsed = {family.name: family for family in parse_openmetrics(text)}  # type: ignore[no-untyped-call]
    assert parsed["spantail_llm_cost_nano"].samples[0].labels == {"spantail_demo": "false", "a": 'x"\n'}
    buckets = {
        sample.labels["le"]: (sample.value, sample.exemplar)
        for sample in parsed["some_duration_seconds"].samples
        if sample.name.endswith("_bucket")
    }
    assert [number for number, _ in buckets.values()] == [1, 2, 3]
    (exemplar,) = [found for _, found in buckets.values() if found]
    assert exemplar.labels["trace_id"] == f"{span.get_span_context().trace_id:032x}"


def _openmetrics(metrics: ServiceMetrics) -> str:
    from prometheus_client.openmetrics.exposition import generate_latest

    body: bytes = generate_latest(metrics.registry)  # type: ignore[no-untyped-call]
    return body.decode()


def test_the_same_figures_go_out_by_otlp() -> None:
    metrics = ServiceMetrics()
    metrics.refused("unknown-host")
    metrics.abandoned("runner_died", 3)
    metrics.requests_of("GET", "/api/runs", 200).add(0.2)
    metrics.lag(0.004)
    found = _by_name(scope_metrics(metrics.families(), 1).metrics)
    refused = found["spantail.refused"]
    assert (refused.unit, refused.data.data_points[0].value, refused.data.is_monotonic) == ("", 1, True)  # type: ignore[union-attr]
    durations: Any = found["http.server.request.duration"]
    (point,) = durations.data.data_points
    assert durations.unit == "s"
    assert (point.count, point.sum, sum(point.bucket_counts)) == (1, 0.2, 1)
    assert len(point.bucket_counts) == len(point.explicit_bounds) + 1
    assert found["spantail.reaper.abandoned.spans"].data.data_points[0].attributes == {"reason": "runner_died"}
    assert found["spantail.tail.lag"].unit == "s"
    assert "spantail.runs" not in found  # nothing is known of them


def _by_name(metrics: Iterable[Metric]) -> dict[str, Metric]:
    return {metric.name: metric for metric in metrics}


@pytest.mark.parametrize(
    "name",
    ["spantail_queue_oldest_wait_seconds", "spantail_redis_memory_used_bytes", "spantail_budget_limit_usd",
     "spantail_notices_last_sent_timestamp_seconds", "spantail_runs"],
)  # fmt: skip
def test_a_name_comes_back_as_it_was(name: str) -> None:
    assert prometheus_name(*otlp_name(name)) == name


def test_when_the_newest_event_of_an_entry_happened() -> None:
    assert newest_time_us(b'{"ts":1,"a":"b"}\n{"rev":1,"ts":22,"attributes":{"x":"\\"ts\\":3"}}') == 22
    assert newest_time_us(b'{"a":1}') is None


async def test_how_late_events_are_read(new_redis_url: str) -> None:
    with Writer(new_redis_url) as writer:
        writer.span(RUN)
        async with running_app(new_redis_url) as client:
            assert (await client.get(f"/api/logs/{RUN}")).status_code == 200

            async def seen() -> bool:
                # what was there when the run came to be followed is no measure
                now_us = time.time_ns() // 1_000
                writer.span(RUN, span_id=f"{now_us:016x}", ts=now_us - 2_000_000)
                return bool(value(await _samples(client), "spantail_tail_lag_seconds_count"))

            wait: Awaitable[bool] = eventually_async(seen)
            assert await wait
            samples = await _samples(client)
    count, seconds = (value(samples, f"spantail_tail_lag_seconds_{what}") or 0 for what in ("count", "sum"))
    assert 2 <= seconds / count < 60
