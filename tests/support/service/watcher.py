"""A viewer as the page is one: snapshot, then the tail over a WebSocket, again and again until the run has settled."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import httpx
import orjson
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

if TYPE_CHECKING:
    from collections.abc import Callable

_AGAIN_S = 0.05
_CHANGES = ("_start", "_update", "_complete", "_error", "_skip", "_cancelled", "_abandoned", "_revived")


class Watcher:
    """Follows one run through whatever happens; `where` answers with the address of a service that should be there."""

    def __init__(self, where: Callable[[], str], run_id: str) -> None:
        self.spans: dict[str, dict[str, Any]] = {}
        self.last: dict[str, Any] = {}
        """The newest frame."""
        self.epochs: list[str] = []
        """Every epoch that was seen, in order."""
        self.snapshots = 0
        self.connections = 0
        """Those on which a frame has come: the service takes one before it asks Redis, and may send it away again."""
        self._where = where
        self._run_id = run_id
        self._cursor = 0

    async def follow(self) -> None:
        """Return once the run has settled and everything was seen."""
        while True:
            try:
                await self._snapshot()
                while not await self._tail():  # noqa: ASYNC110 - a pause before the next connection
                    await asyncio.sleep(_AGAIN_S)
                if self.last.get("settled"):
                    return
            except (httpx.HTTPError, OSError, ConnectionClosed, InvalidStatus):
                await asyncio.sleep(_AGAIN_S)

    async def _snapshot(self) -> None:
        async with httpx.AsyncClient(base_url=f"http://{self._where()}", timeout=60) as client:
            answer = (await client.get(f"/api/traces/{self._run_id}")).raise_for_status().json()
        self.snapshots += 1
        self.spans = {span["span_id"]: span for span in answer["spans"]}
        self._cursor = answer["next_index"]
        if not self.epochs or self.epochs[-1] != answer["epoch"]:
            self.epochs.append(answer["epoch"])

    async def _tail(self) -> bool:
        """Follow one connection; True when the tail cannot be followed from here, or has ended."""
        place = f"since={self._cursor}&epoch={self.epochs[-1]}"
        try:
            address = f"ws://{self._where()}/ws/runs/{self._run_id}/logs?{place}"
            async with connect(address, max_size=None, open_timeout=5) as socket:
                text = await socket.recv()
                self.connections += 1
                while True:
                    frame = orjson.loads(text)
                    if frame["reset"]:
                        return True
                    self._take(frame)
                    if self.last["settled"]:
                        return True
                    text = await socket.recv()
        except (OSError, ConnectionClosed, InvalidStatus):
            return False

    def _take(self, frame: dict[str, Any]) -> None:
        assert [event["seq"] for event in frame["logs"]] == list(range(self._cursor, frame["next_index"]))
        self._cursor = frame["next_index"]
        expected = frame["expected_log_count"]
        self.last = {**frame, "settled": expected is not None and self._cursor >= expected}
        for event in frame["logs"]:
            del event["seq"]
            if event["event"].endswith(_CHANGES) and event["event"].startswith(event["kind"]):
                self._fold(event)

    def _fold(self, event: dict[str, Any]) -> None:
        held = self.spans.get(event["span_id"])
        if held is not None and held["status"] != "running" and held["rev"] >= event["rev"]:
            return  # the snapshot was newer than this part of the tail
        if event["event"].endswith("_update") and held is not None:
            merged = {**held.get("attributes", {}), **event.get("attributes", {})}
            self.spans[event["span_id"]] = {**held, **event, "attributes": merged}
        else:
            self.spans[event["span_id"]] = event
