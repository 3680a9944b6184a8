"""`GET /metrics`: what Prometheus reads."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import grpc
import httpx
import pytest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from redis.asyncio import Redis

from bench.support.ports import free_port
from spantail_exporters.otlp.records import EVENT_HEARTBEAT, EVENT_START
from spantail_service.llm.budget import BudgetLedger, scope_of
from spantail_service.llm.budget.ledger import Reservation
from spantail_service.notices.store import NoticeStore, new_notice
from spantail_service.runs.spend_counters import SpendCounters
from tests.integration.service.harness import ROOT_SPAN, RUN, Writer, running_app, spantail_process
from tests.support.otlp.requests import PROTOBUF, any_value, logs, traces
from tests.support.service.grpc_address import grpc_address
from tests.support.service.served import served_app
from tests.support.waiting import eventually_async

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def samples_of(answer: httpx.Response) -> Samples:
    assert answer.status_code == 200
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in parse_text(answer.text)
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float | None:
    return samples.get((name, tuple(sorted(labels.items()))))


async def test_requests_refusals_runs_and_redis(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        writer.span(RUN)
    async with running_app(redis_url) as client:
        for _ in range(3):
            await client.get(f"/api/logs/{RUN}")
        await client.get("/api/runs", headers={"host": "evil.example"})
        await client.request("GARBAGE", "/api/runs")
        samples = samples_of(await client.get("/metrics"))
    count = "http_server_request_duration_seconds_count"
    of_logs = {"http_request_method": "GET", "http_response_status_code": "200"}
    assert value(samples, count, http_route="/api/logs/{run_id}", **of_logs) == 3
    assert value(samples, "spantail_refused_total", reason="unknown-host") == 1
    assert value(samples, count, http_request_method="_OTHER", http_response_status_code="405",
                 http_route="/api/runs") == 1  # fmt: skip
    assert value(samples, "spantail_redis_up") == 1
    assert value(samples, "spantail_runs", status="running") == 1
    assert value(samples, "spantail_operations_running") == 0
    assert 0 < (value(samples, "spantail_tasks") or 0) < 100
    assert not any("4bf92f35" in str(key) for key in samples)  # no id becomes a label


async def test_budgets_by_kind_and_notices_by_rule(new_redis_url: str) -> None:
    today = f"day:{datetime.now(UTC).date().isoformat()}"
    async with Redis.from_url(new_redis_url) as redis:
        ledger, notices = BudgetLedger(redis, {"operation": 3_000_000_000}), NoticeStore(redis)
        for run, operation, nano, cost in (
            ("a" * 32, "far", 900_000_000, 800_000_000),
            ("b" * 32, "near", 2_900_000_000, 2_500_000_000),
            ("c" * 32, "near", 400_000_000, None),
        ):
            scopes = tuple(map(scope_of, (f"run:{run}", f"operation:{operation}", today)))
            reserved = Reservation(run, nano, scopes)
            await ledger.reserve(reserved, 30.0)
            if cost is not None:
                await ledger.settle(reserved, cost)
        await ledger.set_limit(scope_of("operation:far"), 800_000_000)
        await ledger.set_limit(scope_of("day:2020-01-01"), 0)
        await notices.add(new_notice("run_failed", 1, "title", "detail"), "it", to_send=True)
    async with running_app(new_redis_url, budget_operation_usd=3.0) as client:
        samples = samples_of(await client.get("/metrics"))
        text = (await client.get("/metrics")).text
    shown = {
        (name.removeprefix("spantail_budget_"), dict(labels)["kind"]): number
        for (name, labels), number in samples.items()
        if name.startswith("spantail_budget")
    }
    assert shown == {
        ("limit_usd", "operation"): 0.8, ("spent_usd", "operation"): 0.8, ("reserved_usd", "operation"): 0,
        ("spent_usd", "run"): 2.5, ("reserved_usd", "run"): 0,
        ("spent_usd", "day"): 3.3, ("reserved_usd", "day"): 0.4,
        ("spantail_budgets_met", "operation"): 1, ("spantail_budgets_met", "run"): 0,
        ("spantail_budgets_met", "day"): 0,
    }  # fmt: skip
    assert value(samples, "spantail_notices_pending", rule="run_failed") == 1
    assert value(samples, "spantail_notices_dead", rule="run_failed") == 0
    assert "a" * 32 not in text, "no run is a label"


def _otlp() -> tuple[bytes, bytes]:
    """Two spans and a third without an id; a log line, one without a span, a heartbeat and a start that is none."""
    ids: dict[str, Any] = {"trace_id": bytes.fromhex(RUN), "span_id": bytes.fromhex(ROOT_SPAN)}
    spans = [Span(**ids, name="a"), Span(**{**ids, "span_id": b"\1" * 8}, name="b"), Span(name="no id")]
    records = [
        LogRecord(**ids, time_unix_nano=1, flags=1, body=any_value("said")),
        LogRecord(time_unix_nano=1, body=any_value("of no span")),
        LogRecord(event_name=EVENT_HEARTBEAT),
        LogRecord(**ids, event_name=EVENT_START),
    ]
    return traces({}, spans).SerializeToString(), logs({}, records).SerializeToString()


EXPECTED_OTLP = {("traces", "accepted"): 2, ("traces", "rejected"): 1, ("logs", "accepted"): 2, ("logs", "rejected"): 1}


def _received(answer: httpx.Response) -> dict[tuple[str, str], float]:
    return {
        (labels["signal"], labels["outcome"]): number
        for (name, pairs), number in samples_of(answer).items()
        if name == "spantail_otlp_received_total" and (labels := dict(pairs))
    }


async def test_otlp_over_http_is_counted(redis_url: str) -> None:
    async with served_app(redis_url) as service, service.client() as client:
        for path, body in zip(("/v1/traces", "/v1/logs"), _otlp(), strict=True):
            assert (await client.post(path, content=body, headers=PROTOBUF)).status_code == 200
        answer = await client.get("/metrics")
    assert _received(answer) == EXPECTED_OTLP
    assert value(samples_of(answer), "spantail_otlp_passed_over") == 1


def test_otlp_over_grpc_is_counted(redis_url: str) -> None:
    with spantail_process("serve", "--port", "0", "--redis-url", redis_url, SPANTAIL_OTLP_GRPC_PORT="0") as service:
        service.await_ready()
        with grpc.insecure_channel(grpc_address(lambda: service.output)) as channel:
            for kind, body in zip(("trace", "logs"), _otlp(), strict=True):
                name = f"opentelemetry.proto.collector.{kind}.v1.{kind.capitalize()}Service"
                call: Any = channel.unary_unary(f"/{name}/Export")  # without serialisers it takes and gives bytes
                call(body, timeout=20)
        assert _received(httpx.get(f"{service.url}/metrics")) == EXPECTED_OTLP
        assert service.stop() == 0


async def test_open_metrics_and_content_type(new_redis_url: str) -> None:
    async with running_app(new_redis_url) as client:
        plain = await client.get("/metrics")
        asked = await client.get("/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"})
    assert plain.headers["content-type"].startswith("text/plain; version=")
    assert asked.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert "spantail_build_info" in {family.name for family in parse_openmetrics(asked.text)}  # type: ignore[no-untyped-call]


async def test_without_redis_it_says_so() -> None:
    async with running_app(f"redis://127.0.0.1:{free_port()}/0") as client:
        samples = samples_of(await client.get("/metrics"))
    assert value(samples, "spantail_redis_up") == 0
    assert value(samples, "spantail_runs", status="running") is None


def _day(day: str, nano: int) -> dict[str, Any]:
    tokens = {"input": nano, "output": 0}
    sums = {"calls": 1, "errors": 0, "unpriced": 0, "tokens": tokens, "cost_nano": nano, "cost_usd": nano / 1e9}
    return {"day": day, "backends": {"claude_cli": sums}}


def test_spend_only_grows_whatever_the_sums_do() -> None:
    spend = SpendCounters("")

    def cost() -> float:
        families = {family.name: family for family in spend.families()}
        return families["spantail_llm_cost_usd"].samples[0].value

    spend.take([_day("2026-01-01", 5), _day("2026-01-02", 10)])
    assert cost() == 0  # what was there before is not this process' to count
    spend.take([_day("2026-01-01", 5), _day("2026-01-02", 25)])
    assert cost() == 15e-9
    spend.take([_day("2026-01-01", 5), _day("2026-01-02", 20)])  # a run was corrected
    assert cost() == 15e-9
    spend.take([{"day": "2026-01-01", "backends": {}}, {"day": "2026-01-02", "backends": {}}])  # all of it was
    spend.take([_day("2026-01-01", 5), _day("2026-01-02", 20)])  # … and came again
    assert cost() == 15e-9
    spend.take([_day("2026-01-02", 30), _day("2026-01-03", 7)])  # midnight
    assert cost() == 27e-9
    today = {family.name: family for family in spend.families()}["spantail_llm_cost_today_usd"]
    assert [sample.value for sample in today.samples] == [7e-9]


async def test_spend_of_a_run_arrives(new_redis_url: str) -> None:
    today = time.time_ns() // 1_000

    async def reported() -> bool:
        samples = samples_of(await client.get("/metrics"))
        assert value(samples, "spantail_llm_cost_usd_total", backend="claude_cli") == pytest.approx(0.00099)
        assert value(samples, "spantail_llm_tokens_total", backend="claude_cli", type="input") == 120
        return value(samples, "spantail_llm_calls_total", backend="claude_cli") == 1

    async with running_app(new_redis_url) as client:
        await client.get("/metrics")  # from here on it counts
        with Writer(new_redis_url) as writer:
            writer.span(RUN, start=today)
            writer.span(
                RUN, "00f067aa0ba902b8", parent_id=ROOT_SPAN, kind="llm_call", start=today, end=today + 4,
                account="0 0 120 42 990000 claude_cli\n",
            )  # fmt: skip
            writer.span(RUN, start=today, end=today + 5)
        await eventually_async(reported)  # type: ignore[arg-type]  # mypy finds no T in a coroutine


async def test_no_accept_header_makes_it_fail(new_redis_url: str) -> None:
    async with running_app(new_redis_url) as client:
        for accept in ("text/plain; version=9e9", "application/openmetrics-text; version=x", ";;,=,", "", "\xff"):
            answer = await client.get("/metrics", headers={b"accept": accept.encode("latin-1")})
            assert answer.status_code == 200, accept
            assert "spantail_redis_up 1.0" in answer.text


async def test_what_strangers_name_makes_no_labels(new_redis_url: str) -> None:
    """Methods, paths, agents, hosts, services and operations: a thousand of each leave the exposition as it was."""
    async with running_app(new_redis_url, max_starts_per_minute=0) as client:

        async def some(numbers: range) -> None:
            for n in numbers:
                headers = {"user-agent": f"agent {n}", "x-forwarded-for": f"10.0.{n % 250}.1", "accept": f"x/{n}"}
                await client.request(f"M{n}", f"/made/up/{n}?{n}", headers=headers)
                await client.post(f"/api/operations/none{n}", headers=headers, json={})
                await client.get("/api/runs", headers={"host": f"host{n}.example"})
                if n % 100 == 0 or n < 0:
                    span = Span(trace_id=abs(n).to_bytes(16, "big"), span_id=b"\1" * 8, name=f"work {n}")
                    body = traces({"service.name": f"service {n}"}, [span]).SerializeToString()
                    await client.post("/v1/traces", content=body, headers=PROTOBUF)

        await client.get("/metrics")
        await some(range(-120, 0))  # a hundred operations have a label of their own
        await client.get("/metrics")  # … and what counts reading it
        before = set(samples_of(await client.get("/metrics")))
        await some(range(101, 1_101))
        after = set(samples_of(await client.get("/metrics")))
    assert {name for name, _ in after - before} == set()


def test_ten_thousand_backends_are_a_hundred_labels() -> None:
    spend = SpendCounters("")
    days = [_day(f"2026-01-{n // 400 + 1:02}", 1) for n in range(10_000)]
    spend.take([{"day": "2026-01-01", "backends": {}}])
    for n, day in enumerate(days):
        day["backends"] = {f"made up {n}": day["backends"]["claude_cli"]}
        spend.take([day])
    for family in spend.families():
        assert len({sample.labels["backend"] for sample in family.samples}) <= 101
    calls = {family.name: family for family in spend.families()}["spantail_llm_calls"]
    assert sum(sample.value for sample in calls.samples) == 10_000, "none is lost"
