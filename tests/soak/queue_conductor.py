"""Runs the queue's world and breaks it: service and runners as users start them, Redis with its append-only file."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self

import httpx
import redis

from bench.support.ports import free_port
from spantail_exporters.model import keys
from tests.soak.queue_operations import EFFECTS, install_into, make_command
from tests.support.redis.faults import FaultyRedis
from tests.support.tools import ROOT
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LEASE_S: Final = 2.0
MAX_ATTEMPTS: Final = 8
DAY_USD: Final = 1.0
"""The budget of the day: enough for ten answers."""
REST_S: Final = 120.0
"""How long the queue and the reaper may take for what the blows left, on a machine that is busy."""

_START_S: Final = 120.0
_BACKLOG: Final = 12
_HEARD_S: Final = 3.0
_WAITING: Final = ("queue:pending:high", "queue:pending", "queue:pending:low")
_PRIORITIES: Final = ("high", "normal", "normal", "low")


@dataclass
class Books:
    """What the service took, and what it was told to cancel."""

    taken: dict[str, str] = field(default_factory=dict)
    """The operation of each item that was answered with 202."""
    asked: set[str] = field(default_factory=set)
    """Items that were sent; those that are not in `taken` were given up at the end."""
    cancelled: set[str] = field(default_factory=set)
    """Items whose cancellation was answered with 202."""
    most_nano: int = 0
    """The most that was spent and reserved of a day's budget, where somebody looked."""


