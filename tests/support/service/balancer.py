"""HAProxy in front of services, with the configuration of `deploy/haproxy`."""

from __future__ import annotations

import contextlib
import os
import subprocess
from typing import TYPE_CHECKING, Final

import httpx

from bench.support.ports import free_port
from tests.support.tools import ROOT, haproxy
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CONFIGURATION: Final = ROOT / "deploy" / "haproxy" / "haproxy.cfg"
_START_S: Final = 30.0


@contextlib.contextmanager
def balancer(folder: Path, first: str, second: str) -> Iterator[str]:
    """The `host:port` of a balancer in front of two services (`host:port` each), until the block ends."""
    address = f"127.0.0.1:{free_port()}"
    environment = {**os.environ, "BALANCER": address, "SPANTAIL_1": first, "SPANTAIL_2": second}
    with (
        (folder / "haproxy.log").open("wb") as log,
        subprocess.Popen(
            [haproxy(), "-db", "-f", CONFIGURATION], env=environment, stdout=log, stderr=subprocess.STDOUT
        ) as process,
    ):
        try:
            eventually(lambda: _is_there(address), _START_S, what="a balancer with a service behind it")
            yield address
        finally:
            process.kill()


def _is_there(address: str) -> bool:
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(f"http://{address}/healthz", timeout=5).is_success
    return False
