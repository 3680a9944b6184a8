"""Work that goes on beside its caller, or outlives it, belongs to the right span."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import pytest

from tests.chaos.ending_processes import PATIENT
from tests.integration.activation.harness import application, assert_each_once, run_of

if TYPE_CHECKING:
    from tests.chaos.ending_processes import World

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and fork of POSIX")


def test_context_goes_with_the_work(world: World) -> None:
    """Asyncio tasks, to_thread, executors with a copied context, and work that outlives the scope."""
    world.run(
        """
        import asyncio, contextvars
        from concurrent.futures import ThreadPoolExecutor

        async def main():
            with spantail.operation("root"):
                async def task(n):
                    with spantail.phase(f"task{n}"):
                        await asyncio.sleep(0.01)
                        await asyncio.to_thread(work, f"thread{n}")
                async with asyncio.TaskGroup() as group:
                    for n in range(5):
                        group.create_task(task(n))
                loop = asyncio.get_running_loop()
                with ThreadPoolExecutor(2) as pool:
                    futures = []
                    for n in range(5):
                        with spantail.phase(f"submitted{n}"):
                            futures.append(pool.submit(contextvars.copy_context().run, work, f"executor{n}"))
                    for future in futures:
                        future.result()
                later = loop.create_task(outlives())
            await later

        async def outlives():
            await asyncio.sleep(0.05)
            work("outlives")

        asyncio.run(main())
        """
    )
    (run,) = world.runs()
    names = {span["span_id"]: span["name"] for span in run.spans.values()}
    parents = {span["name"]: names.get(span["parent_id"]) for span in run.spans.values()}
    expected: dict[str, Any] = {"root": None, "outlives": "root"}
    for n in range(5):
        expected |= {f"task{n}": "root", f"thread{n}": f"task{n}"}
        expected |= {f"submitted{n}": "root", f"executor{n}": f"submitted{n}"}
    assert parents == expected
    assert_each_once(run)


BACKGROUND_APP = """
import asyncio
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.responses import JSONResponse
from starlette.routing import Route
import spantail

spantail.configure("served")

def in_a_thread():
    with spantail.operation("sync task"):
        pass

async def on_the_loop():
    in_a_thread()
    with spantail.operation("async task"):
        await asyncio.sleep(0)

async def tasks():
    await on_the_loop()

async def work(request):
    with spantail.operation("request"):
        context = spantail.current_run_id()
        # Starlette runs it after the response, still in the context of the request
        return JSONResponse({}, background=BackgroundTask(in_a_thread))

async def outer(scope, receive, send):
    if scope["type"] != "http" or scope["path"] == "/healthz":
        await app_inside(scope, receive, send)
        return
    with spantail.operation("server"):
        await app_inside(scope, receive, send)

async def healthz(request):
    return JSONResponse({})

app_inside = Starlette(routes=[Route("/work", work), Route("/healthz", healthz)])
app = outer
"""


def test_background_tasks_belong_to_their_request(world: World) -> None:
    with application(world.folder, world.environment, source=PATIENT + BACKGROUND_APP, prefix=()) as app:
        app.get("/work")
        assert app.stop() == -signal.SIGTERM
    run = run_of(world.redis_url, "server")
    assert run is not None
    names = {span["span_id"]: span["name"] for span in run.spans.values()}
    assert {span["name"]: names.get(span["parent_id"]) for span in run.spans.values()} == {
        "server": None,
        "request": "server",
        "sync task": "server",
    }
    assert_each_once(run)
