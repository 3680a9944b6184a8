"""What Prometheus shows equals what the runs say: service and runner, OTLP, a Collector, a real Prometheus.

Money to the nano-dollar. Exemplars lead to runs, nothing secret or unbounded is a label, and promtool has no complaint.
"""

from __future__ import annotations

import asyncio
import re
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import anyio
import httpx
import pytest

from tests.e2e.conftest import SOURCES
from tests.e2e.viewer import SMALL_SEARCH, Viewer, client_of
from tests.interop.conftest import without_claude
from tests.support import leaks, tools
from tests.support.programs.collectors import CONFIGURATION, VARIANTS, RunningCollector, running_collector
from tests.support.programs.prometheuses import Prometheus, running_prometheus
from tests.support.service.process import ServiceProcess, running_service
from tests.support.waiting import eventually
from tests.support.work.held_world import SEED, held_world
from tests.support.work.operation_inputs import an_input

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.xdist_group("prometheus")  # what the fixture starts is started once

PROMPT: Final = "zebra crossing specialist"
UNPRICED: Final = "nobody-knows-its-price"
_OURS: Final = ("spantail_", "gen_ai_", "otel_sdk_", "http_server_")
_HEX: Final = re.compile(r"[0-9a-f]{16,}")


@dataclass(slots=True)
class Totals:
    """What the runs say of themselves, added up."""

    nano: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    unpriced: Counter[str] = field(default_factory=Counter)
    fallbacks: Counter[tuple[str, bool]] = field(default_factory=Counter)
    tokens: Counter[str] = field(default_factory=Counter)
    ended: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, run: dict[str, Any]) -> None:
        """Add a run, as the API shows it."""
        self.ended[run["operation"], run["status"]] += 1
        for backend, said in run["backends"].items():
            self.nano[backend] += said["cost_nano"]
            self.calls[backend] += said["calls"]
            self.errors[backend] += said["errors"]
            self.unpriced[backend] += said["unpriced"]
            self.tokens.update(said["tokens"])
            self.fallbacks[backend, False] += said.get("fallbacks", 0)
            self.fallbacks[backend, True] += said.get("expected_fallbacks", 0)


@dataclass(frozen=True, slots=True)
class Figures:
    """What runs, and what its runs came to."""

    service: ServiceProcess
    collector: RunningCollector
    prometheus: Prometheus
    runs: dict[str, dict[str, Any]]
    queued: int
    began_s: float

    @property
    def totals(self) -> Totals:
        """Over all runs."""
        totals = Totals()
        for run in self.runs.values():
            totals.add(run)
        return totals

    def by(self, labels: str, promql: str) -> dict[Any, float]:
        """The values of a query by one label or several; what is 0 is left out."""
        names = labels.split()
        return {
            found[names[0]] if len(names) == 1 else tuple(found.get(name, "") for name in names): value
            for found, value in self.prometheus.query(f"sum by ({', '.join(names)}) ({promql})")
            if value
        }


@pytest.fixture(scope="module")  # the event loop lives as long, and with it the threads that others leave in it
async def figures(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Figures]:
    """Runs of every kind, at once and from the queue, well and in error, and time for their figures to arrive."""
    folder = tmp_path_factory.mktemp("figures")
    with running_collector(CONFIGURATION, VARIANTS / "no-jaeger.yaml", log=folder / "collector.log") as collector:
        leaks.keep(collector.process.pid)
        async with held_world() as world:
            environment = {
                "PYTHONPATH": SOURCES,
                "PATH": without_claude(),
                "SPANTAIL_RUNNERS": "2",  # one of them a process of its own
                "SPANTAIL_FALLBACK_SMALL_MODEL": UNPRICED,
                "OTEL_EXPORTER_OTLP_ENDPOINT": collector.http,
                "OTEL_METRIC_EXPORT_INTERVAL": "500",
            }
            command = [
                sys.executable,
                "-m",
                "spantail_service",
                "serve",
                "--port",
                "0",
                "--data-dir",
                str(folder / "data"),
            ]
            (folder / "prometheus").mkdir()
            with running_service(command, folder, world.settings | environment) as service:
                scrape = {
                    "spantail": service.url.removeprefix("http://").rstrip("/"),
                    "otel": f"127.0.0.1:{collector.prometheus_port}",
                }
                features = ["exemplar-storage"]
                with running_prometheus(folder / "prometheus", scrape=scrape, features=features) as prometheus:
                    leaks.keep(prometheus.process.pid)
                    eventually(lambda: prometheus.query('up{job="spantail"} == 1'), 30, what="the first scrape")
                    began_s = time.time()
                    runs = await _work(service.url)
                    yield Figures(
                        service, collector, prometheus, runs, sum(run["queued"] for run in runs.values()), began_s
                    )


async def _work(url: str) -> dict[str, dict[str, Any]]:
    """Start operations, wait until they have ended, and answer what the list of runs says of each."""
    failing = {"job_titles": ["nurse", "[[demo-error 500 himalayas]] clerk"], "max_results": 1}
    asked_for_in_vain = {
        **an_input("cv-pipeline", SEED),
        "cv": "A developer of small services. [[demo-error 500 openai]] " * 2,
    }
    wanted: list[tuple[str, dict[str, Any]]] = [
        ("job-search", {**SMALL_SEARCH, "job_titles": [PROMPT]}),
        ("job-search", failing),
        ("job-ingest", an_input("job-ingest", SEED)),
        ("cv-pipeline", an_input("cv-pipeline", SEED)),
        ("cv-pipeline", asked_for_in_vain),
    ]
    async with client_of(url) as client:
        viewers: list[tuple[Viewer, bool]] = []
        for name, given in wanted:
            for query in ({}, {"queue": "true"}):
                answer = await client.post(f"/api/operations/{name}", params=query, json=given)
                assert answer.status_code == httpx.codes.ACCEPTED, answer.text
                viewers.append((Viewer(client, answer.json()["run_id"]), bool(query)))
        await asyncio.gather(*(viewer.to_the_end() for viewer, _ in viewers))
        listed = (await client.get("/api/runs", params={"limit": 100})).json()["runs"]
        queued = {viewer.run_id for viewer, is_queued in viewers if is_queued}
        return {run["run_id"]: {**run, "queued": run["run_id"] in queued} for run in listed}


