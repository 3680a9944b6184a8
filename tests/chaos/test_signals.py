"""SIGTERM and SIGPIPE: what is at hand is delivered, in bounded time, and the application's own handlers stay."""

from __future__ import annotations

import os
import signal
import socket
import textwrap
import time
from typing import TYPE_CHECKING

import pytest

from tests.chaos.ending_processes import PATIENT, PRELUDE, finish, terminated
from tests.integration.activation.harness import application
from tests.support.tools import ROOT

if TYPE_CHECKING:
    from tests.chaos.ending_processes import World
    from tests.support.otlp.endpoint import Endpoint

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and fork of POSIX")


BUSY = """
print("ready", flush=True)
while True:
    work("work")
"""


@pytest.mark.parametrize("attempt", range(3))
def test_sigterm_in_the_middle_of_work_loses_nothing(world: World, collector: Endpoint, attempt: int) -> None:
    """By default the signal would take what was handed over last, and all of the OTLP batch of the last 5 s."""
    status, _ = terminated(world, PATIENT + BUSY)
    assert status == -signal.SIGTERM
    finished, stored = world.finished()["work"], world.stored()["work"]
    assert stored - finished in (0, 1), "the last one may have ended, but not got into the ledger"
    # the signal may fall between the two processors that an end is told to
    assert stored - collector.names()["work"] in (0, 1)
    assert collector.names()["work"] >= finished


def test_sigterm_while_the_main_thread_waits(world: World, collector: Endpoint) -> None:
    script = """
        def busy():
            while True:
                work("work")
                time.sleep(0.005)
        thread = threading.Thread(target=busy, daemon=True)
        thread.start()
        print("ready", flush=True)
        thread.join()
    """
    status, before = terminated(world, PATIENT + textwrap.dedent(script))
    assert status == -signal.SIGTERM
    # the thread goes on while the rest is delivered: what it ends after the signal may come too late
    assert world.stored()["work"] >= before
    assert collector.names()["work"] >= before


@pytest.mark.alone
def test_sigterm_waits_for_no_lock_of_the_interrupted_thread(world: World) -> None:
    """A signal may come while the main thread holds a lock that the delivery wants."""
    script = """
        from contextlib import ExitStack
        from tests.support.locks import locks_of

        work("work")
        with ExitStack() as held:
            for lock in (*locks_of(handle), *locks_of(handle.sink)):
                held.enter_context(lock)
            print("ready", flush=True)
            for _ in range(20):
                open(os.environ["LEDGER"], "a").write("held\\n")
            pause()
    """
    before = time.monotonic()
    status, _ = terminated(world, PATIENT + textwrap.dedent(script), PYTHONPATH=str(ROOT))
    assert status == -signal.SIGTERM
    assert time.monotonic() - before < 25, "nor did it wait until the time was up"
    assert world.stored() == {"work": 1}


STARTING = """
def others():
    print("ready", flush=True)
    for _ in range(20):
        work("work")  # which starts no thread: the one by the main thread is under way
    pause()

start = threading.Thread.start

def interrupted(thread):
    if thread.name == "spantail-batcher":
        threading.Thread.start = start
        WHERE
    start(thread)

helper = threading.Thread(target=others, daemon=True)
threading.Thread.start = interrupted
with spantail.operation("first"):
    pause()
"""


@pytest.mark.parametrize(
    "where",
    [
        "helper.start(); pause()",
        "start(thread); helper.start(); pause()",
        "thread.run = pause; helper.start()",
    ],
    ids=["before there is a thread", "while it begins", "before it takes the claim"],
)
def test_sigterm_while_the_worker_is_started(world: World, where: str) -> None:
    """Nothing is stored yet, and the main thread, which would start the worker, is held where it is."""
    status, before = terminated(world, PATIENT + STARTING.replace("WHERE", where))
    assert status == -signal.SIGTERM
    assert world.stored()["work"] >= before


