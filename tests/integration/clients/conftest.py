"""A service, and a Collector before it, for applications of other languages. Both are started once."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.support.programs.collectors import CONFIGURATION, VARIANTS, running_collector
from tests.support.service.grpc_address import grpc_address
from tests.support.service.process import ServiceProcess, running_service

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.programs.collectors import RunningCollector


class Receiver(NamedTuple):
    """A service; the address of its OTLP/gRPC, and the URL of its OTLP/HTTP."""

    service: ServiceProcess
    grpc: str

    @property
    def http(self) -> str:
        """As in OTEL_EXPORTER_OTLP_ENDPOINT."""
        return self.service.url


@pytest.fixture(scope="session")
def receiver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    """A service with a Redis of its own that takes OTLP over HTTP and gRPC."""
    folder = tmp_path_factory.mktemp("receiver")
    command = [sys.executable, "-m", "spantail_service", "serve", "--port", "0", "--data-dir", str(folder / "data")]
    with running_service(command, folder, {"SPANTAIL_OTLP_GRPC_PORT": "0"}) as service:
        yield Receiver(service, grpc_address(lambda: (folder / "output.log").read_text(encoding="utf-8")))


@pytest.fixture(scope="session")
def collector(receiver: Receiver) -> Iterator[RunningCollector]:
    """A Collector that brings what it receives to that service."""
    settings = {"SPANTAIL_ENDPOINT": receiver.grpc}
    with running_collector(CONFIGURATION, VARIANTS / "live.yaml", env=settings) as running:
        yield running
