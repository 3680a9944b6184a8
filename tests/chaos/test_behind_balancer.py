"""Two services and four runners on a Redis Cluster of six nodes, behind one balancer: all real, and parts of it die."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest

from bench.support.ports import free_port
from spantail_exporters.model import keys
from tests.chaos import fleet_operations
from tests.chaos.fleet_operations import EFFECTS, GO
from tests.integration.service.harness import spantail_process
from tests.soak.queue_operations import install_into
from tests.support.redis.replicated_cluster import has_taken_over, replicated_cluster
from tests.support.runs.live_runs import StoredRun
from tests.support.service.balancer import balancer
from tests.support.service.watcher import Watcher
from tests.support.tools import ROOT
from tests.support.waiting import eventually_async

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.integration.service.harness import Service
    from tests.support.redis.replicated_cluster import ReplicatedCluster

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

SERVICES: Final = 2
RUNNERS: Final = 4
SOON_S: Final = 90.0


@dataclass(frozen=True)
class Fleet:
    """What runs, and where."""

    cluster: ReplicatedCluster
    addresses: list[str]
    services: list[Service]
    runners: list[Service]
    address: str
    effects: Path
    go: Path
    """Once this file is there, those that hold go on."""

    async def get(self, path: str, address: str = "") -> Any:
        """What a GET answers, by the balancer unless a service is named."""
        async with httpx.AsyncClient(base_url=f"http://{address or self.address}", timeout=20) as client:
            return (await client.get(path)).raise_for_status().json()

    async def queue(self, name: str, *, hold: bool = False) -> str:
        """Queue an item by the balancer until it is taken; answers its run's id."""

        async def is_taken() -> Any:
            body = {"operation": "fleet-step", "input": {"name": name, "hold": hold}, "id": name}
            with contextlib.suppress(httpx.TransportError):
                async with httpx.AsyncClient(base_url=f"http://{self.address}", timeout=20) as client:
                    answer = await client.post("/api/queue", json=body)
                if answer.status_code == httpx.codes.ACCEPTED:
                    return answer.json()["run_id"]
            return None

        run_id: str = await eventually_async(is_taken, SOON_S, what=f"{name} is taken")
        return run_id

    async def all_succeeded(self, count: int) -> dict[str, Any]:
        """Wait until so many items have succeeded; answers all items by their ids."""
        found: dict[str, Any] = {}

        async def have_they() -> Any:
            found.update({item["id"]: item for item in (await self.get("/api/queue"))["items"]})
            return Counter(item["status"] for item in found.values())["succeeded"] == count

        await eventually_async(have_they, SOON_S, interval_s=0.2, what=f"{count} items have succeeded")
        return found

    def stored(self, run_id: str) -> StoredRun:
        """A run as Redis has it."""
        return StoredRun(self.cluster.holder_of(self.cluster.slot_of(keys.run_keys(run_id).meta)).url, run_id)


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    install_into(tmp_path / "packages", f"{fleet_operations.__name__}:OPERATIONS")
    effects, go = tmp_path / "effects", tmp_path / "go"
    ports = [free_port() for _ in range(SERVICES)]
    with contextlib.ExitStack() as stack:
        cluster = stack.enter_context(replicated_cluster(tmp_path / "cluster"))
        settings = {
            "PYTHONPATH": os.pathsep.join([str(tmp_path / "packages"), str(ROOT), *_sources()]),
            "SPANTAIL_REDIS_URL": cluster.url,
            "SPANTAIL_QUEUE_LEASE_S": "2",
            "SPANTAIL_TRUSTED_PROXIES": "127.0.0.1",
            EFFECTS: str(effects),
            GO: str(go),
        }

        def start(*command: str) -> Service:
            name = "-".join(command)
            return stack.enter_context(
                spantail_process(*command, cwd=tmp_path, SPANTAIL_SPOOL_DIR=str(tmp_path / name), **settings)
            )

        services = [start("serve", "--runners", "0", "--port", str(port)) for port in ports]
        runners = [start("runner", "--concurrency", "2") for _ in range(RUNNERS)]
        for one in (*services, *runners):
            one.await_ready(SOON_S)
        addresses = [f"127.0.0.1:{port}" for port in ports]
        address = stack.enter_context(balancer(tmp_path, *addresses))
        yield Fleet(cluster, addresses, services, runners, address, effects, go)


def _sources() -> list[str]:
    return [str(ROOT / folder) for folder in ("otel", "exporters", "service")]


