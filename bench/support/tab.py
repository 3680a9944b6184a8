"""One page in the browser: when it is shown, what its main thread does, how it scrolls by the wheel, what it takes."""

from __future__ import annotations

import contextlib
import statistics
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, CDPSession, Page

WIDTH: Final = 1440
HEIGHT: Final = 900
WHEEL_PX_PER_S: Final = 1_800
"""A notch of 120 px fifteen times a second, as a browser smooths it."""
WHEEL_S: Final = 1.0
"""One way; then back."""
_PAUSE_MS: Final = 50
# In each frame from the beginning: whether it is shown; the time of the frame after that is told.
_WATCH: Final = """
(() => {
  const look = () => {
    if (IS_SHOWN) requestAnimationFrame(() => window.spantailShown(performance.now()));
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})();
"""
# From now on: the times between frames, and the tasks of the main thread that took 50 ms or more.
_LOOK_ON: Final = """
() => {
  const seen = (window.spantailBench = { gaps: [], tasks: [], last: 0, ended: false });
  seen.observer = new PerformanceObserver((list) => seen.tasks.push(...list.getEntries().map((each) => each.duration)));
  seen.observer.observe({ type: 'longtask' });
  const frame = (now) => {
    if (seen.last) seen.gaps.push(now - seen.last);
    seen.last = now;
    if (!seen.ended) requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}
"""
_SEEN: Final = """
() => {
  const seen = window.spantailBench;
  seen.ended = true;
  seen.observer.disconnect();
  return { gaps: seen.gaps, tasks: seen.tasks };
}
"""


class Frames(NamedTuple):
    """What was seen while a page was scrolled. Times are milliseconds."""

    rate: float
    """Frames a second of the main thread."""
    p50: float
    p95: float
    cpu: float
    """CPU of the main thread for each frame."""
    long_tasks: int
    """Tasks that took 50 ms or more."""
    longest: float
    """The longest of them; 0 where there was none."""


class Weight(NamedTuple):
    """What an open page takes."""

    heap_mb: float
    """Of JavaScript, after a collection."""
    elements: int


class Work(NamedTuple):
    """CPU of the main thread, in milliseconds."""

    script: float
    layout: float
    """Style and layout."""
    other: float
    """Parsing, painting, and what else there is."""


class Tab:
    """A page that was opened by `opened`."""

    def __init__(self, page: Page, devtools: CDPSession, shown_ms: list[float]) -> None:
        self.page = page
        self._devtools = devtools
        self._shown_ms = shown_ms

    def await_shown(self, limit_s: float) -> float | None:
        """Wait until it is shown; the seconds since the navigation, or None where it is not in time."""
        deadline = time.monotonic() + limit_s
        while not self._shown_ms and time.monotonic() < deadline:
            self.page.wait_for_timeout(_PAUSE_MS)  # it hears what the page tells only while it waits
        shown_ms = self._shown_ms[0] if self._shown_ms else None
        return shown_ms / 1e3 if shown_ms is not None and shown_ms <= limit_s * 1e3 else None

    def work(self) -> Work:
        """What the main thread has done since the navigation."""
        known = self._metrics()
        script, layout = known["ScriptDuration"], known["LayoutDuration"] + known["RecalcStyleDuration"]
        return Work(script * 1e3, layout * 1e3, (known["TaskDuration"] - script - layout) * 1e3)

    def weight(self) -> Weight:
        """What it takes now."""
        self._devtools.send("HeapProfiler.collectGarbage")
        heap_mb = self._metrics()["JSHeapUsedSize"] / 1e6
        return Weight(heap_mb, int(self.page.evaluate("document.querySelectorAll('*').length")))

    def wheel(self, selector: str) -> Frames:
        """Turn the wheel over an element, down and back, and look on."""
        box = self.page.locator(selector).first.bounding_box()
        if box is None:
            raise RuntimeError(f"{selector} is not in sight")
        gesture = {
            "x": box["x"] + min(box["width"], WIDTH - box["x"]) / 2,
            "y": box["y"] + min(box["height"], HEIGHT - box["y"]) / 2,
            "speed": WHEEL_PX_PER_S, "gestureSourceType": "mouse", "preventFling": True,
        }  # fmt: skip
        self.page.evaluate(_LOOK_ON)
        before = self._metrics()["TaskDuration"]
        for way in (-1, 1):
            distance = int(way * WHEEL_PX_PER_S * WHEEL_S)
            self._devtools.send("Input.synthesizeScrollGesture", {**gesture, "yDistance": distance})
        spent = self._metrics()["TaskDuration"] - before
        seen: dict[str, list[float]] = self.page.evaluate(_SEEN)
        gaps, tasks = seen["gaps"], seen["tasks"]
        if len(gaps) < 2:
            raise RuntimeError("no frame was drawn")
        return Frames(
            len(gaps) / sum(gaps) * 1e3, statistics.median(gaps), statistics.quantiles(gaps, n=20)[18],
            spent / len(gaps) * 1e3, len(tasks), max(tasks, default=0.0),
        )  # fmt: skip

    def _metrics(self) -> dict[str, float]:
        listed: list[dict[str, Any]] = self._devtools.send("Performance.getMetrics")["metrics"]
        return {each["name"]: each["value"] for each in listed}


@contextlib.contextmanager
def opened(browser: Browser, url: str, is_shown: str) -> Iterator[Tab]:
    """Go to an address with an empty cache; yields as soon as the answer begins.

    `is_shown` is JavaScript that the page asks itself in each frame. It tells by itself when that is true: to be asked,
    it would first have to end its longest task.
    """
    shown_ms: list[float] = []

    def told(at_ms: float) -> None:
        shown_ms.append(at_ms)

    with browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}) as context:
        page = context.new_page()
        devtools = context.new_cdp_session(page)
        devtools.send("Performance.enable", {"timeDomain": "threadTicks"})
        page.expose_function("spantailShown", told)
        page.add_init_script(_WATCH.replace("IS_SHOWN", is_shown))
        page.goto(url, wait_until="commit")
        yield Tab(page, devtools, shown_ms)
