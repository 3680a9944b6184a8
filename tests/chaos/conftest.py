"""Where the processes of these tests write to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.chaos.ending_processes import World
from tests.integration.activation.harness import otlp_endpoint

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.integration.activation.harness import Endpoint


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
