"""Runs the world and breaks it: Redis, the service and the workload processes, killed and brought back by dice.

What it did, and when, stands in its journal, which the accounts are closed against.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

import redis

from bench.support.ports import free_port
from spantail_exporters.model.keys import RUNS_OPEN
from spantail_service.storage.binary import find_redis_server
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_SIZES_KEPT_S: Final = 3.0
_LOOK_S: Final = 0.1
REST_S: Final = 45.0
"""How long the reaper may take for what the kills left open: a lease, its 15 s, and a machine that is busy."""


@dataclass
class Deed:
    """One thing that was done to the world, at `time_us`; `pid` is the process that it was done to."""

    time_us: int
    what: str
    pid: int = 0


@dataclass
class Journal:
    """What was done, and the ledger of each workload process by its pid."""

    deeds: list[Deed] = field(default_factory=list)
    ledgers: dict[int, Path] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)

    def note(self, what: str, pid: int = 0) -> None:
        self.deeds.append(Deed(time.time_ns() // 1000, what, pid))

    def kills(self) -> dict[int, int]:
        """When each workload process was killed, of those that were."""
        return {deed.pid: deed.time_us for deed in self.deeds if deed.what == "workload killed"}

    def redis_losses(self) -> list[int]:
        """When Redis may have lost writes."""
        return [deed.time_us for deed in self.deeds if deed.what.startswith("redis killed")]


class RedisUnderTest:
    """A Redis with an append-only file (everysec) that can be killed, set back by up to a second, or emptied."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "redis"
        self._folder.mkdir()
        self._binary = str(find_redis_server().path)
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._process: subprocess.Popen[bytes] | None = None
        self._sizes: list[tuple[float, dict[Path, int]]] = []

    def start(self) -> None:
        self._process = subprocess.Popen(
            [self._binary, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._folder), "--save", "",
             "--appendonly", "yes", "--appendfsync", "everysec", "--auto-aof-rewrite-percentage", "0",
             "--logfile", str(self._folder / "redis.log")],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        eventually(self._answers, 30, what="Redis")

    def _answers(self) -> bool:
        with contextlib.suppress(redis.exceptions.RedisError), redis.Redis.from_url(self.url) as client:
            return bool(client.ping())
        return False

    def look(self) -> None:
        """Remember how long the append-only file is now."""
        now = time.monotonic()
        sizes = {path: path.stat().st_size for path in self._folder.rglob("*.incr.aof")}
        self._sizes = [one for one in self._sizes if one[0] > now - _SIZES_KEPT_S] + [(now, sizes)]

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)

    def set_back(self, seconds: float) -> None:
        """Cut the append-only file to what it was: what `everysec` may lose, as a power cut would show it."""
        target = time.monotonic() - seconds
        sizes = next((sizes for at, sizes in reversed(self._sizes) if at <= target), {})
        for path, size in sizes.items():
            os.truncate(path, min(size, path.stat().st_size))

    def empty(self) -> None:
        shutil.rmtree(self._folder / "appendonlydir", ignore_errors=True)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)


