"""`spantail serve --workers 2`: two processes that serve as one."""

from __future__ import annotations

import os
import re
import signal
import socket
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import grpc
import httpx
import psutil
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from prometheus_client.parser import text_string_to_metric_families as parse_text
from websockets.asyncio.client import connect

from spantail_service.settings import ServerSettings
from spantail_service.workers.grpc_port import reserve_grpc_port
from tests.integration.service.harness import OTHER_RUN, RUN, Service, Writer, spantail_process
from tests.support.otlp.requests import PROTOBUF, traces
from tests.support.service.grpc_address import grpc_address
from tests.support.service.served import next_frame
from tests.support.service.workers import new_connections_go_to, workers_of
from tests.support.waiting import eventually, eventually_async

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.xdist_group("service_workers")

TOKEN = "correct-horse-battery-staple"
KEY = {"authorization": f"Bearer {TOKEN}"}
SEARCH = {"job_titles": ["engineer"], "sources": ["himalayas"]}
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
READY_S = 90


def runners_of(service: Service) -> list[Any]:
    runners: list[Any] = httpx.get(f"{service.url}/api/runners", headers=KEY).json()["runners"]
    return runners


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Two workers, three runners, a Redis of its own and a token; its stop leaves nothing."""
    folder = tmp_path_factory.mktemp("workers")
    options = ("--port", "0", "--workers", "2", "--runners", "3", "--data-dir", str(folder))
    with spantail_process("serve", *options, SPANTAIL_TOKEN=TOKEN, SPANTAIL_OTLP_GRPC_PORT="0") as service:
        service.await_ready(READY_S)
        eventually(lambda: len(runners_of(service)) == 3, READY_S, what="all runners are there")
        children = psutil.Process(service.process.pid).children(recursive=True)
        yield service
        assert service.stop() == 0
        assert "Traceback" not in service.output
        assert service.output.count("http://127.0.0.1") == 3, "it is announced once"
        eventually(lambda: not any(child.is_running() for child in children), what="all children have ended")


@contextmanager
def client_of(service: Service, number: int, **options: Any) -> Iterator[httpx.Client]:
    """A client of one worker, over the one connection that it keeps."""
    limits = httpx.Limits(max_connections=1, keepalive_expiry=None)
    with httpx.Client(base_url=service.url, limits=limits, timeout=30, **options) as client:
        with new_connections_go_to(number, service.process.pid):
            assert client.get("/healthz").status_code in {200, 401}
        yield client


def figures(client: httpx.Client) -> dict[str, float]:
    """The sums over all labels."""
    found: dict[str, float] = {}
    for family in parse_text(client.get("/metrics").text):
        for sample in family.samples:
            found[sample.name] = found.get(sample.name, 0.0) + sample.value
    return found


def test_there_are_as_many_workers_and_runners_as_wanted(service: Service) -> None:
    workers = workers_of(service.process.pid)
    assert sorted(workers) == [1, 2]
    runners = runners_of(service)
    assert sorted(runner["kind"] for runner in runners) == ["runner", "service", "service"]
    assert [runner["concurrency"] for runner in runners] == [4, 4, 4]
    assert {runner["pid"] for runner in runners if runner["kind"] == "service"} == set(workers.values())
    servers = [child.name() for child in psutil.Process(service.process.pid).children(recursive=True)]
    assert len([name for name in servers if re.match("redis-server|valkey", name)]) == 1


async def test_each_worker_shows_any_run_live(service: Service) -> None:
    redis = next(line for line in service.lines if "SPANTAIL_REDIS_URL=" in line).partition("=")[2]
    address = f"{service.url.replace('http', 'ws', 1)}/ws/runs/{RUN}/logs"
    with Writer(redis) as writer:
        writer.lines(RUN, 1)
        sockets = []
        for number in (1, 2):
            with new_connections_go_to(number, service.process.pid):
                sockets.append(await connect(address, additional_headers=KEY))
        for seen in sockets:
            assert len((await next_frame(seen))["logs"]) == 1
        writer.lines(RUN, 1, first=1)
        for seen in sockets:
            assert [event["message"] for event in (await next_frame(seen))["logs"]] == ["line 1"]
            await seen.close()


def test_figures_are_those_of_both(service: Service) -> None:
    with client_of(service, 1, headers=KEY) as one, client_of(service, 2, headers=KEY) as other:
        before = figures(one)
        count = "http_server_request_duration_seconds_count"
        assert before["spantail_workers"] == 2
        for client, times in ((one, 3), (other, 4)):
            for _ in range(times):
                client.get("/api/about")
        # Each asks for the figures once more in between.
        assert figures(other)[count] == before[count] + 8
        assert figures(one)[count] == before[count] + 9
        assert before["process_resident_memory_bytes"] > 2 * 50e6
        assert before["spantail_redis_up"] == 1
        opened = other.get("/metrics", headers={"accept": "application/openmetrics-text"})
        assert opened.text.endswith("# EOF\n")


def test_no_figures_are_better_than_those_of_one_alone(service: Service) -> None:
    """A supervisor that stands still: its workers serve on."""
    supervisor = psutil.Process(service.process.pid)
    supervisor.suspend()
    try:
        answer = httpx.get(f"{service.url}/metrics", headers=KEY, timeout=30)
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:spantail:problem:workers-unreachable")
        assert httpx.get(f"{service.url}/readyz", headers=KEY).status_code == 200
    finally:
        supervisor.resume()
    assert "spantail_workers 2.0" in httpx.get(f"{service.url}/metrics", headers=KEY).text


def test_a_session_holds_for_both_and_its_end_too(service: Service) -> None:
    with client_of(service, 1) as one, client_of(service, 2) as other:
        assert one.get("/api/about").status_code == other.get("/api/about").status_code == 401
        assert one.post("/login", data={"token": TOKEN}, headers={"origin": service.url}).status_code == 303
        other.cookies.update(one.cookies)
        assert other.get("/api/about").status_code == 200
        assert one.post("/logout", headers={"origin": service.url}).status_code == 303
        eventually(lambda: other.get("/api/about").status_code == 401, what="the other worker knows")


def test_both_take_in_spans_over_grpc_and_nobody_else_gets_the_port(service: Service) -> None:
    port = int(grpc_address(lambda: service.output).rpartition(":")[2])
    ids = [os.urandom(16) for _ in range(20)]
    with ExitStack() as stack:
        for trace_id in ids:
            options = [("grpc.use_local_subchannel_pool", 1)]  # else all share a connection
            held = stack.enter_context(grpc.insecure_channel(f"127.0.0.1:{port}", options))
            span = Span(trace_id=trace_id, span_id=b"s" * 8, name="ask", start_time_unix_nano=1, end_time_unix_nano=2)
            call: Any = held.unary_unary(EXPORT)
            call(
                traces({"service.name": "a"}, [span]).SerializeToString(),
                metadata=(("authorization", f"Bearer {TOKEN}"),),
                timeout=30,
            )
        taken = {
            pid: [one for one in psutil.Process(pid).net_connections("tcp") if one.laddr.port == port and one.raddr]
            for pid in workers_of(service.process.pid).values()
        }
        assert all(taken.values()), "each has some of the connections"
    for trace_id in ids:
        assert httpx.get(f"{service.url}/api/runs/{trace_id.hex()}", headers=KEY).status_code == 200
    assert reserve_grpc_port(ServerSettings(otlp_grpc_port=port)) is None


async def test_a_worker_that_is_killed_takes_nothing_with_it_but_its_runs(new_redis_url: str, tmp_path: Path) -> None:
    with ExitStack() as stack:
        board = stack.enter_context(socket.create_server(("127.0.0.1", 0)))  # takes connections and never answers
        environment = {
            "SPANTAIL_HIMALAYAS_URL": f"http://127.0.0.1:{board.getsockname()[1]}",
            "SPANTAIL_SOURCE_TIMEOUT_S": "300",
            "SPANTAIL_CLAUDE_COMMAND": "no-such-command",
        }
        options = ("--port", "0", "--workers", "2", "--runners", "0", "--redis-url", new_redis_url)
        service = stack.enter_context(spantail_process("serve", *options, cwd=tmp_path, **environment))
        service.await_ready(READY_S)
        supervisor = service.process.pid
        before = workers_of(supervisor)
        one, other = (stack.enter_context(client_of(service, number)) for number in (1, 2))
        lost, kept = (client.post("/api/jobs/search", json=SEARCH).json()["run_id"] for client in (one, other))
        await eventually_async(lambda: all(open_spans(other, run_id) for run_id in (lost, kept)), 30)
        with new_connections_go_to(2, supervisor):
            seen = await connect(f"{service.url.replace('http', 'ws', 1)}/ws/runs/{lost}/logs")
        count = figures(other)["http_server_request_duration_seconds_count"]

        os.kill(before[1], signal.SIGKILL)
        ingest(service, OTHER_RUN)  # whoever comes is served
        await eventually_async(lambda: sorted(workers_of(supervisor)) == [1, 2], 30, what="it is started again")
        frame = await next_frame(seen)
        while frame["status"] == "running":  # the reaper waits for a lease of silence
            frame = await next_frame(seen)
        assert frame["status"] == "abandoned"
        await seen.close()
        assert other.get(f"/api/runs/{kept}").json()["status"] == "running"
        await eventually_async(lambda: figures(other)["spantail_workers"] == 2, READY_S, what="it serves again")
        after = workers_of(supervisor)
        assert (after[2], after[1] != before[1]) == (before[2], True)
        assert f"worker 1 (process {before[1]}) ended by signal 9" in service.output
        assert figures(other)["http_server_request_duration_seconds_count"] > count, "no counter falls"

        # Nothing outlives the supervisor, however it ends.
        service.process.kill()
        await eventually_async(lambda: not any(map(psutil.pid_exists, after.values())), 30, what="the workers end")


def open_spans(client: httpx.Client, run_id: str) -> int:
    spans: int = client.get(f"/api/runs/{run_id}").json().get("open", 0)
    return spans


def ingest(service: Service, run_id: str) -> None:
    span = Span(trace_id=bytes.fromhex(run_id), span_id=b"s" * 8, name="a", start_time_unix_nano=1)
    span.end_time_unix_nano = 2
    body = traces({"service.name": "a"}, [span]).SerializeToString()
    for _ in range(5):
        with httpx.Client(base_url=service.url) as client:
            assert client.post("/v1/traces", content=body, headers=PROTOBUF).status_code == 200


async def test_there_is_one_demo_whoever_looks_and_wherever(tmp_path: Path) -> None:
    """Somebody looks at the second worker; the demo work, which is the first one's, begins."""
    options = ("--port", "0", "--workers", "2", "--data-dir", str(tmp_path))
    with spantail_process("demo", *options, SPANTAIL_CLAUDE_COMMAND="no-such-command") as service:
        service.await_ready(READY_S)
        workers = workers_of(service.process.pid)

        def working() -> list[int]:
            runners = httpx.get(f"{service.url}/api/runners").json()["runners"]
            return [runner["pid"] for runner in runners for _ in runner["running"]]

        assert working() == []
        with ExitStack() as stack:
            client = stack.enter_context(client_of(service, 2))
            stack.enter_context(client.stream("GET", "/api/runs/events"))
            found = await eventually_async(working, 60, what="the demo works")
        assert found == [workers[1]]
        assert service.stop() == 0
        assert "Traceback" not in service.output
