"""Where these tests and their processes write to, and applications that keep their own books."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.chaos.ending_processes import World
from tests.support.otlp.endpoint import otlp_endpoint
from tests.support.runs.ledger import LedgerApplication

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.otlp.endpoint import Endpoint


@pytest.fixture
def world(new_redis_url: str, tmp_path: Path) -> World:
    (tmp_path / "ledger").touch()
    settings = {
        "SPANTAIL_REDIS_URL": new_redis_url,
        "SPANTAIL_SPOOL_DIR": str(tmp_path / "spool"),  # what one test left there would be delivered in the next
        "LEDGER": str(tmp_path / "ledger"),
    }
    return World(tmp_path, new_redis_url, settings)


@pytest.fixture
def collector(world: World) -> Iterator[Endpoint]:
    """An OTLP endpoint that the script's finished spans go to as well."""
    with otlp_endpoint() as endpoint:
        world.environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = endpoint.url
        yield endpoint


@pytest.fixture
def spool_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The test has a spool of its own."""
    monkeypatch.setenv("SPANTAIL_SPOOL_DIR", str(tmp_path / "spool"))
    return tmp_path / "spool"


@pytest.fixture
def application() -> Iterator[Callable[[str], LedgerApplication]]:
    """Starts an application on the Redis of this URL; each is ended with the test."""
    made: list[LedgerApplication] = []

    def make(url: str) -> LedgerApplication:
        made.append(LedgerApplication(url))
        return made[-1]

    yield make
    for one in made:
        one.provider.shutdown()