class Conductor:
    """Owns all processes. `folder` takes their files; `seed` throws the dice."""

    def __init__(self, folder: Path, seed: int, *, workers: int = 2, say: Callable[[str], None] = print) -> None:
        self._folder = folder
        self._dice = random.Random(seed)
        self._workers = workers
        self._say = say
        self.journal = Journal()
        self.redis = RedisUnderTest(folder)
        self._service: subprocess.Popen[bytes] | None = None
        self._service_port = free_port()
        self._workloads: list[subprocess.Popen[bytes]] = []
        self._started = 0
        self._begun = time.monotonic()
        self._empty_until = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in [*self._workloads, *([self._service] if self._service else [])]:
            if process.poll() is None:
                process.kill()
            process.wait(10)
        self.redis.stop()

    def conduct(self, seconds: float) -> None:
        """Work for so long under random blows, then let everything come to rest."""
        self.redis.start()
        self._start_service()
        for _ in range(self._workers):
            self._start_workload()
        ends_at = time.monotonic() + seconds
        next_blow = time.monotonic() + 2
        self._empty_until = time.monotonic() + seconds / 3
        while time.monotonic() < ends_at:
            self._wait(min(_LOOK_S, max(0.0, ends_at - time.monotonic())))
            if time.monotonic() >= next_blow:
                self._blow()
                next_blow = time.monotonic() + self._dice.uniform(0.5, 3.0)
        self._rest()

    # ------------------------------------------------------------------------------------------------ the blows

    def _blow(self) -> None:
        blows: list[tuple[float, Callable[[], None]]] = [
            (5, self._kill_workload), (2, self._end_workload), (2, self._kill_redis), (2, self._set_redis_back),
            # late in the day it would take the evidence of the whole day with it
            (time.monotonic() < self._empty_until, self._empty_redis),
            (1, self._freeze_redis), (2, self._kill_service),
        ]  # fmt: skip
        self._dice.choices([blow for _, blow in blows], [weight for weight, _ in blows])[0]()

    def _kill_workload(self) -> None:
        process = self._dice.choice(self._workloads)
        self._note("workload killed", process.pid)
        process.kill()
        process.wait(10)
        self._replace(process)

    def _end_workload(self) -> None:
        process = self._dice.choice(self._workloads)
        self._note("workload ended", process.pid)
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        self._replace(process)

    def _replace(self, process: subprocess.Popen[bytes]) -> None:
        self._workloads.remove(process)
        self._wait(self._dice.uniform(0, 1))
        self._start_workload()

    def _kill_redis(self) -> None:
        self._note("redis killed")
        self.redis.kill()
        self._bring_redis_back()

    def _set_redis_back(self) -> None:
        self._note("redis killed and set back")
        self.redis.kill()
        self.redis.set_back(self._dice.uniform(0.2, 1.0))
        self._bring_redis_back()

    def _empty_redis(self) -> None:
        self._note("redis killed and emptied")
        self.redis.kill()
        self.redis.empty()
        self._bring_redis_back()

    def _bring_redis_back(self) -> None:
        ends_at = time.monotonic() + self._dice.choice((0.0, 0.2, 1.0, 3.0))
        while time.monotonic() < ends_at:
            time.sleep(0.1)
            if self._dice.random() < 0.05:  # in the middle of it
                self._kill_workload()
        self.redis.start()
        self._note("redis back")

    def _freeze_redis(self) -> None:
        self._note("redis frozen")
        with self.redis.frozen():
            time.sleep(self._dice.uniform(0.5, 4.0))
            if self._dice.random() < 0.5:  # what waited for Redis to answer must not wait in memory alone
                self._kill_workload()
        self._note("redis goes on")

    def _kill_service(self) -> None:
        assert self._service is not None
        self._note("service killed", self._service.pid)
        self._service.kill()
        self._service.wait(10)
        self._wait(self._dice.uniform(0, 2))
        self._start_service()

    # ---------------------------------------------------------------------------------------------- the processes

    def _start_service(self) -> None:
        with (self._folder / "service.log").open("ab") as log:
            self._service = subprocess.Popen(
                [sys.executable, "-m", "spantail_service", "serve", "--port", str(self._service_port),
                 "--redis-url", self.redis.url, "--data-dir", str(self._folder / "data")],
                env=self._environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip

    def _start_workload(self, *, seconds: float | None = None) -> subprocess.Popen[bytes]:
        self._started += 1
        ledger = self._folder / f"ledger-{self._started:04d}"
        command = [sys.executable, "-m", "tests.soak.workload", "--ledger", str(ledger),
                   "--seed", f"{self._dice.random()}"]  # fmt: skip
        if seconds is not None:
            command += ["--seconds", str(seconds), "--threads", "1"]
        with (self._folder / f"workload-{self._started:04d}.log").open("wb") as log:
            process = subprocess.Popen(
                command, env=self._environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        self.journal.ledgers[process.pid] = ledger
        self._workloads.append(process)
        return process

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "SPANTAIL_REDIS_URL": self.redis.url,
            "SPANTAIL_SPOOL_DIR": str(self._folder / "spool"),
            "SPANTAIL_DATA_DIR": str(self._folder / "data"),
            "SPANTAIL_OTLP_GRPC_PORT": "off",
        }

    def _rest(self) -> None:
        self._say("coming to rest")
        for process in self._workloads:
            self._note("workload ended", process.pid)
            process.send_signal(signal.SIGTERM)
        for process in self._workloads:
            process.wait(60)
        # what the dead left on disk is delivered by the next one that starts
        self._start_workload(seconds=2.0).wait(60)
        with redis.Redis.from_url(self.redis.url) as client, contextlib.suppress(AssertionError):
            eventually(lambda: client.scard(RUNS_OPEN) == 0, REST_S, interval_s=0.2)

    def _wait(self, seconds: float) -> None:
        ends_at = time.monotonic() + seconds
        while True:
            self.redis.look()
            left = ends_at - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, _LOOK_S))

    def _note(self, what: str, pid: int = 0) -> None:
        self.journal.note(what, pid)
        self._say(f"{time.monotonic() - self._begun:7.1f} s  {what}{f' ({pid})' if pid else ''}")
