"""How processes begin and end: no finished span is lost, nothing hangs, exit statuses stay what they were.

Each case is a real process that writes spans to a real Redis (and to an OTLP endpoint) and then ends in its way.
A ledger of its own says what it finished: a span's name is appended there after the span's end.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.activation.harness import (
    application,
    assert_each_once,
    clean_environment,
    otlp_endpoint,
    run_of,
    stored_runs,
)
from tests.support.tools import ROOT
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.integration.activation.harness import Endpoint
    from tests.support.live_runs import StoredRun

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and fork of POSIX")

# What every script begins with: `work(name)` makes a span and enters it in the ledger once it has ended.
PRELUDE = """
import atexit, os, signal, sys, threading, time
import spantail

def work(name, ledger=os.environ["LEDGER"]):
    with spantail.operation(name):
        pass
    with open(ledger, "a") as file:  # one write each: processes share the file
        file.write(f"{name}\\n")

def pause():
    # not one long sleep: Python sees a signal that comes just before it only when it is over
    while True:
        time.sleep(0.05)

handle = spantail.configure("life")
"""

# In front of the scripts whose matter is what arrives, not how soon: a busy machine may need more than the 2 s.
PATIENT = """
from spantail.process import exit as process_exit
process_exit.SIGTERM_TIMEOUT_S = 30.0
"""


@dataclass
class World:
    """Where a script writes to."""

    folder: Path
    redis_url: str
    environment: dict[str, str]

    def start(self, script: str, *, prelude: str = PRELUDE, **environment: str) -> subprocess.Popen[str]:
        """Run a script from a file (spawned children import it again)."""
        path = self.folder / "script.py"
        path.write_text(prelude + textwrap.dedent(script), encoding="utf-8")
        return subprocess.Popen(
            [sys.executable, "-W", "error", "-W", "ignore::ResourceWarning", str(path)],
            env=clean_environment(self.environment | environment), cwd=self.folder, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def run(self, script: str, *, status: int = 0, **environment: str) -> str:
        """Run a script to its end, which must be of this exit status; returns what it printed."""
        with self.start(script, **environment) as process:
            out, err = finish(process)
        assert process.returncode == status, err
        return out

    def finished(self) -> Counter[str]:
        """The spans that ended, by name."""
        return Counter((self.folder / "ledger").read_text(encoding="utf-8").splitlines())

    def stored(self) -> Counter[str]:
        """The spans that Redis holds in their final state, by name."""
        return Counter(
            span["name"] for run in self.runs() for span in run.spans.values() if span["status"] != "running"
        )

    def runs(self) -> list[StoredRun]:
        return stored_runs(self.redis_url)

    def assert_all_stored(self, expected: int | None = None) -> None:
        """Everything in the ledger is stored, each span once."""
        finished = self.finished()
        assert finished
        if expected is not None:
            assert finished.total() == expected
        stored = self.stored()
        assert {name: stored[name] for name in finished} == dict(finished)
        for run in self.runs():
            assert run.drops() == {}
            ends = Counter(event["span_id"] for event in run.events if event.get("end"))
            assert set(ends.values()) <= {1}


def finish(process: subprocess.Popen[str], timeout_s: float = 30) -> tuple[str, str]:
    """Wait for the end; a process that hangs is killed, and the test fails."""
    try:
        return process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        _, err = process.communicate()
        pytest.fail(f"it did not end within {timeout_s:g} s: {err[-2_000:]}", pytrace=False)


@pytest.fixture
def world(new_redis_url: str, tmp_path: Path) -> World:
    (tmp_path / "ledger").touch()
    settings = {
        "SPANTAIL_REDIS_URL": new_redis_url,
        "SPANTAIL_SPOOL_DIR": str(tmp_path / "spool"),  # what one test left there would be delivered in the next
        "LEDGER": str(tmp_path / "ledger"),
    }
    return World(tmp_path, new_redis_url, settings)


@pytest.fixture
def collector(world: World) -> Iterator[Endpoint]:
    """An OTLP endpoint that the script's finished spans go to as well."""
    with otlp_endpoint() as endpoint:
        world.environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = endpoint.url
        yield endpoint


# --------------------------------------------------------------------------------------------------- normal ends


