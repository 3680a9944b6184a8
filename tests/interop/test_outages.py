"""Collector or Jaeger gone under load, until queues are past full: what was promised arrives, the application goes on.

The live way into Redis promises every span. The way by OTLP promises those whose request was answered with success:
the Collector has them on disk, so that neither its own end nor a Jaeger that is away loses them. What the SDK's queue
has no room for is gone there, and stays here.
"""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from bench.support.ports import free_port
from tests.integration.activation.harness import assert_each_once, clean_environment, stored_runs
from tests.integration.service.harness import spantail_process
from tests.interop.collector_counts import accepted_spans, queued_spans
from tests.support.programs.collectors import CONFIGURATION, VARIANTS, RunningCollector, running_collector
from tests.support.programs.jaegers import Jaeger, running_jaeger
from tests.support.runs.live_runs import StoredRun
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.xdist_group("outages")

QUEUE: Final = 256
"""Spans that the SDK holds for its exporter."""
FITS: Final = QUEUE - 56
"""Spans that are in nobody's way, also where the Collector is slow."""
Phases = dict[str, dict[str, Any]]


class LoadedApp:
    """`loaded_app.py` as a process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.expect("ready")

    def expect(self, line: str) -> None:
        """Read the next line that it prints."""
        assert self._process.stdout is not None
        assert self._process.stdout.readline().strip() == line

    def begin(self, phase: str, count: int = 0) -> None:
        """Ask for a phase, and do not wait for its end."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{phase} {count}\n")
        self._process.stdin.flush()

    def do(self, phase: str, count: int = 0) -> None:
        """Ask for a phase, and wait until it is done."""
        self.begin(phase, count)
        self.expect(f"done {phase}")

    def end(self) -> Phases:
        """Let it end, and read what it tells of its phases. It has never raised."""
        out, _ = self._process.communicate(timeout=60)
        assert self._process.returncode == 0
        phases: Phases = json.loads(out)
        return phases