OTEL: Final = 'job="otel"'


async def test_money_calls_and_tokens_equal_those_of_the_runs(figures: Figures) -> None:
    totals = figures.totals
    assert sum(totals.nano.values()) > 0
    for kind in (totals.unpriced, totals.errors, totals.fallbacks):
        assert sum(kind.values()) > 0
    assert {status for _, status in totals.ended} >= {"completed", "failed"}

    def equal() -> bool:
        cost = figures.by("spantail_backend", f"spantail_llm_cost_nano_total{{{OTEL}}}")
        assert cost == +totals.nano
        return True

    eventually(equal, 30)
    calls = figures.by("spantail_backend", f"gen_ai_client_operation_duration_seconds_count{{{OTEL}}}")
    assert calls == +totals.calls
    of_errors = f'gen_ai_client_operation_duration_seconds_count{{{OTEL}, error_type!=""}}'
    assert figures.by("spantail_backend", of_errors) == +totals.errors
    assert figures.by("gen_ai_token_type", f"gen_ai_client_token_usage_sum{{{OTEL}}}") == +totals.tokens
    assert figures.by("spantail_backend", f"spantail_llm_unpriced_total{{{OTEL}}}") == +totals.unpriced
    fallbacks = figures.by(
        "spantail_fallback_from spantail_fallback_expected", f"spantail_llm_fallbacks_total{{{OTEL}}}"
    )
    assert fallbacks == {(backend, str(expected).lower()): n for (backend, expected), n in (+totals.fallbacks).items()}


async def test_runs_and_the_queue(figures: Figures) -> None:
    wanted = Counter(status for _, status in figures.totals.ended.elements())
    ended = "spantail_run_duration_seconds_count"
    eventually(lambda: figures.by("spantail_run_status", f"{ended}{{{OTEL}}}") == wanted, 30, what="all runs")
    waits = figures.prometheus.value(f"sum(spantail_queue_wait_seconds_count{{{OTEL}}})")
    assert waits == figures.queued
    # What Redis says is said by the service alone, by both ways out.
    for job in ("spantail", "otel"):
        counter = f'spantail_runs_ended_total{{job="{job}"}}'

        def equal(counter: str = counter) -> bool:
            return figures.by("operation status", counter) == figures.totals.ended

        eventually(equal, 30, what=counter)
        assert figures.by("state", f'spantail_runner_slots{{job="{job}"}}')
        failed = sum(run["queued"] and run["status"] == "failed" for run in figures.runs.values())
        assert figures.by("state", f'spantail_queue_items{{job="{job}"}}') == {"failed": failed}
        assert figures.prometheus.value(f'spantail_redis_up{{job="{job}"}}') == 1


async def test_money_as_redis_has_it_is_the_same(figures: Figures) -> None:
    nano = sum(figures.totals.nano.values())

    def equal() -> bool:
        by_redis = figures.prometheus.value('sum(spantail_demo_llm_cost_usd_total{job="spantail"})')
        return round(by_redis * 1e9) == nano

    eventually(equal, 30, what="the sums by day")


async def test_exemplars_lead_to_runs(figures: Figures) -> None:
    for series in (
        f"gen_ai_client_operation_duration_seconds_bucket{{{OTEL}}}",
        f"spantail_run_duration_seconds_bucket{{{OTEL}}}",
        'spantail_run_duration_seconds_bucket{job="spantail"}',
        'spantail_llm_cost_nano_total{job="spantail"}',
    ):

        def found(series: str = series) -> list[dict[str, Any]]:
            return figures.prometheus.exemplars(series, figures.began_s - 60, time.time() + 60)

        exemplars = eventually(found, 30, what=f"exemplars of {series}")
        assert {exemplar["labels"]["trace_id"] for exemplar in exemplars} <= figures.runs.keys()
        assert all(len(exemplar["labels"]["span_id"]) == 16 for exemplar in exemplars)


async def test_no_id_no_prompt_and_no_secret_is_a_label(figures: Figures) -> None:
    series = figures.prometheus.api("series", **{"match[]": '{__name__=~"spantail_.*|gen_ai_.*|otel_sdk_.*"}'})
    assert len(series) > 100
    values = {
        (key, value)
        for labels in series
        for key, value in labels.items()
        # whose figures they are: a process of its own each
        if key not in {"instance", "exported_instance", "otel_component_name", "otel_scope_version"}
    }
    for key, value in values:
        assert PROMPT not in value, key
        assert not _HEX.search(value), (key, value)
        assert not any(run_id in value for run_id in figures.runs), (key, value)


async def test_promtool_has_no_complaint(figures: Figures) -> None:
    command = [tools.promtool(), "check", "metrics"]
    checked = await anyio.run_process(command, input=figures.service.get("/metrics"), check=False)
    complaints = (checked.stdout + checked.stderr).decode().splitlines()
    assert [line for line in complaints if line.startswith(_OURS)] == []
