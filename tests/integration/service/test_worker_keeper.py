"""The keeper of workers: it says once what is wrong with all, and gives up where one ends again and again."""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import TYPE_CHECKING

import pytest

from spantail_service.settings import Settings
from spantail_service.web.listener import CannotServeError
from spantail_service.workers.keeper import MOST_EARLY_ENDS, Keeper

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WORKER = """#!{python}
import os, sys, time
number, channel = int(sys.argv[4]), int(sys.argv[6])
with open({record!r}, "a") as record:
    record.write(str(number))
{body}
"""
SERVES = 'os.write(channel, b\'{"kind":"ready"}\\n\')'
WAITS = "\n    while os.read(channel, 4096): pass"


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


class Stage:
    """Has a program of our own be the worker."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._program = folder / "worker"
        self._record = folder / "started"
        self._python = sys.executable
        monkeypatch.setattr(sys, "executable", str(self._program))

    def play(self, body: str) -> None:
        self._program.write_text(WORKER.format(python=self._python, record=str(self._record), body=body))
        self._program.chmod(0o755)

    @property
    def started(self) -> str:
        """The numbers of the workers that were started, in order."""
        return self._record.read_text()


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(tmp_path, monkeypatch)


def keeper_of(listener: socket.socket, workers: int) -> Keeper:
    settings = Settings(redis_url="redis://127.0.0.1:1", workers=workers, shutdown_s=5)
    return Keeper(settings, listener, grpc_port=None, workload=False, pause_s=0.01)


async def test_the_first_worker_comes_alone_so_that_what_is_wrong_is_said_once(
    stage: Stage, listener: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    stage.play("sys.exit(3 if os.getpgrp() == os.getpid() else 4)  # no Ctrl-C comes to it")
    keeper = keeper_of(listener, 3)
    try:
        with pytest.raises(CannotServeError, match="could not start"):
            await keeper.start(asyncio.Event())
    finally:
        await keeper.stop()
    assert stage.started == "1"
    assert "worker 1 (process" in caplog.text
    assert "ended with code 3" in caplog.text


async def test_one_that_ends_again_and_again_ends_the_service(stage: Stage, listener: socket.socket) -> None:
    stage.play(f"{SERVES}\nif number == 1:{WAITS}")
    keeper = keeper_of(listener, 2)
    try:
        with pytest.raises(CannotServeError, match=f"Worker 2 ended {MOST_EARLY_ENDS} times"):
            await _serve(keeper)
    finally:
        await keeper.stop()
    assert stage.started == "1" + "2" * MOST_EARLY_ENDS


async def _serve(keeper: Keeper) -> None:
    """Start, and keep what was started: a worker may end before the last one serves."""
    never = asyncio.Event()
    await keeper.start(never)
    await keeper.keep(never)


async def test_a_stop_while_they_start_ends_them(stage: Stage, listener: socket.socket) -> None:
    stage.play(f"if True:{WAITS}")
    keeper, stopping = keeper_of(listener, 2), asyncio.Event()
    starting = asyncio.create_task(keeper.start(stopping))
    try:
        await asyncio.sleep(0)
        stopping.set()
        async with asyncio.timeout(20):
            await starting
    finally:
        await keeper.stop()
    assert listener.fileno() == -1, "whoever comes now is refused at once"
