"""A program's folder with traces in it: made when it is first wanted, for Phoenix takes minutes to store a large one.

It is kept below the user's cache folder. Traces are of the day, for the pages look a few days back: on the next day
the folder is made anew.
"""

from __future__ import annotations

import contextlib
import http.client
import shutil
import sys
import time
from typing import TYPE_CHECKING, Final

import orjson

from bench.peers.environments import CACHE
from bench.peers.programs import running

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from bench.peers.large_trace import LargeTrace
    from bench.peers.trace_pages import TracePage

_DEADLINE_S: Final = 3_600.0
_TIMEOUT_S: Final = 300.0


@contextlib.contextmanager
def running_with(page: TracePage, traces: Sequence[LargeTrace], folder: Path) -> Iterator[int]:
    """Run a program that has stored the traces, in a folder of its own; yields its port.

    Raises:
        RuntimeError: it did not start, or did not store them.
        OSError, subprocess.CalledProcessError: it cannot be had.
    """
    if page.peer.package:
        shutil.copytree(_filled(page, traces), folder, dirs_exist_ok=True)
    with running(page.peer, folder) as (port, _):
        if not page.peer.package:
            store(page, traces, port)
        yield port


def _filled(page: TracePage, traces: Sequence[LargeTrace]) -> Path:
    sizes = "-".join(str(trace.spans) for trace in traces)
    parent = CACHE / "filled"
    folder = parent / f"{page.peer.package}-{traces[0].trace_id[:8]}-{sizes}"
    if not (folder / ".complete").exists():
        for old in parent.glob(f"{page.peer.package}-*"):
            shutil.rmtree(old)
        folder.mkdir(parents=True)
        print(f"storing {sizes} spans in {page.peer.name}: minutes, and only once a day", file=sys.stderr)
        with running(page.peer, folder) as (port, _):
            store(page, traces, port)
        (folder / ".complete").touch()
    return folder


def store(page: TracePage, traces: Sequence[LargeTrace], port: int) -> None:
    """Send the traces and wait until they are stored whole."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_S)
    headers = {"content-type": "application/x-protobuf", **page.peer.headers}
    with contextlib.closing(connection):
        for trace in traces:
            for body in trace.bodies:
                connection.request("POST", "/v1/traces", body, headers)
                response = connection.getresponse()
                said = response.read()
                if response.status != http.HTTPStatus.OK:
                    raise RuntimeError(f"/v1/traces answered {response.status}: {said[:200]!r}")
            _await_stored(connection, page, trace)


def _await_stored(connection: http.client.HTTPConnection, page: TracePage, trace: LargeTrace) -> None:
    path, body = page.stored(trace.trace_id)
    deadline = time.monotonic() + _DEADLINE_S
    while time.monotonic() < deadline:
        connection.request(
            "GET" if body is None else "POST", path, body, {"content-type": "application/json", **page.peer.headers}
        )
        response = connection.getresponse()
        said = response.read()
        with contextlib.suppress(ValueError, KeyError, TypeError):
            if response.status == http.HTTPStatus.OK and page.stored_count(orjson.loads(said)) == trace.spans:
                return
        time.sleep(0.2)
    raise RuntimeError(f"{trace.spans:,} spans were not stored within {_DEADLINE_S:.0f} s")