@pytest.mark.parametrize(
    ("end", "status"),
    [
        ("", 0),
        ("sys.exit(3)", 3),
        ("raise SystemExit('words')", 1),
        ("raise ValueError('uncaught')", 1),
        ("os.kill(os.getpid(), signal.SIGINT); pause()", -signal.SIGINT),
        ("threading.Thread(target=lambda: [work('thread'), sys.exit(4)]).start()", 0),
        (
            "threading.Thread(target=lambda: [threading.main_thread().join(), work('late')]).start(); sys.exit(5)",
            5,
        ),
    ],
    ids=["end of file", "sys.exit", "words", "uncaught", "ctrl-c", "sys.exit in a thread", "a thread goes on"],
)
def test_every_normal_end_delivers_all(world: World, collector: Endpoint, end: str, status: int) -> None:
    world.run(f"for n in range(50):\n    work('work')\n{end}\n", status=status)
    world.assert_all_stored(51 if "thread" in end else 50)
    assert collector.names() == world.finished()


def test_daemon_threads_that_go_on_hold_nothing_up(world: World) -> None:
    before = time.monotonic()
    world.run(
        """
        def forever():
            with spantail.operation("background"):
                while True:
                    with spantail.phase("forever"):
                        time.sleep(0.002)
        for _ in range(3):
            threading.Thread(target=forever, daemon=True).start()
        for _ in range(50):
            work("work")
        """
    )
    assert time.monotonic() - before < 20
    world.assert_all_stored(50)


def test_daemon_threads_at_full_speed_neither(world: World) -> None:
    """More than can be delivered in time: the exit is bounded all the same."""
    before = time.monotonic()
    world.run(
        """
        made = [0, 0, 0]
        def forever(number):
            while True:
                with spantail.operation("forever"):
                    made[number] += 1
        for number in range(3):
            threading.Thread(target=forever, args=(number,), daemon=True).start()
        while min(made) < 1_000:
            time.sleep(0.01)
        """
    )
    assert time.monotonic() - before < 20


def test_spans_made_by_exit_hooks_arrive(world: World) -> None:
    """Hooks run in the reverse order of their registration: those set after `configure()` come before its own."""
    world.run("atexit.register(work, 'from a hook')")
    world.assert_all_stored(1)


def test_no_thread_is_left_after_shutdown(world: World, collector: Endpoint) -> None:
    out = world.run("work('work')\nassert handle.shutdown()\nprint([thread.name for thread in threading.enumerate()])")
    assert out.strip() == "['MainThread']"
    world.assert_all_stored(1)