async def _viewers(fleet: Fleet, address: str) -> int:
    async with httpx.AsyncClient(base_url=f"http://{address}", timeout=20) as client:
        (count,) = re.findall(r"(?m)^spantail_viewers (\d+)", (await client.get("/metrics")).text)
    return int(count)


async def _busy_runner(fleet: Fleet) -> Service:
    """One that works on something, as soon as it has said so."""

    async def busy() -> Any:
        ids = [one["id"] for one in (await fleet.get("/api/runners"))["runners"] if one["running"]]
        return next((one for one in fleet.runners if any(f":{one.process.pid}:" in each for each in ids)), None)

    found: Service = await eventually_async(busy, SOON_S, what="a runner works")
    return found


async def test_a_service_a_runner_and_a_primary_die_and_nothing_is_lost(fleet: Fleet) -> None:
    async def all_there() -> Any:
        alive = [
            one for one in (await fleet.get("/api/runners"))["runners"] if one["alive"] and one["kind"] == "runner"
        ]
        return len(alive) == RUNNERS

    await eventually_async(all_there, SOON_S, what="four runners")
    short = [await fleet.queue(f"short-{number}") for number in range(12)]
    long = [await fleet.queue(f"long-{number}", hold=True) for number in range(RUNNERS)]
    watchers = [Watcher(lambda: fleet.address, run_id) for run_id in long for _ in range(2)]
    following = [asyncio.ensure_future(watcher.follow()) for watcher in watchers]

    async def both_have_viewers() -> Any:
        counts = [await _viewers(fleet, address) for address in fleet.addresses]
        return sum(counts) == len(watchers) and min(counts) > 0

    await eventually_async(both_have_viewers, SOON_S, what="viewers on both services")

    async def both_list_all() -> Any:
        known = [{run["run_id"] for run in (await fleet.get("/api/runs", one))["runs"]} for one in fleet.addresses]
        return known[0] == known[1] == {*short, *long}

    await eventually_async(both_list_all, SOON_S, what="both services list the same runs")
    by_victim = await _viewers(fleet, fleet.addresses[0])
    before = [watcher.connections for watcher in watchers]
    victim, dead = fleet.services[0], await _busy_runner(fleet)
    for one in (victim, dead):
        one.process.kill()
        one.process.wait(10)

    async def all_watch_again() -> Any:
        moved = [watcher for watcher, count in zip(watchers, before, strict=True) if watcher.connections > count]
        return len(moved) >= by_victim and await _viewers(fleet, fleet.addresses[1]) == len(watchers)

    await eventually_async(all_watch_again, SOON_S, what="who watched by the service that died watches by the other")
    fleet.go.touch()
    await asyncio.wait_for(asyncio.gather(*following), SOON_S)
    items = await fleet.all_succeeded(len(short) + len(long))
    _all_is_told_once(fleet, items, watchers, long)

    holder = fleet.cluster.holder_of(fleet.cluster.slot_of("{queue}:lease"))
    await eventually_async(fleet.cluster.is_whole, SOON_S, what="replicas have everything")
    holder.kill()
    await eventually_async(
        lambda: has_taken_over(fleet.cluster.replica_of(holder)), SOON_S, what="a replica takes over"
    )
    late = [await fleet.queue(f"late-{number}") for number in range(4)]
    await fleet.all_succeeded(len(items) + len(late))
    runs = {run["run_id"] for run in (await fleet.get("/api/runs?limit=100"))["runs"]}
    assert {*short, *long, *late} <= runs


def _all_is_told_once(fleet: Fleet, items: dict[str, Any], watchers: list[Watcher], long: list[str]) -> None:
    """Each item was done once; what the dead runner had begun is abandoned once, and was run again."""
    effects = Counter(fleet.effects.read_text(encoding="ascii").split())
    assert effects == Counter(items.keys()), "each was done, and none twice"
    again = {run_id: item for item in items.values() for run_id in item["earlier_runs"]}
    assert again, "the runner that died had begun something"
    assert set(again) <= set(long)
    for watcher, run_id in zip(watchers, (run_id for run_id in long for _ in range(2)), strict=True):
        stored = fleet.stored(run_id)
        assert {span["status"] for span in watcher.spans.values()} <= {"ok", "abandoned"}
        assert {key: span["status"] for key, span in watcher.spans.items()} == {
            key: span["status"] for key, span in stored.spans.items()
        }
        ended = Counter(event["span_id"] for event in stored.events if event["event"].endswith("_abandoned"))
        assert set(ended.values()) <= {1}, "one reaper"
        assert bool(ended) == (run_id in again)
        assert stored.meta["status"] == ("abandoned" if run_id in again else "completed")
