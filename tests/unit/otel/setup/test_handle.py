"""The handle: a shutdown that is called while another is under way, and an end without threads."""

from __future__ import annotations

import _thread
import threading
import time
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

from spantail.setup.handle import Handle

if TYPE_CHECKING:
    from collections.abc import Callable

configure: Any = import_module("spantail.setup.configure")  # the package gives its name to the function


class Slow(SpanProcessor):
    """A processor that calls `stop` when it is shut down, and tells that it was flushed."""

    def __init__(self, stop: Callable[[], object]) -> None:
        self.entered = threading.Event()
        self.flushed = False
        self._stop = stop

    def shutdown(self) -> None:
        self.entered.set()
        self._stop()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        self.flushed = True
        return True


@pytest.fixture
def provider() -> TracerProvider:
    return TracerProvider(shutdown_on_exit=False)


def test_a_second_shutdown_waits_for_the_first(provider: TracerProvider) -> None:
    release = threading.Event()
    slow = Slow(lambda: release.wait(20))
    handle = Handle(provider, (slow,))
    results: list[bool] = []
    first = threading.Thread(target=lambda: results.append(handle.shutdown(20)), daemon=True)
    first.start()
    assert slow.entered.wait(5)
    assert not handle.shutdown(0.05), "it is not over in this time"
    second = threading.Thread(target=lambda: results.append(handle.shutdown(20)), daemon=True)
    second.start()
    release.set()
    first.join(10)
    second.join(10)
    assert results == [True, True]
    assert handle.shutdown(0)


def test_a_shutdown_within_a_shutdown_does_not_wait_for_itself(provider: TracerProvider) -> None:
    """As a signal handler makes it that interrupts the first."""
    inner: list[bool] = []
    handle = Handle(provider, on_shutdown=lambda one: inner.append(one.shutdown(30)))
    before = time.monotonic()
    assert handle.shutdown(30)
    assert inner == [False]
    assert time.monotonic() - before < 5


def test_without_another_thread_the_own_processors_are_flushed(
    provider: TracerProvider, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    slow = Slow(lambda: None)
    monkeypatch.setattr(configure._current, "handle", Handle(provider, (slow,)))
    monkeypatch.setattr(_thread, "start_new_thread", refuse)
    configure._flush_all(1.0)
    assert slow.flushed
    assert "could not be flushed" in caplog.text
