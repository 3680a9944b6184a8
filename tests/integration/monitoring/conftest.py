"""Everything that the dashboards read: a service with a runner, an application, a Collector and a Prometheus, all real.

An application makes known runs, another one is killed in the middle of a run, and the service runs an item of its queue
on demo data, which somebody watches.
"""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import redis
from anyio.from_thread import start_blocking_portal

from tests.integration.service.harness import source_environment
from tests.support.programs.collectors import running_collector
from tests.support.programs.prometheuses import Prometheus, running_prometheus
from tests.support.redis.servers import NEW, running_redis
from tests.support.service.process import ServiceProcess, running_service
from tests.support.tools import ROOT
from tests.support.waiting import eventually
from tests.support.work.held_world import SEED, held_world
from tests.support.work.operation_inputs import an_input

if TYPE_CHECKING:
    from collections.abc import Iterator

SOON_S = 60.0
BUDGET_USD = 100.0


@dataclass(frozen=True)
class Stage:
    """What runs, and what the runs came to by the service's own word."""

    service: ServiceProcess
    prometheus: Prometheus
    runs: list[dict[str, Any]]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The stage, when all has happened and Prometheus knows of it."""
    with ExitStack() as stack:
        yield _set_up(stack, tmp_path_factory)


def _set_up(stack: ExitStack, folders: pytest.TempPathFactory) -> Stage:
    server = stack.enter_context(running_redis(NEW, folders.mktemp("redis")))
    collector = stack.enter_context(running_collector())
    portal = stack.enter_context(start_blocking_portal())
    world = stack.enter_context(portal.wrap_async_context_manager(held_world()))
    settings = {
        **world.settings,
        "SPANTAIL_REDIS_URL": server.url,
        "SPANTAIL_BUDGET_DAY_USD": str(BUDGET_USD),
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.http,
        # Longer than from one scrape to the next: the Collector shows the exemplars of the latest export alone.
        "OTEL_METRIC_EXPORT_INTERVAL": "3000",
        "XDG_CACHE_HOME": str(folders.mktemp("cache")),
    }
    with redis.Redis.from_url(server.url) as client:
        client.config_set("maxmemory", 2**30)
    _die_in_the_middle(settings)
    command = [sys.executable, "-m", "spantail_service", "serve", "--port", "0", "--runners", "1"]
    service = stack.enter_context(running_service(command, folders.mktemp("service"), source_environment() | settings))
    scrape = {
        "spantail": service.url.removeprefix("http://").strip("/"),
        "otel": f"127.0.0.1:{collector.prometheus_port}",
        "otel-collector": f"127.0.0.1:{collector.metrics_port}",
    }
    prometheus = stack.enter_context(
        running_prometheus(
            folders.mktemp("prometheus"),
            scrape=scrape,
            rules=[ROOT / "deploy" / "prometheus" / name for name in ("recording.yml", "alerts.yml")],
            features=["exemplar-storage"],
            interval="1s",
        )
    )
    eventually(lambda: prometheus.query('up{job="spantail"} == 1'), SOON_S, what="a scrape of the service")
    subprocess.run(_application("known"), cwd=ROOT, env=source_environment() | settings, check=True, timeout=SOON_S)
    _work_on_the_queue(service)
    return Stage(service, prometheus, _settled(service, prometheus))


def _application(kind: str) -> list[str]:
    return [sys.executable, "-m", "tests.integration.monitoring.application", kind]


def _die_in_the_middle(settings: dict[str, str]) -> None:
    with subprocess.Popen(
        _application("killed"), cwd=ROOT, env=source_environment() | settings,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "in the middle\n"
        process.kill()


def _work_on_the_queue(service: ServiceProcess) -> None:
    """Somebody watches the run from its enqueue on."""
    with httpx.Client(base_url=service.url, timeout=30) as client:
        body = {"operation": "job-search", "input": an_input("job-search", SEED)}
        answer = client.post("/api/queue", json=body)
        assert answer.is_success, answer.text
        run_id, since = answer.json()["run_id"], 0
        deadline = time.monotonic() + SOON_S
        while time.monotonic() < deadline:
            frame = client.get(f"/api/logs/{run_id}", params={"since": since, "wait": 5}).json()
            since = frame["next_index"]
            if frame["status"] not in {"queued", "running"} and since == frame["expected_log_count"]:
                return
    pytest.fail("the item of the queue did not end", pytrace=False)


def _settled(service: ServiceProcess, prometheus: Prometheus) -> list[dict[str, Any]]:
    """All runs, when each has ended and Prometheus has the end of the last one."""

    def ended() -> list[dict[str, Any]]:
        runs: list[dict[str, Any]] = service.json("/api/runs?limit=100")["runs"]
        assert not {run["status"] for run in runs} & {"queued", "running"}
        assert "abandoned" in {run["status"] for run in runs}
        return runs

    runs = eventually(ended, SOON_S, interval_s=0.25, what="the end of every run")
    query = "sum(max by (operation, status) (spantail_runs_ended_total{job='spantail'}))"
    eventually(lambda: prometheus.value(query) == len(runs), SOON_S, what=f"{len(runs)} runs in Prometheus")
    cost = sum(run["cost_nano"] for run in runs)
    calls = "sum(spantail_llm_cost_nano_total{job='otel'})"
    eventually(lambda: prometheus.value(calls) == cost, SOON_S, what=f"{cost} nano-dollars in Prometheus")
    return runs
