"""SIGKILL at every boundary of every script call of the queue: no item is lost, none is done twice over, none hangs."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

import pytest
import redis

from spantail_exporters.model import keys
from spantail_service.reaper import Reaper, Timing
from tests.chaos.processes import Helper
from tests.chaos.queue_parts import EFFECTS
from tests.support.runs.live_runs import StoredRun, fold
from tests.support.waiting import eventually, eventually_async

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

MOST: Final = 120
"""More boundaries than there are: a walk that gets there goes in circles."""


class Forker(Helper):
    """`queue_process.py`."""

    def child(self, line: str) -> str:
        """Fork one; how it ended."""
        assert self.process.stdin is not None
        said = len(self.lines)
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        eventually(lambda: len(self.lines) > said or self.process.poll() is not None, 90, what=line)
        answer = self.lines[-1]
        assert answer == "killed" or answer.startswith("done"), answer
        return answer


@contextmanager
def forker(url: str) -> Iterator[Forker]:
    helper = Forker("queue_process", url)
    try:
        helper.says("ready")
        yield helper
    finally:
        helper.close()


class World:
    """The queue, read plainly."""

    def __init__(self, url: str, client: redis.Redis) -> None:
        self.url = url
        self.redis: Any = client

    def let_leases_run_out(self) -> None:
        """As if the time of those who died were over; the heartbeats of the dead end too."""
        for item_id in self.redis.zrange("queue:lease", 0, -1):
            self.redis.zadd("queue:lease", {item_id: 1})
        for runner_id in self.redis.zrange(keys.RUNNERS_SEEN, 0, -1):
            self.redis.delete(keys.runner(runner_id.decode()))

    def item(self, name: str) -> dict[str, str]:
        fields = self.redis.hgetall(keys.queue_item(name))
        return {field.decode(): value.decode() for field, value in fields.items()}

    def assert_done_once(self, name: str, status: str) -> None:
        """The item has its one end; its effect was there at least once, and at most once for each attempt."""
        item = self.item(name)
        assert item["status"] == status, f"{name}: {item}"
        assert self.redis.lrange("queue:history", 0, -1).count(name.encode()) == 1
        effects = self.redis.lrange(EFFECTS, 0, -1).count(name.encode())
        if status == "succeeded":
            assert 1 <= effects <= int(item["attempts"]), f"{name}: {effects} effects, {item['attempts']} attempts"

    def assert_empty(self) -> None:
        for key in ("queue:pending:high", "queue:pending", "queue:pending:low"):
            assert self.redis.llen(key) == 0
        assert (self.redis.scard("queue:running"), self.redis.zcard("queue:lease")) == (0, 0)
        assert self.redis.zcard("queue:delayed") == 0

    def runs_of(self, name: str) -> list[str]:
        """Its runs, the last one last."""
        item = self.item(name)
        return [*item.get("runs", "").split(), item["run_id"]]

    def _unsettled(self, run_ids: list[str]) -> dict[str, Any]:
        """Runs that go on, with their state and their open spans."""
        found = {}
        for run_id in run_ids:
            if not self.redis.hexists(keys.run_keys(run_id).meta, "expected"):
                spans = StoredRun(self.url, run_id).spans.values()
                still = [(span["name"], span.get("runner")) for span in spans if span["status"] == "running"]
                found[run_id] = self.redis.get(keys.run_keys(run_id).state), still
        return found

    async def assert_accounts_closed(self, names: list[str], last: dict[str, str]) -> None:
        """Every run has settled, with all its spans over, and the last one of each item ended as the item did."""
        run_ids = [run_id for name in names for run_id in self.runs_of(name)]
        self.let_leases_run_out()
        async with Reaper(self.url, timing=Timing(lease_s=2, sweep_s=0.2)):
            with suppress(AssertionError):
                await eventually_async(lambda: not self._unsettled(run_ids), 60, interval_s=0.1)
        assert not self._unsettled(run_ids)
        for name in names:
            *before, run_id = self.runs_of(name)
            assert StoredRun(self.url, run_id).meta["status"] == last[name], name
            for earlier in before:
                assert StoredRun(self.url, earlier).meta["status"] in {"abandoned", "cancelled"}, name
        for run_id in run_ids:
            run = StoredRun(self.url, run_id)
            assert run.meta["open"] == "0"
            assert not [span for span in run.spans.values() if span["status"] == "running"]
            assert fold(run.events) == run.spans
            assert [span["kind"] for span in run.spans.values()].count("queue") == 1, "the wait is a part of the run"
            assert len({span["run_id"] for span in run.spans.values()}) == 1


@pytest.fixture
def world(new_redis_url: str) -> Iterator[World]:
    with redis.Redis.from_url(new_redis_url) as client:
        yield World(new_redis_url, client)


async def test_a_runner_killed_at_every_boundary(world: World) -> None:
    names: list[str] = []
    last: dict[str, str] = {}
    with forker(world.url) as process:
        for kill_at in range(1, MOST):
            good, bad = f"good-{kill_at}", f"bad-{kill_at}"
            world.redis.delete("queue:history")
            process.child(f"ask 0 {good}")
            _queue_failing(world, process, bad)
            ended = process.child(f"work {kill_at} {good} {good}-more {bad}")
            if ended == "killed":
                world.let_leases_run_out()
                process.child(f"work 0 {good} {good}-more {bad}")
            for name, status in ((good, "succeeded"), (f"{good}-more", "succeeded"), (bad, "failed")):
                world.assert_done_once(name, status)
                names.append(name)
                last[name] = "completed" if status == "succeeded" else "failed"
            world.assert_empty()
            if ended != "killed":
                break
        else:
            pytest.fail("the walk does not end")
    assert kill_at > 20, "claim, state, end and finish of three items have more boundaries"
    await world.assert_accounts_closed(names, last)


def _queue_failing(world: World, process: Forker, name: str) -> None:
    assert process.child(f"ask_failing 0 {name}").startswith("done")
    assert world.item(name)["operation"] == "fail"


async def test_a_service_killed_at_every_boundary(world: World) -> None:
    names: list[str] = []
    with forker(world.url) as process:
        for kill_at in range(1, MOST):
            name = f"asked-{kill_at}"
            world.redis.delete("queue:history")
            ended = process.child(f"ask {kill_at} {name}")
            if ended == "killed":
                process.child(f"ask 0 {name}")  # the caller got no answer, and asks again
            for asked in (name, f"{name}-more"):
                run_id = world.runs_of(asked)[-1]
                assert world.redis.exists(keys.run_keys(run_id).state), f"{asked} waits, and cannot be seen"
            process.child(f"work 0 {name} {name}-more")
            for asked in (name, f"{name}-more"):
                world.assert_done_once(asked, "succeeded")
                names.append(asked)
            world.assert_empty()
            if ended != "killed":
                break
        else:
            pytest.fail("the walk does not end")
    assert kill_at > 10
    await world.assert_accounts_closed(names, dict.fromkeys(names, "completed"))
