"""Normal ends of a process: no finished span is lost, nothing hangs, exit statuses stay what they were."""

from __future__ import annotations

import os
import signal
import socket
import time
from typing import TYPE_CHECKING

import pytest

from tests.chaos.ending_processes import finish

if TYPE_CHECKING:
    from tests.chaos.ending_processes import World
    from tests.support.otlp.endpoint import Endpoint

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and fork of POSIX")


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
