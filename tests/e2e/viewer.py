"""A viewer over HTTP, as a script with curl would be one: starts a run, polls it, keeps every event."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import httpx

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

SMALL_SEARCH: Final = {"job_titles": ["python developer"], "max_results": 1}
_TIMEOUT_S = 60.0
_INTERVAL_S = 0.05


class Viewer:
    """One run, watched from its first event on."""

    def __init__(self, client: httpx.AsyncClient, run_id: str) -> None:
        self.client = client
        self.run_id = run_id
        self.events: list[dict[str, Any]] = []
        self.frame: dict[str, Any] = {"next_index": 0}

    @classmethod
    async def start(cls, client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> Viewer:
        """Start an operation; the answer comes at once."""
        answer = await client.post(path, json=body)
        assert answer.status_code == 202, answer.text
        started = answer.json()
        assert set(started) == {"run_id", "status"}
        assert len(started["run_id"]) == 32
        return cls(client, started["run_id"])

    async def poll(self) -> list[dict[str, Any]]:
        """What is new, and that it goes on exactly where the last poll ended."""
        since = self.frame["next_index"]
        answer = await self.client.get(f"/api/logs/{self.run_id}", params={"since": since})
        assert answer.status_code == 200, answer.text
        self.frame = answer.json()
        new: list[dict[str, Any]] = self.frame["logs"]
        assert self.frame["reset"] is False
        assert [event["seq"] for event in new] == list(range(since, self.frame["next_index"]))
        self.events += new
        return new

    async def until(self, seen: Callable[[Viewer], object]) -> None:
        """Poll until `seen`."""
        deadline = time.monotonic() + _TIMEOUT_S
        while not seen(self):
            assert time.monotonic() < deadline, f"not seen in {[event['event'] for event in self.events]}"
            if not await self.poll():
                await asyncio.sleep(_INTERVAL_S)

    async def to_the_end(self) -> None:
        """Poll until the run is settled and all of it is here."""
        await self.until(
            lambda viewer: (
                viewer.status not in {"queued", "running"}
                and viewer.frame["next_index"] == viewer.frame["expected_log_count"]
            )
        )

    @property
    def status(self) -> str:
        """The run's, at the last poll."""
        return str(self.frame.get("status", "queued"))

    def of(self, span_id: str) -> list[dict[str, Any]]:
        """The events of one span, log lines left out."""
        return [event for event in self.events if event.get("span_id") == span_id and event["event"] != "log"]

    def named(self, event: str) -> list[dict[str, Any]]:
        """The events of one name."""
        return [each for each in self.events if each["event"] == event]

    async def snapshot(self) -> dict[str, Any]:
        """The run and its spans, as they are now."""
        answer = await self.client.get(f"/api/traces/{self.run_id}")
        assert answer.status_code == 200, answer.text
        snapshot: dict[str, Any] = answer.json()
        return snapshot

    async def spans(self) -> dict[str, dict[str, Any]]:
        """The spans by id."""
        return {span["span_id"]: span for span in (await self.snapshot())["spans"]}


@asynccontextmanager
async def client_of(url: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the service."""
    async with httpx.AsyncClient(base_url=url, timeout=30) as client:
        yield client


def children(spans: dict[str, dict[str, Any]], parent: dict[str, Any]) -> list[dict[str, Any]]:
    """The spans right under `parent`, in the order of their start."""
    found = [span for span in spans.values() if span["parent_id"] == parent["span_id"]]
    return sorted(found, key=lambda span: span["start"])


def the(spans: dict[str, dict[str, Any]], name: str) -> dict[str, Any]:
    """The one span of this name."""
    found = [span for span in spans.values() if span["name"] == name]
    assert len(found) == 1, f"{len(found)} spans named {name!r} in {sorted(span['name'] for span in spans.values())}"
    return found[0]
