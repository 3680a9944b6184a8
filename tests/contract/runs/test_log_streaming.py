"""Log lines of an executor, from its handler to the viewer: every step on the way, each as one test.

`TASKS` lists the steps by name, with the tests here that show them.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import uuid
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import pytest
import redis

import spantail
from spantail.adapters import RedisPubSubHandler, create_operation_run, finish_operation_run, operation_run
from spantail_exporters.model import keys
from tests.integration.service.harness import Writer, source_environment
from tests.support.runs.live_runs import StoredRun
from tests.support.service.served import frames_of, next_frame, served_app
from tests.support.tools import ROOT
from tests.support.waiting import eventually, eventually_async

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

TASKS: Final = {
    "logging handler": "test_the_handler_makes_records_into_lines_of_the_run",
    "channel run_logs:{run_id}": "test_the_channel_wakes_subscribers",
    "log lines of an executor process": "test_an_executor_process_is_followed_to_its_final_status",
    "final status line": "test_an_executor_process_is_followed_to_its_final_status",
    "WebSocket endpoint, UUID accepted": "test_the_websocket_takes_a_uuid",
    "messages are forwarded as they come": "test_lines_are_forwarded_as_they_come",
    "clean-up on disconnect": "test_nothing_is_left_when_the_viewer_goes",
    "errors of Redis are survived": "test_the_handler_survives_without_redis",
    "historical lines on connect": "test_who_comes_late_gets_the_lines_from_the_first",
    "final status and end of the stream": "test_the_stream_ends_with_the_run",
}


def test_every_task_has_its_test() -> None:
    assert {name for name in TASKS.values() if name not in globals()} == set()


@pytest.fixture
def handle(new_redis_url: str, request: pytest.FixtureRequest) -> Iterator[spantail.Handle]:
    """The application is this process; it leaves no global tracer provider behind."""
    from opentelemetry import trace

    before = trace._TRACER_PROVIDER
    made = spantail.configure(
        service_name="executor", redis_url=new_redis_url, exit_hooks=False, handle_sigterm=False, patch_signal=False,
        patch_logging=False,
    )  # fmt: skip
    yield made
    made.shutdown()
    trace._TRACER_PROVIDER = before
    trace._TRACER_PROVIDER_SET_ONCE._done = before is not None


@pytest.fixture
def log() -> Iterator[logging.Logger]:
    """A logger with the handler, as an executor has it."""
    logger = logging.getLogger(f"executor.{uuid.uuid4().hex}")
    handler = RedisPubSubHandler()
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield logger
    logger.removeHandler(handler)


def lines(events: list[dict[str, Any]]) -> list[str]:
    return [event["message"] for event in events if event["event"] == "log"]


def test_the_handler_makes_records_into_lines_of_the_run(
    new_redis_url: str, handle: spantail.Handle, log: logging.Logger
) -> None:
    run_id = create_operation_run("job-1", "execute")
    other_id = create_operation_run("job-2", "execute")
    log.info("of the run that it names", extra={"run_id": run_id})
    log.info("by its UUID", extra={"run_id": str(uuid.UUID(run_id))})
    log.debug("below the level", extra={"run_id": run_id})
    with operation_run(other_id):
        log.info("of the current span")
        log.info("named, within another one", extra={"run_id": run_id})
    log.info("of no run")
    finish_operation_run(run_id)
    assert handle.flush()
    stored = StoredRun(new_redis_url, run_id)
    assert lines(stored.events) == ["of the run that it names", "by its UUID", "named, within another one"]
    assert lines(StoredRun(new_redis_url, other_id).events) == ["of the current span"]
    (root,) = stored.spans
    assert {event["span_id"] for event in stored.events} == {root}


def test_the_channel_wakes_subscribers(new_redis_url: str, handle: spantail.Handle, log: logging.Logger) -> None:
    run_id = create_operation_run("job-1", "execute")
    assert handle.flush()
    with redis.Redis.from_url(new_redis_url) as client, client.pubsub(ignore_subscribe_messages=True) as channel:
        channel.subscribe(keys.channel(run_id))
        eventually(lambda: client.pubsub_numsub(keys.channel(run_id))[0][1] == 1)
        log.info("a line", extra={"run_id": run_id})
        message = eventually(lambda: channel.get_message(timeout=0.05), what="a message on the channel")
        assert message["channel"].decode() == keys.channel(run_id)
    finish_operation_run(run_id)


def test_the_handler_survives_without_redis(
    new_redis_url: str, log: logging.Logger, capfd: pytest.CaptureFixture[str]
) -> None:
    """Without a live pipeline a record goes nowhere, and one that cannot be formatted disturbs nobody."""
    log.propagate = False  # pytest's own handler raises where a record cannot be formatted
    log.info("nothing is set up", extra={"run_id": "f" * 32})
    log.info("%d", "no number", extra={"run_id": object()})
    assert "Traceback" not in capfd.readouterr().err


@asynccontextmanager
async def executor(url: str, run_id: str, outcome: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """The executor as a process; at the end of the block it has come to its own end."""
    program = [sys.executable, str(ROOT / "tests" / "support" / "work" / "executor.py"), run_id, outcome]
    environment = {**source_environment(), "SPANTAIL_REDIS_URL": url}
    process = await asyncio.create_subprocess_exec(
        *program, env=environment, stdin=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        yield process
        async with asyncio.timeout(60):
            await process.communicate()
        assert process.returncode == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.parametrize(
    ("outcome", "final"), [("completed", "Run COMPLETED"), ("failed", "Run FAILED: the disk is full")]
)
async def test_an_executor_process_is_followed_to_its_final_status(
    new_redis_url: str, outcome: str, final: str
) -> None:
    """The service made the run, another process only logs; and the last line is the final status."""
    run_id = uuid.uuid4().hex
    with Writer(new_redis_url) as writer:
        writer.span(run_id)
        async with served_app(new_redis_url) as service, executor(new_redis_url, run_id, outcome):
            async with service.watch(run_id) as socket:
                seen: list[dict[str, Any]] = []
                while final not in lines(seen):
                    seen += (await next_frame(socket))["logs"]
    assert lines(seen) == ["step one", "step 2 of 2", final]
    last = seen[-1]
    assert (last["logger"], last["level"]) == ("executor", "ERROR" if outcome == "failed" else "INFO")
    if outcome == "failed":
        assert (last["error"]["type"], "in work" in last["error"]["traceback"]) == ("ValueError", True)


async def test_the_websocket_takes_a_uuid(new_redis_url: str) -> None:
    run_id = uuid.uuid4()
    with Writer(new_redis_url) as writer:
        writer.lines(run_id.hex, 2)
    async with served_app(new_redis_url) as service, service.watch(str(run_id)) as socket:
        assert lines((await next_frame(socket))["logs"]) == ["line 0", "line 1"]


async def test_lines_are_forwarded_as_they_come(new_redis_url: str) -> None:
    run_id = uuid.uuid4().hex
    with Writer(new_redis_url) as writer:
        writer.span(run_id)
        async with served_app(new_redis_url) as service, executor(new_redis_url, run_id, "wait") as process:
            async with service.watch(run_id) as socket:
                seen: list[dict[str, Any]] = []
                while len(lines(seen)) < 2:
                    seen += (await next_frame(socket))["logs"]
                assert process.returncode is None, "it is still at work"
                assert process.stdin is not None
                process.stdin.write(b"go on\n")
                while "went on" not in lines(seen):
                    seen += (await next_frame(socket))["logs"]


async def test_who_comes_late_gets_the_lines_from_the_first(new_redis_url: str) -> None:
    run_id = uuid.uuid4().hex
    with Writer(new_redis_url) as writer:
        writer.lines(run_id, 1_200)
        async with served_app(new_redis_url) as service, service.watch(run_id) as socket:
            seen: list[dict[str, Any]] = []
            while len(seen) < 1_200:
                seen += (await next_frame(socket))["logs"]
            await asyncio.to_thread(writer.lines, run_id, 1, first=1_200)
            seen += (await next_frame(socket))["logs"]
    assert lines(seen) == [f"line {number}" for number in range(1_201)]


async def test_the_stream_ends_with_the_run(new_redis_url: str, handle: spantail.Handle, log: logging.Logger) -> None:
    run_id = create_operation_run("job-1", "execute")
    assert handle.flush()
    async with served_app(new_redis_url) as service, service.watch(run_id) as socket:
        with operation_run(run_id):
            log.info("Run COMPLETED")
        frames = await frames_of(socket)
        assert socket.close_code == 1000
    assert frames[-1]["status"] == "completed"
    assert frames[-1]["next_index"] == frames[-1]["expected_log_count"]
    assert lines([event for frame in frames for event in frame["logs"]]) == ["Run COMPLETED"]


async def test_nothing_is_left_when_the_viewer_goes(new_redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spantail_service.tail.hub._TIDY_S", 0.1)
    run_id = uuid.uuid4().hex
    with Writer(new_redis_url) as writer, redis.Redis.from_url(new_redis_url) as client:
        writer.span(run_id)

        def subscribers() -> int:
            return int(client.pubsub_numsub(keys.channel(run_id))[0][1])

        async with served_app(new_redis_url) as service:
            async with service.watch(run_id) as one, service.watch(run_id) as other:
                await next_frame(one)
                await next_frame(other)
                await eventually_async(lambda: subscribers() == 1, what="one subscription for both")
                one.transport.abort()  # gone without a word
            await eventually_async(lambda: subscribers() == 0, 30, what="no subscription")
            await eventually_async(lambda: service.services.hub.watched == 0, 30, what="no feed")