@contextmanager
def loaded_app(collector: RunningCollector, **live: str) -> Iterator[LoadedApp]:
    """Run it until the block ends; `live` says how it is seen live."""
    settings = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.http,
        "OTEL_EXPORTER_OTLP_TIMEOUT": "1",  # seconds that a batch is tried
        "OTEL_BSP_MAX_QUEUE_SIZE": str(QUEUE),
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "64",
        "OTEL_BSP_SCHEDULE_DELAY": "50",
        **live,
    }
    with subprocess.Popen(
        [sys.executable, Path(__file__).with_name("loaded_app.py")],
        env=clean_environment(settings), text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        try:
            yield LoadedApp(process)
        finally:
            if process.poll() is None:
                process.kill()


def check(phases: Phases, redis_url: str, jaeger: Jaeger) -> None:
    """Every span that was made is live; every span that the Collector took is in Jaeger."""
    for name, phase in phases.items():
        run = StoredRun(redis_url, phase["run_id"])
        assert run.spans.keys() == set(phase["made"]), name
        assert not run.drops(), name
        assert {span["status"] for span in run.spans.values()} == {"ok"}, name
        check_in_jaeger(jaeger, phase)


def check_in_jaeger(jaeger: Jaeger, phase: dict[str, Any]) -> None:
    """Wait until Jaeger has what the Collector took; more of this run than was made it never has."""

    def arrived() -> set[str]:
        return {span.span_id.hex() for span in jaeger.spans(phase["run_id"])}

    eventually(lambda: arrived() >= set(phase["taken"]), 30, what="what was taken is in Jaeger")
    assert arrived() <= set(phase["made"])


def check_what_was_noticed(phases: Phases, *, well: set[str]) -> None:
    """In phases without a failure everything was taken, in the others not; the application's thread paid nothing."""
    whole = {name for name, phase in phases.items() if phase["taken"] == phase["made"]}
    assert whole == well, "else no queue was past full"
    usual_us = min(phases[name]["cost_us"] for name in well)
    dearest_us = max(phase["cost_us"] for phase in phases.values())
    assert dearest_us < 3 * usual_us, "a span costs its thread what it costs without a failure, but for noise"


def test_a_collector_that_stops_or_is_killed(jaeger: Jaeger, new_redis_url: str, tmp_path: Path) -> None:
    settings = {"JAEGER_ENDPOINT": jaeger.otlp_grpc}
    storage = tmp_path / "queues"
    with (
        running_collector(env=settings, storage=storage) as first,
        loaded_app(first, SPANTAIL_REDIS_URL=new_redis_url) as app,
    ):
        app.do("well", FITS)
        app.do("flush")
        app.begin("stopped", 1_200)
        eventually(lambda: accepted_spans(first) > FITS + 100, 30, what="it is in full swing")
        first.process.terminate()
        app.expect("done stopped")
        first.process.wait(30)
        app.do("away", 2 * QUEUE)
        with running_collector(env=settings, storage=storage, ports=first.ports) as second:
            app.do("flush")
            app.do("back", FITS)
            app.do("flush")
            before = accepted_spans(second)
            app.begin("killed", 1_200)
            eventually(lambda: accepted_spans(second) > before + 100, 30, what="it is in full swing")
            second.kill()
            app.expect("done killed")
        with running_collector(env=settings, storage=storage, ports=first.ports):
            app.do("flush")
            app.do("again", FITS)
            app.do("flush")
            phases = app.end()
            check(phases, new_redis_url, jaeger)
    check_what_was_noticed(phases, well={"well", "back", "again"})
    assert phases["stopped"]["taken"], "under load when it was stopped"
    assert phases["killed"]["taken"], "and when it was killed"


def test_a_jaeger_that_is_away_longer_than_the_queue_of_the_collector(new_redis_url: str, tmp_path: Path) -> None:
    """And the Collector is killed while it holds what it has taken."""
    address = f"127.0.0.1:{free_port()}"
    settings = {"JAEGER_ENDPOINT": address, "COLLECTOR_QUEUE_BYTES": "60000"}
    storage = tmp_path / "queues"
    with (
        running_collector(env=settings, storage=storage) as first,
        loaded_app(first, SPANTAIL_REDIS_URL=new_redis_url) as app,
    ):
        app.do("away", 1_000)
        first.kill()
        with (
            running_collector(env=settings, storage=storage, ports=first.ports) as second,
            running_jaeger(tmp_path, otlp_grpc=address) as jaeger,
        ):
            eventually(lambda: queued_spans(second, "otlp_grpc/jaeger") == 0, 60, what="what it held is in Jaeger")
            app.do("flush")
            app.do("back", FITS)
            app.do("flush")
            phases = app.end()
            check(phases, new_redis_url, jaeger)
    check_what_was_noticed(phases, well={"back"})
    assert phases["away"]["taken"]


def test_a_service_that_is_away(new_redis_url: str) -> None:
    """The Collector keeps for it what an application without Redis sends: it is all there afterwards, once."""
    port = free_port()
    serve = ("serve", "--port", "0", "--redis-url", new_redis_url)
    files = (CONFIGURATION, VARIANTS / "no-jaeger.yaml", VARIANTS / "live.yaml")
    with (
        running_collector(*files, env={"SPANTAIL_ENDPOINT": f"127.0.0.1:{port}"}) as collector,
        loaded_app(collector, SPANTAIL_STARTS="otlp") as app,
    ):
        with spantail_process(*serve, SPANTAIL_OTLP_GRPC_PORT=str(port)) as service:
            service.await_ready()
            app.begin("stopped", FITS)
            eventually(lambda: stored_runs(new_redis_url), 30, what="it is in full swing")
            assert service.stop() == 0
            app.expect("done stopped")
        app.do("away", FITS)
        app.do("flush")
        with spantail_process(*serve, SPANTAIL_OTLP_GRPC_PORT=str(port)) as service:
            service.await_ready()
            app.do("back", FITS)
            phases = app.end()
            for name, phase in phases.items():
                assert phase["taken"] == phase["made"], name
                check_once_in_redis(new_redis_url, phase)
            assert service.stop() == 0


def check_once_in_redis(redis_url: str, phase: dict[str, Any]) -> None:
    """Wait until all of a phase is there and has ended; nothing of it is there twice."""

    def is_whole() -> bool:
        spans = StoredRun(redis_url, phase["run_id"]).spans
        return {span_id for span_id, span in spans.items() if span["status"] == "ok"} == set(phase["made"])

    eventually(is_whole, 60, what="all of it is there")
    run = StoredRun(redis_url, phase["run_id"])
    assert_each_once(run)
    assert not run.drops()
