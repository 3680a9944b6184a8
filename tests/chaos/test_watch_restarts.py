"""A watched run whose tail was trimmed, and everything under it restarts: its viewers end with the exact final state,
or with a new epoch and the loss counted.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from tests.support.redis.faults import FaultyRedis, faulty_redis
from tests.support.runs.ledger import LedgerApplication, run_of
from tests.support.runs.live_runs import StoredRun
from tests.support.service.served import Served, served_app
from tests.support.service.watcher import Watcher
from tests.support.waiting import eventually_async

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

pytestmark = [pytest.mark.xdist_group("chaos"), pytest.mark.slow]

FLUSH_S = 30.0
SOON_S = 60.0  # on a machine that is busy with other tests
SPANS = 11_000  # more than the tail holds
MORE = 300
VIEWERS = 3


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyRedis]:
    monkeypatch.setenv("SPANTAIL_SPOOL_DIR", str(tmp_path / "spool"))
    with faulty_redis(tmp_path / "redis") as one:
        one.change(lambda client: client.config_set("appendfsync", "always"))
        yield one


@pytest.fixture
def application(server: FaultyRedis) -> Iterator[LedgerApplication]:
    one = LedgerApplication(server.url)
    yield one
    one.provider.shutdown()


class Restarting:
    """A service that can be stopped and started; its address is another one each time."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._stack = AsyncExitStack()
        self.served: Served | None = None

    async def start(self) -> None:
        self.served = await self._stack.enter_async_context(served_app(self._url))

    async def stop(self) -> None:
        self.served = None
        await self._stack.aclose()

    def where(self) -> str:
        if self.served is None:
            raise ConnectionRefusedError
        return self.served.address


@asynccontextmanager
async def watched(
    server: FaultyRedis, application: LedgerApplication
) -> AsyncIterator[tuple[Restarting, list[Watcher], str]]:
    """Inside the block a run of `SPANS` spans goes on, with viewers; at its end they must have it all."""
    service = Restarting(server.url)
    await service.start()
    try:
        async with asyncio.timeout(300), asyncio.TaskGroup() as following:
            with application.span() as root:
                run_id = run_of(root)
                await asyncio.to_thread(application.work, root, SPANS)
                assert await asyncio.to_thread(application.sink.flush, FLUSH_S)
                assert StoredRun(server.url, run_id).first > 0
                watchers = [Watcher(service.where, run_id) for _ in range(VIEWERS)]
                for watcher in watchers:
                    following.create_task(watcher.follow())
                await eventually_async(lambda: all(watcher.connections for watcher in watchers), SOON_S)
                yield service, watchers, run_id
                await asyncio.to_thread(application.work, root, MORE)
            assert await asyncio.to_thread(application.sink.flush, FLUSH_S)
        run = StoredRun(server.url, run_id)
        assert int(run.meta["expected"]) == run.next_seq
        for watcher in watchers:
            assert watcher.spans == run.spans
            assert watcher.last["next_index"] == run.next_seq
            assert watcher.last["status"] == "completed"
            assert watcher.last["dropped"] == run.drops()
            assert watcher.epochs[-1] == run.meta["epoch"]
    finally:
        await service.stop()


async def test_the_service_restarts(server: FaultyRedis, application: LedgerApplication) -> None:
    async with watched(server, application) as (service, watchers, _):
        await service.stop()
        await service.start()
    for watcher in watchers:
        assert watcher.snapshots == 1
        assert watcher.connections == 2
        assert len(watcher.spans) == SPANS + MORE + 1


async def test_redis_restarts_with_its_file(
    server: FaultyRedis, application: LedgerApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spantail_service.tail.feed.GRACE_S", 60.0)  # however long it takes here
    async with watched(server, application) as (_, watchers, _):
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)
    for watcher in watchers:
        # Within the grace nobody is sent away, and nothing was lost.
        assert (watcher.snapshots, watcher.connections, len(watcher.epochs)) == (1, 1, 1)
        assert watcher.last["dropped"] == {}


async def test_redis_restarts_empty(
    server: FaultyRedis, application: LedgerApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spantail_exporters.delivery.recent._KEPT_S", -1.0)  # else all of it would come back
    async with watched(server, application) as (_, watchers, run_id):
        before = StoredRun(server.url, run_id).next_seq
        await asyncio.to_thread(server.kill)
        server.empty()
        await asyncio.to_thread(server.start)
        await eventually_async(lambda: all(len(watcher.epochs) == 2 for watcher in watchers), SOON_S)
    for watcher in watchers:
        assert watcher.last["dropped"]["redis_lost"] == before
        assert len(watcher.epochs) == 2


async def test_both_restart(server: FaultyRedis, application: LedgerApplication) -> None:
    async with watched(server, application) as (service, watchers, _):
        await service.stop()
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)
        await service.start()
    assert all(len(watcher.epochs) == 1 for watcher in watchers)


async def test_both_restart_and_redis_is_empty(
    server: FaultyRedis, application: LedgerApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spantail_exporters.delivery.recent._KEPT_S", -1.0)
    async with watched(server, application) as (service, watchers, run_id):
        before = StoredRun(server.url, run_id).next_seq
        await service.stop()
        await asyncio.to_thread(server.kill)
        server.empty()
        await asyncio.to_thread(server.start)
        await service.start()
        await eventually_async(lambda: all(len(watcher.epochs) == 2 for watcher in watchers), SOON_S)
    assert all(watcher.last["dropped"]["redis_lost"] == before for watcher in watchers)


async def test_a_long_absence_of_redis_sends_viewers_away_and_they_come_back(
    server: FaultyRedis, application: LedgerApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spantail_service.tail.feed.GRACE_S", 0.5)
    async with watched(server, application) as (service, watchers, _):
        await asyncio.to_thread(server.kill)
        assert service.served is not None
        hub = service.served.services.hub
        await eventually_async(lambda: hub.viewers == 0, SOON_S)
        await asyncio.to_thread(server.start)
    assert all(watcher.snapshots == 1 and watcher.connections == 2 for watcher in watchers)
