"""How the workers of pytest-xdist share the tests.

Groups: tests that share something costly run in one worker (`@pytest.mark.xdist_group`). Under pytest 9.2 pytest-xdist
3.8 loses the groups without a word (its issue 1386); what it lacks is here.

Alone: tests wait more than they work, so there are more workers than cores. A test that holds an answer to a limit in
seconds would then fail through its neighbours. It is marked `alone`: while it runs, one other worker goes on and the
rest wait. These tests are a group, so that the others wait once.

The workers agree by three locked files:

| file | held by |
|---|---|
| `gate` | tests marked `alone`, from the moment they want to run until the last of them is over |
| `running` | every other test, shared, while it runs; then a test marked `alone`, for itself |
| `beside` | the one test that runs beside a test marked `alone` |
"""

from __future__ import annotations

import fcntl
import tempfile
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

_KEY = "spantail_alone"
_INTERVAL_S = 0.02


class Controller:
    """Gives the workers their files."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="spantail-tests-")

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a worker where they are."""
        node.workerinput[_KEY] = self._folder.name

    def pytest_unconfigure(self) -> None:
        """Remove them."""
        self._folder.cleanup()


class Worker:
    """Waits before a test for those that it must not run beside."""

    def __init__(self, folder: Path) -> None:
        self._gate, self._running, self._beside = ((folder / name).open("w") for name in ("gate", "running", "beside"))
        self._is_alone = False

    @pytest.hookimpl(wrapper=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> Generator[None]:
        """Make one group of the tests marked `alone`, and write every group where the scheduler looks for it."""
        for item in items:
            if _is_alone(item):
                item.add_marker(pytest.mark.xdist_group("alone"))
        yield
        for item in items:
            grouped = getattr(item, "_nodeid", item.nodeid)  # as pytest-xdist has left it
            if grouped != item.nodeid:
                item._id = type(item.id).parse(grouped)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(
        self, item: pytest.Item, nextitem: pytest.Item | None
    ) -> Generator[None, object, object]:
        """Hold the right files while the test runs."""
        if not _is_alone(item):
            held = self._enter()
            try:
                return (yield)
            finally:
                _unlock(held)
        if not self._is_alone:
            fcntl.flock(self._gate, fcntl.LOCK_EX)
            fcntl.flock(self._running, fcntl.LOCK_EX)
            self._is_alone = True
        try:
            return (yield)
        finally:
            if nextitem is None or not _is_alone(nextitem):
                self._is_alone = False
                _unlock(self._running)
                _unlock(self._gate)

    def _enter(self) -> IO[str]:
        """Wait until an ordinary test may run; answers the file that is held while it does."""
        while True:
            if _locked(self._gate, fcntl.LOCK_SH):
                fcntl.flock(self._running, fcntl.LOCK_SH)
                _unlock(self._gate)
                return self._running
            if _locked(self._beside, fcntl.LOCK_EX):
                return self._beside
            time.sleep(_INTERVAL_S)

    def pytest_unconfigure(self) -> None:
        """Close the files."""
        for file in (self._gate, self._running, self._beside):
            file.close()


def register(config: pytest.Config) -> None:
    """Take part, as the controller of a run with workers or as one of them."""
    if hasattr(config, "workerinput"):
        config.pluginmanager.register(Worker(Path(config.workerinput[_KEY])))
    elif config.getoption("numprocesses", None):
        config.pluginmanager.register(Controller())


def _is_alone(item: pytest.Item) -> bool:
    return item.get_closest_marker("alone") is not None


def _locked(file: IO[str], kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _unlock(file: IO[str]) -> None:
    fcntl.flock(file, fcntl.LOCK_UN)