@pytest.mark.alone
def test_a_second_sigterm_ends_at_once(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        world.environment["SPANTAIL_REDIS_URL"] = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        script = """
            def watch():
                while signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
                    time.sleep(0.01)
                os.write(1, b"taken\\n")  # the signal may have come within `print`, which holds a lock
            work("work")
            threading.Thread(target=watch, daemon=True).start()
            print("ready", flush=True)
            pause()
        """
        with world.start(script) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            process.send_signal(signal.SIGTERM)
            assert process.stdout.readline() == "taken\n"  # two at once are one
            before = time.monotonic()
            process.send_signal(signal.SIGTERM)
            finish(process)
    assert process.returncode == -signal.SIGTERM
    assert time.monotonic() - before < 1.5


def test_a_handler_of_the_application_stays(world: World) -> None:
    before_configure = PRELUDE.replace(
        "handle =",
        "def mine(*_):\n    work('in the handler')\n    sys.exit(7)\nsignal.signal(signal.SIGTERM, mine)\nhandle =",
    )
    with world.start(BUSY.replace("while", "assert signal.getsignal(signal.SIGTERM) is mine\nwhile"),
                     prelude=before_configure) as process:  # fmt: skip
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        _, err = finish(process)
    assert process.returncode == 7, err
    finished, stored = world.finished(), world.stored()
    assert finished["in the handler"] == stored["in the handler"] == 1
    assert stored["work"] - finished["work"] in (0, 1), "the last one may have ended, but not got into the ledger"


def test_a_span_of_a_handler_waits_for_no_lock_of_the_first_span(world: World) -> None:
    """The SDK makes a tracer under a lock: a handler that interrupts this, and begins a span, would wait for ever."""
    script = """
        from opentelemetry import trace
        with trace.get_tracer_provider()._tracers_lock:
            work("in the handler")
    """
    world.run(script)
    world.assert_all_stored(1)


def test_a_handler_that_is_set_later_stays_too(world: World) -> None:
    script = """
        def mine(*_):
            sys.exit(7)
        before = signal.signal(signal.SIGTERM, mine)
        assert callable(before)
        assert signal.getsignal(signal.SIGTERM) is mine
        handle.shutdown()
        assert signal.getsignal(signal.SIGTERM) is mine
    """
    world.run(script)


@pytest.mark.parametrize("value", ["false", "0"])
def test_the_signal_can_be_left_alone(world: World, value: str) -> None:
    world.run("assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL", SPANTAIL_HANDLE_SIGTERM=value)


def test_shutdown_gives_the_signal_back(world: World) -> None:
    world.run(
        """
        original = signal.signal
        assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
        handle.shutdown()
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
        signal.signal(signal.SIGTERM, lambda *_: None)
        handle = spantail.configure()
        assert signal.signal is not original
        handle.shutdown()
        assert signal.signal is original
        """
    )


def test_an_ignored_signal_stays_ignored(world: World) -> None:
    prelude = PRELUDE.replace("handle =", "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nhandle =")
    with world.start("os.kill(os.getpid(), signal.SIGTERM)\nwork('work')", prelude=prelude) as process:
        _, err = finish(process)
    assert process.returncode == 0, err
    world.assert_all_stored(1)


UVICORN_APP = """
from fastapi import FastAPI
import spantail

spantail.configure("served")  # while uvicorn holds the signals
app = FastAPI()

@app.get("/healthz")
def healthz():
    return {}

@app.get("/work")
async def work():
    with spantail.operation("work"):
        return {}
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("workers", [1, 2])
def test_uvicorn_with_configure_in_the_application(
    world: World, collector: Endpoint, number: signal.Signals, workers: int
) -> None:
    """Uvicorn raises SIGTERM again when it is done, after it has restored the default action."""
    # by default its supervisor kills a worker (-9) that does not answer for 5 s, which a busy machine can make of any
    arguments = ("--workers", str(workers), "--timeout-worker-healthcheck", "60") if workers > 1 else ()
    with application(
        world.folder, world.environment, source=PATIENT + UVICORN_APP, prefix=(), arguments=arguments
    ) as app:
        for _ in range(30):
            app.get("/work")
        status = app.stop(number)
    # so it is without us: uvicorn's command swallows Ctrl-C, and the parent of workers every signal
    assert status == (-signal.SIGTERM if number is signal.SIGTERM and workers == 1 else 0), app.output()
    assert world.stored()["work"] == 30
    assert collector.names() == world.stored()


def test_a_cut_connection_where_sigpipe_has_its_default_action(world: World) -> None:
    """As command-line tools set it, for `| head`: the signal would end the application."""
    script = """
        import redis
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        work("before")
        assert handle.flush(20)
        with redis.Redis.from_url(os.environ["SPANTAIL_REDIS_URL"]) as other:
            other.client_kill_filter(_type="normal", skipme=True)
        work("after")
        assert handle.flush(20)
    """
    world.run(script)
    world.assert_all_stored(2)