class QueueConductor:
    """Owns all processes. `folder` takes their files; `seed` throws the dice."""

    def __init__(self, folder: Path, seed: int, *, runners: int = 4, say: Callable[[str], None] = print) -> None:
        self._folder = folder
        self._seed = seed
        self._dice = random.Random(seed)
        self._say = say
        self._count = runners
        self._begun = time.monotonic()
        self._port = free_port()
        self._service: subprocess.Popen[bytes] | None = None
        self._runners: list[subprocess.Popen[bytes]] = []
        self.books = Books()
        self.blows = 0
        self.effects = folder / "effects"
        # With `always` what Redis has answered is in its file: nothing that was said to be taken may be missing.
        self.redis = FaultyRedis(folder / "redis", "--appendfsync", "always")
        install_into(folder / "packages")
        make_command(folder / "claude")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in [*self._runners, *([self._service] if self._service else [])]:
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait(10)
        self.redis.stop()

    def conduct(self, seconds: float, items: int) -> None:
        """Queue so many items under random blows, for so many seconds at least, then let everything come to rest."""
        self.redis.start()
        self._start_service()
        for _ in range(self._count):
            self._runners.append(self._start_runner())
        self._until_alive()
        began = next_blow = time.monotonic()
        sent = 0
        while sent < items or time.monotonic() - began < seconds:
            # Only so many wait at a time: a machine that stalls does not work all of it off between two blows.
            if sent < items and self._waiting() < _BACKLOG and self._send(sent):
                sent += 1
            # Where a start takes long, blow upon blow would leave nobody to do the work.
            self._look_at_budgets()
            if time.monotonic() >= next_blow and self._working() >= self._count // 2:
                self._blow()
                next_blow = time.monotonic() + self._dice.uniform(0.2, 1.5)
            time.sleep(0.01)
        self._rest()

    # ------------------------------------------------------------------------------------------------- the queue

    def _send(self, number: int) -> bool:
        """Queue an item, by its own id: whoever gets no answer may ask again."""
        name = f"item-{number}"
        dice = random.Random(f"{name}/{self._seed}")
        operation = "soak-fail" if dice.random() < 0.1 else "soak-step"
        body = {
            "operation": operation,
            "input": {
                "name": name,
                "work_s": dice.choice((0.0, 0.1, 0.5, 2.0)),
                "asks": random.Random(f"{name}/{self._seed}/asks").random() < 0.5,
            },
            "id": name,
            "priority": dice.choice(_PRIORITIES),
            "delay_s": 1.0 if dice.random() < 0.1 else 0.0,
            "max_attempts": MAX_ATTEMPTS,
        }
        self.books.asked.add(name)
        if self._post("/api/queue", body) is None:
            return False
        self.books.taken[name] = operation
        if dice.random() < 0.05 and self._post(f"/api/queue/{name}/cancel") is not None:
            self.books.cancelled.add(name)
        return True

    def _post(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any] | None:
        """The answer where it is 202; None where there is none, or another."""
        try:
            answer = httpx.post(f"http://127.0.0.1:{self._port}{path}", json=body, timeout=5)
        except httpx.HTTPError:
            return None
        taken: dict[str, Any] | None = answer.json() if answer.status_code == httpx.codes.ACCEPTED else None
        return taken

    # ------------------------------------------------------------------------------------------------- the blows

    def _blow(self) -> None:
        self.blows += 1
        blows: list[tuple[int, Callable[[], None]]] = [
            (5, self._kill_runner), (3, self._stop_runner), (2, self._end_runner), (2, self._kill_service),
            (2, self._kill_redis), (1, self._freeze_redis),
        ]  # fmt: skip
        self._dice.choices([blow for _, blow in blows], [weight for weight, _ in blows])[0]()

    def _victim(self) -> subprocess.Popen[bytes]:
        """A runner, if possible one that works on an item."""
        with contextlib.suppress(redis.exceptions.RedisError), redis.Redis.from_url(self.redis.url) as client:
            items: Any = client.smembers("queue:running")
            holders = {str(client.hget(keys.queue_item(item.decode()), "runner")) for item in items}
            busy = [runner for runner in self._runners if any(f":{runner.pid}:" in holder for holder in holders)]
            if busy:
                return self._dice.choice(busy)
        return self._dice.choice(self._runners)

    def _working(self) -> int:
        """How many of the runners have been heard of in the last seconds."""
        since_us = (time.time() - _HEARD_S) * 1e6
        with contextlib.suppress(redis.exceptions.RedisError), redis.Redis.from_url(self.redis.url) as client:
            heard: Any = client.zrangebyscore(keys.RUNNERS, since_us, "+inf")
            pids = {one.decode().split(":")[-2] for one in heard}
            return sum(str(runner.pid) in pids for runner in self._runners)
        return 0

    def _waiting(self) -> int:
        with contextlib.suppress(redis.exceptions.RedisError), redis.Redis.from_url(self.redis.url) as client:
            return sum(int(client.llen(key)) for key in _WAITING)
        return _BACKLOG

    def _look_at_budgets(self) -> None:
        with contextlib.suppress(redis.exceptions.RedisError), redis.Redis.from_url(self.redis.url) as client:
            days: Any = client.zrange(keys.budget_index("day"), 0, -1)
            for day in days:
                used: Any = client.hmget(keys.budget_keys(day.decode()).budget, "spent", "reserved")
                self.books.most_nano = max(self.books.most_nano, sum(int(nano or 0) for nano in used))

    def _kill_runner(self) -> None:
        runner = self._victim()
        self._note("runner killed", runner.pid)
        runner.send_signal(signal.SIGCONT)
        runner.kill()
        runner.wait(10)
        self._runners[self._runners.index(runner)] = self._start_runner()

    def _stop_runner(self) -> None:
        """For longer than its lease: when it goes on, its items are another one's."""
        runner = self._victim()
        self._note("runner stopped", runner.pid)
        runner.send_signal(signal.SIGSTOP)
        time.sleep(self._dice.uniform(LEASE_S + 0.5, 2 * LEASE_S))
        runner.send_signal(signal.SIGCONT)
        self._note("runner goes on", runner.pid)

    def _end_runner(self) -> None:
        runner = self._dice.choice(self._runners)
        self._note("runner ended", runner.pid)
        runner.terminate()
        try:
            runner.wait(30)
        except subprocess.TimeoutExpired:
            runner.kill()
            runner.wait(10)
        self._runners[self._runners.index(runner)] = self._start_runner()

    def _kill_service(self) -> None:
        assert self._service is not None
        self._note("service killed", self._service.pid)
        self._service.kill()
        self._service.wait(10)
        time.sleep(self._dice.uniform(0, 0.5))
        self._start_service()

    def _kill_redis(self) -> None:
        self._note("redis killed")
        self.redis.kill()
        time.sleep(self._dice.choice((0.0, 0.3, 1.0)))
        self.redis.start()
        self._note("redis back")

    def _freeze_redis(self) -> None:
        self._note("redis frozen")
        with self.redis.hanging():
            time.sleep(self._dice.uniform(0.5, 2 * LEASE_S))
        self._note("redis goes on")

    # --------------------------------------------------------------------------------------------- the processes

    def _start_service(self) -> None:
        self._service = self._start("service", "serve", "--port", str(self._port), SPANTAIL_RUNNERS="0")

    def _start_runner(self) -> subprocess.Popen[bytes]:
        return self._start("runner", "runner")

    def _start(self, name: str, *command: str, **settings: str) -> subprocess.Popen[bytes]:
        sources = [
            str(self._folder / "packages"),
            str(ROOT),
            *(str(ROOT / n) for n in ("otel", "exporters", "service")),
        ]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sources),
            "SPANTAIL_REDIS_URL": self.redis.url,
            "SPANTAIL_SPOOL_DIR": str(self._folder / "spool"),
            "SPANTAIL_DATA_DIR": str(self._folder / "data"),
            "SPANTAIL_OTLP_GRPC_PORT": "off",
            "SPANTAIL_QUEUE_LEASE_S": str(LEASE_S),
            "SPANTAIL_RUNNER_CONCURRENCY": "2",
            "SPANTAIL_MAX_STARTS_PER_MINUTE": "0",
            "SPANTAIL_LLM_BACKENDS": "claude_cli",
            "SPANTAIL_CLAUDE_COMMAND": str(self._folder / "claude"),
            "SPANTAIL_CLAUDE_HOME": str(self._folder / "home"),
            "SPANTAIL_BUDGET_DAY_USD": str(DAY_USD),
            EFFECTS: str(self.effects),
            **settings,
        }
        with (self._folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "spantail_service", *command],
                cwd=self._folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip

    def _until_alive(self) -> None:
        def all_there() -> bool:
            with contextlib.suppress(httpx.HTTPError):
                found = httpx.get(f"http://127.0.0.1:{self._port}/api/runners", timeout=5).json()["runners"]
                return bool(sum(one["kind"] == "runner" and one["alive"] for one in found) >= self._count)
            return False

        eventually(all_there, _START_S, interval_s=0.2, what="service and runners")

    def _rest(self) -> None:
        self._say("coming to rest")
        with redis.Redis.from_url(self.redis.url) as client:

            def is_empty() -> bool:
                left = sum(client.llen(key) for key in _WAITING) + client.zcard("queue:delayed")
                return bool(left + client.scard("queue:running") == 0)

            with contextlib.suppress(AssertionError):  # the accounts tell of it
                eventually(is_empty, REST_S, interval_s=0.2)
                eventually(lambda: client.scard(keys.RUNS_OPEN) == 0, REST_S, interval_s=0.2)

    def _note(self, what: str, pid: int = 0) -> None:
        self._say(f"{time.monotonic() - self._begun:7.1f} s  {what}{f' ({pid})' if pid else ''}")
