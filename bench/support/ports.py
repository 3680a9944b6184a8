"""Ports for servers that have to be told theirs before they run."""

from __future__ import annotations

import itertools
import os
import random
import socket
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_PORTS: Final = range(12_000, 32_000)
"""Systems give none of these to outgoing connections, which would take one before its server does."""

_PROCESSES: Final = 16
"""So many workers of a test run have ports of their own."""


def free_port() -> int:
    """A loopback port that nobody listens on; no process of a test run gets it again soon.

    Raises:
        OSError: There is none.
    """
    for port in itertools.islice(_own, len(_PORTS)):
        with socket.socket() as tried:
            try:
                tried.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise OSError(f"no port of {_PORTS.start} to {_PORTS.stop - 1} is free")


def _ports_of_this_process() -> Iterator[int]:
    worker = os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw")
    own = list(_PORTS[int(worker) % _PROCESSES if worker.isdecimal() else _PROCESSES - 1 :: _PROCESSES])
    first = random.randrange(len(own))
    return itertools.cycle(own[first:] + own[:first])


_own: Final = _ports_of_this_process()