@pytest.mark.parametrize("url", ["redis://127.0.0.1:{closed}/0", "redis://127.0.0.1:{silent}/0"])
@pytest.mark.parametrize("end", ["exit", "SIGTERM"])
def test_an_end_without_redis_is_bounded(world: World, url: str, end: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        ports = {"closed": closed.getsockname()[1], "silent": silent.getsockname()[1]}
        world.environment["SPANTAIL_REDIS_URL"] = url.format(**ports)
        world.environment["XDG_DATA_HOME"] = str(world.folder)
        script = "work('work')\nprint('ready', flush=True)\n" + ("" if end == "exit" else "pause()")
        with world.start(script) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            before = time.monotonic()
            if end == "SIGTERM":
                process.send_signal(signal.SIGTERM)
            finish(process)
    assert process.returncode == (0 if end == "exit" else -signal.SIGTERM)
    assert time.monotonic() - before < 12


# --------------------------------------------------------------------------------------------------------- SIGTERM

BUSY = """
print("ready", flush=True)
while True:
    work("work")
"""


def _terminated(world: World, script: str, **environment: str) -> tuple[int, int]:
    """Send SIGTERM to a busy process; returns its exit status and how many spans had ended before the signal."""
    with world.start(script, **environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        eventually(lambda: world.finished().total() >= 20)
        before = world.finished().total()
        process.send_signal(signal.SIGTERM)
        finish(process)
    return process.returncode, before


@pytest.mark.parametrize("attempt", range(3))
def test_sigterm_in_the_middle_of_work_loses_nothing(world: World, collector: Endpoint, attempt: int) -> None:
    """By default the signal would take what was handed over last, and all of the OTLP batch of the last 5 s."""
    status, _ = _terminated(world, PATIENT + BUSY)
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
    status, before = _terminated(world, PATIENT + textwrap.dedent(script))
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
    status, _ = _terminated(world, PATIENT + textwrap.dedent(script), PYTHONPATH=str(ROOT))
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
    status, before = _terminated(world, PATIENT + STARTING.replace("WHERE", where))
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
    assert world.finished()["in the handler"] == 1
    world.assert_all_stored()


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


# ------------------------------------------------------------------------------------------------ fork and children


@pytest.mark.parametrize("end", ["sys.exit(0)", "raise SystemExit(0)"])
def test_prefork(world: World, collector: Endpoint, end: str) -> None:
    """As gunicorn does it: the master loads the application, forks, and each child ends by sys.exit."""
    world.run(
        f"""
        work("master")
        children = []
        for n in range(4):
            pid = os.fork()
            if pid == 0:
                for _ in range(20):
                    work(f"child{{n}}")
                {end}
            children.append(pid)
        work("master")
        for pid in children:
            assert os.waitpid(pid, 0)[1] == 0
        """
    )
    world.assert_all_stored(82)
    assert collector.names() == world.finished()
    runners = {span["name"]: span["runner"] for run in world.runs() for span in run.spans.values()}
    assert len(set(runners.values())) == 5, "each process is a runner of its own"
    resources = {resource["spantail.runner"] for resource in collector.resources()}
    assert resources == set(runners.values())


def test_a_fork_while_other_threads_make_spans(world: World) -> None:
    world.run(
        """
        stop = threading.Event()
        def busy():
            while not stop.is_set():
                work("busy")
                time.sleep(0.005)
        threads = [threading.Thread(target=busy) for _ in range(3)]
        for thread in threads:
            thread.start()
        for _ in range(10):
            pid = os.fork()
            if pid == 0:
                work("child")
                spantail.configure().shutdown()
                os._exit(0)
            assert os.waitpid(pid, 0)[1] == 0
        stop.set()
        for thread in threads:
            thread.join()
        """
    )
    assert world.finished()["child"] == 10
    world.assert_all_stored()


CHILDREN = """
def task(n):
    work("task")
    return os.getpid()

def lingering(n):
    threading.Thread(target=lambda: [time.sleep(0.2), work("task")]).start()

def failing(n):
    work("task")
    sys.exit(9)
"""


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_multiprocessing(world: World, collector: Endpoint, method: str) -> None:
    out = world.run(
        CHILDREN
        + textwrap.dedent(f"""
            import multiprocessing
            if __name__ == "__main__":
                context = multiprocessing.get_context("{method}")
                status = []
                for target in (task, lingering, failing):
                    child = context.Process(target=target, args=(0,))
                    child.start()
                    child.join()
                    status.append(child.exitcode)
                print(status)
            """)
    )
    assert out.strip() == "[0, 0, 9]"
    world.assert_all_stored(3)
    assert collector.names() == {"task": 3}


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
def test_workers_that_are_replaced_after_each_task(world: World, collector: Endpoint, method: str) -> None:
    """Ten tasks in, ten spans out, in Redis and over OTLP, where a batch would wait for 5 s."""
    world.run(
        CHILDREN
        + textwrap.dedent(f"""
            import multiprocessing
            if __name__ == "__main__":
                with multiprocessing.get_context("{method}").Pool(2, maxtasksperchild=1) as pool:
                    assert len(set(pool.map(task, range(10), chunksize=1))) == 10
                    pool.close()
                    pool.join()
            """)
    )
    world.assert_all_stored(10)
    assert collector.names() == {"task": 10}


def test_celery_children_that_are_replaced_after_each_task(world: World, collector: Endpoint) -> None:
    """They leave by `os._exit` from within, and their parent hastens them with SIGTERM."""
    worker = world.start("""
        import warnings
        warnings.simplefilter("default")  # Celery warns of running as root
        from celery import Celery

        folder = os.path.join(os.path.dirname(os.environ["LEDGER"]), "broker")
        app = Celery("life", broker="filesystem://")
        app.conf.update(
            broker_transport_options={"data_folder_in": folder, "data_folder_out": folder, "store_processed": False},
            task_ignore_result=True, worker_enable_remote_control=False,
        )

        @app.task
        def task():
            work("task")

        if __name__ == "__main__":
            os.mkdir(folder)
            for _ in range(12):
                task.delay()
            app.worker_main(["worker", "--pool=prefork", "--concurrency=2", "--max-tasks-per-child=1",
                             "--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel=ERROR"])
        """, prelude=PRELUDE + PATIENT)  # fmt: skip
    with worker:
        try:
            eventually(lambda: world.finished().total() == 12, 60)
        finally:
            worker.terminate()
            _, err = finish(worker)
    assert worker.returncode == 0, err
    world.assert_all_stored(12)
    assert collector.names() == {"task": 12}


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_a_pool_that_is_terminated(world: World, collector: Endpoint, method: str) -> None:
    """`with Pool()` ends its workers by SIGTERM."""
    world.run(
        PATIENT
        + CHILDREN
        + textwrap.dedent(f"""
            import multiprocessing
            if __name__ == "__main__":
                with multiprocessing.get_context("{method}").Pool(2) as pool:
                    pool.map(task, range(10), chunksize=1)
            """)
    )
    world.assert_all_stored(10)
    assert collector.names() == {"task": 10}


def test_a_process_pool_executor(world: World, collector: Endpoint) -> None:
    world.run(
        CHILDREN
        + textwrap.dedent("""
            from concurrent.futures import ProcessPoolExecutor
            if __name__ == "__main__":
                with ProcessPoolExecutor(2) as pool:
                    list(pool.map(task, range(10)))
            """)
    )
    world.assert_all_stored(10)
    assert collector.names() == {"task": 10}


def test_a_child_that_unwinds_its_parent_s_operation_is_corrected(world: World) -> None:
    world.run(
        """
        with spantail.operation("outer"):
            pid = os.fork()
            if pid == 0:
                work("inner")
                sys.exit(0)
            os.waitpid(pid, 0)
            time.sleep(0.3)
            with spantail.operation("after"):
                pass
        """
    )
    (run,) = world.runs()
    outer = next(span for span in run.spans.values() if span["name"] == "outer")
    after = next(span for span in run.spans.values() if span["name"] == "after")
    inner = next(span for span in run.spans.values() if span["name"] == "inner")
    assert inner["parent_id"] == outer["span_id"]
    assert inner["runner"] != outer["runner"] == after["runner"]
    assert outer["end"] >= after["end"], "the parent's own end outranks the one by the child"
    assert run.meta["open"] == "0"


# ------------------------------------------------------------------------------------------------- context


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


# ------------------------------------------------------------------------- threads and locks at the end and at a fork

EXECUTOR = """
import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

executor = None

def task(n):
    global executor
    if executor is None:
        if os.environ["METHOD"] == "spawn":  # such a child runs exit hooks, unless it is configured late
            handle.shutdown()
            spantail.configure("life")
        executor = ThreadPoolExecutor(2)  # its workers stay, idle
    executor.submit(work, "task").result()

def give_up():
    for child in multiprocessing.active_children():
        child.kill()
"""


@pytest.mark.parametrize("method", ["fork", "forkserver", "spawn"])
@pytest.mark.parametrize(
    "use",
    [
        "child = context.Process(target=task, args=(0,)); child.start(); child.join(); assert child.exitcode == 0",
        "pool = context.Pool(2); pool.map(task, range(4)); pool.close(); pool.join()",
        "with ProcessPoolExecutor(2, mp_context=context) as pool: list(pool.map(task, range(4)))",
    ],
    ids=["Process", "Pool", "ProcessPoolExecutor"],
)
def test_a_child_whose_executor_is_idle_ends(world: World, collector: Endpoint, method: str, use: str) -> None:
    world.run(
        EXECUTOR
        + textwrap.dedent(f"""
            if __name__ == "__main__":
                watchdog = threading.Timer(15, give_up)
                watchdog.daemon = True
                watchdog.start()
                context = multiprocessing.get_context("{method}")
                {use}
                assert watchdog.is_alive(), "the children had to be killed"
            """),
        METHOD=method,
    )
    world.assert_all_stored(1 if "Process(" in use else 4)
    assert collector.names() == world.finished()


def test_a_fork_during_an_export(world: World) -> None:
    """A stock processor exports on a thread that the child does not have, and which holds the exporter's lock."""
    world.run(
        """
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from spantail.redaction import Redactor
        from spantail_exporters.livetail import RedisLivetailExporter

        parent, entered, leave = os.getpid(), threading.Event(), threading.Event()

        def slow(key, value):
            if os.getpid() == parent:
                entered.set()
                leave.wait(20)
            return value

        exporter = RedisLivetailExporter(redactor=Redactor(transform=slow))
        provider = TracerProvider()
        provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=10))
        tracer = provider.get_tracer("test")

        def one(name):
            tracer.start_span(name, attributes={"key": "value"}).end()

        one("parent")
        assert entered.wait(20)
        pid = os.fork()
        if pid == 0:
            signal.alarm(10)
            one("child")
            assert provider.force_flush()
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        leave.set()
        provider.shutdown()
        """
    )
    assert world.stored() == {"parent": 1, "child": 1}


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
