"""An application that speaks only OTLP, in a process of its own: through the Collector into our tail, and to Jaeger.

It is started by OpenTelemetry's own command. With `SPANTAIL_STARTS=otlp` it is live: what it does is seen before any of
its spans has ended. Without that, each span is seen when it ends. Both ways it is one run, with its cost.
"""

from __future__ import annotations

import asyncio
import subprocess
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.e2e.viewer import Viewer, client_of
from tests.integration.activation.harness import BIN, clean_environment
from tests.interop.same_tree import check_shown
from tests.support.otlp.meaning import differences, meaning_of, read_export
from tests.support.waiting import eventually_async

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.interop.conftest import Stage

pytestmark = pytest.mark.xdist_group("jaeger")  # what its fixtures start is started once

_COST_NANO: Final = 1_000 * 150 + 200 * 600
"""Of its call: gpt-4o-mini costs 0.15 USD for a million tokens in, 0.60 USD for a million out."""
_STOP_S: Final = 30.0


class App:
    """The application, at the step that it waits at."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def line(self) -> str:
        """The next line that it prints."""
        assert self._process.stdout is not None
        return (await asyncio.wait_for(self._process.stdout.readline(), 60)).decode().strip()

    async def go_on(self) -> None:
        """Let it leave the step that it waits at."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        await self._process.stdin.drain()

    async def ended(self) -> int:
        """Its exit code, once it has ended by itself."""
        return await asyncio.wait_for(self._process.wait(), _STOP_S)


@asynccontextmanager
async def running_app(stage: Stage, **settings: str) -> AsyncIterator[App]:
    """Start it with the Collector's address; killed at the end if it is still there."""
    environment = clean_environment(
        {
            "OTEL_SERVICE_NAME": "shop",
            "OTEL_BSP_SCHEDULE_DELAY": "100",  # ms
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_EXPORTER_OTLP_ENDPOINT": stage.collector.http,
            **settings,
        }
    )
    process = await asyncio.create_subprocess_exec(
        BIN / "opentelemetry-instrument", BIN / "python", Path(__file__).with_name("plain_app.py"),
        env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        yield App(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def check_both(stage: Stage, viewer: Viewer, *, live: bool) -> None:
    """The run is over, with its cost; Jaeger has the same two spans, and nothing of starts."""
    await viewer.to_the_end()
    run = (await viewer.client.get(f"/api/runs/{viewer.run_id}")).json()
    assert (run["status"], run["name"], run["service"]) == ("completed", "answer a customer", "shop")
    assert run["cost_nano"] == _COST_NANO
    spans = await viewer.spans()
    root, call = sorted(spans.values(), key=lambda span: str(span["start"]))
    assert call["parent_id"] == root["span_id"]
    assert (call["kind"], call["model"], call["cost_source"]) == ("llm_call", "gpt-4o-mini-2024-07-18", "calculated")
    assert call["tokens"] == {"input": 1_000, "output": 200}
    names = [event["event"] for event in viewer.of(call["span_id"])]
    assert names == (["llm_call_start"] if live else []) + ["llm_call_complete"]

    jaeger = stage.jaeger
    await eventually_async(lambda: len(jaeger.spans(viewer.run_id)) >= len(spans), 30, what="both spans in Jaeger")
    stored = jaeger.spans(viewer.run_id)
    assert {span.span_id.hex() for span in stored} == spans.keys()
    assert len(stored) == len(spans)
    trace, shown = jaeger.trace(viewer.run_id), jaeger.shown(viewer.run_id)
    assert trace is not None
    assert shown is not None
    check_shown(shown, stored)
    # What was sent is in the export too. More is there: what follows from it, the cost for example.
    export = await viewer.client.get(f"/api/runs/{viewer.run_id}/export", params={"format": "otlp"})
    found = differences(meaning_of([trace]), meaning_of([read_export(export.content)]))
    assert not found, "\n".join(found)


async def test_its_starts_are_seen_while_it_works(stage: Stage) -> None:
    async with running_app(stage, SPANTAIL_STARTS="otlp") as app, client_of(stage.service.url) as client:
        viewer = Viewer(client, await app.line())
        assert await app.line() == "asking"
        await is_known(viewer)
        await viewer.until(lambda seen: seen.named("llm_call_start"))
        states = await viewer.spans()
        assert {state["status"] for state in states.values()} == {"running"}
        assert not stage.jaeger.spans(viewer.run_id), "Jaeger gets what has ended"

        await app.go_on()
        assert await app.line() == "answered"
        await viewer.until(lambda seen: seen.named("llm_call_complete"))
        frame = (await client.get(f"/api/logs/{viewer.run_id}")).json()
        assert frame["status"] == "running"
        assert [totals["cost_nano"] for totals in frame["backends"].values()] == [_COST_NANO]
        await app.go_on()
        assert await app.ended() == 0
        await check_both(stage, viewer, live=True)


async def test_without_anything_of_ours_its_ends_are_seen(stage: Stage) -> None:
    async with running_app(stage) as app, client_of(stage.service.url) as client:
        viewer = Viewer(client, await app.line())
        assert await app.line() == "asking"
        await app.go_on()
        assert await app.line() == "answered"
        await is_known(viewer)
        await viewer.until(lambda seen: seen.named("llm_call_complete"))
        assert viewer.status == "running", "its root has not ended"
        await app.go_on()
        assert await app.ended() == 0
        await check_both(stage, viewer, live=False)


async def is_known(viewer: Viewer) -> None:
    """Wait until the service has heard of the run."""

    async def found() -> bool:
        return (await viewer.client.get(f"/api/logs/{viewer.run_id}")).is_success

    await eventually_async(found, 30)  # type: ignore[arg-type]  # mypy finds no T in a coroutine
