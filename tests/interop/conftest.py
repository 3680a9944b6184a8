"""The stage: our service and its runners, a Collector behind them, a Jaeger behind that, and the way back to us."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bench.support.ports import free_port
from tests.e2e.conftest import SOURCES, browser, built_page
from tests.support import leaks
from tests.support.programs.collectors import CONFIGURATION, VARIANTS, RunningCollector, running_collector
from tests.support.programs.jaegers import Jaeger, running_jaeger
from tests.support.service.process import ServiceProcess, running_service
from tests.support.work.held_world import HeldWorld, held_world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

__all__ = ["browser", "built_page"]


@dataclass(frozen=True, slots=True)
class Stage:
    """What runs, from the one end to the other."""

    service: ServiceProcess
    collector: RunningCollector
    jaeger: Jaeger
    world: HeldWorld


@pytest.fixture(scope="session")
def jaeger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Jaeger]:
    """A Jaeger for all tests of a worker; each asks for traces of its own."""
    with running_jaeger(tmp_path_factory.mktemp("jaeger")) as jaeger:
        leaks.keep(jaeger.process.pid)
        yield jaeger


@pytest.fixture(scope="session")
async def stage(jaeger: Jaeger, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    """Service, Collector and Jaeger, started once. What the Collector gets from the service, it also brings back."""
    folder = tmp_path_factory.mktemp("stage")
    back = free_port()
    settings = {"JAEGER_ENDPOINT": jaeger.otlp_grpc, "SPANTAIL_ENDPOINT": f"127.0.0.1:{back}"}
    log = folder / "collector.log"
    with running_collector(CONFIGURATION, VARIANTS / "live.yaml", env=settings, log=log) as collector:
        async with held_world() as world:
            command = [sys.executable, "-m", "spantail_service", "serve", "--port", "0"]
            environment = {
                "PYTHONPATH": SOURCES,
                "PATH": without_claude(),
                "SPANTAIL_OTLP_GRPC_PORT": str(back),
                "SPANTAIL_JAEGER_LINK": jaeger.query,
                "SPANTAIL_GRAFANA_LINK": "http://127.0.0.1:3000",
                "OTEL_BSP_SCHEDULE_DELAY": "100",  # ms: the tests wait for what it sends
                "OTEL_EXPORTER_OTLP_ENDPOINT": collector.http,
            }
            data = ["--data-dir", str(folder / "data")]
            with running_service([*command, *data], folder, world.settings | environment) as service:
                yield Stage(service, collector, jaeger, world)


def without_claude() -> str:
    """PATH without a Claude CLI: what the backends do is the same on every machine."""
    folders = os.environ.get("PATH", "").split(os.pathsep)
    return os.pathsep.join(folder for folder in folders if folder and not Path(folder, "claude").exists())
