"""The page in a real browser: how long until a run of many spans is shown, and how it scrolls while events arrive.

A process of its own fills a run in a real Redis and then goes on at a steady rate; the page comes from a real service.
The clock of "shown" is the browser's: from the start of the navigation to the frame after the one in which the tree
counts all spans and has rows in sight. It is split into what comes before the run is asked for, its request, and the
rest; beside it stands what the main thread did. The wheel is turned down and back, with the pointer over the rows.

Frames a second depend on what else the machine does; the main thread's own CPU time for each frame does not.
"""

from __future__ import annotations

import contextlib
import statistics
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from bench.support.browser import chromium, spread
from bench.support.large_run import EVENTS_PER_S, large_run
from bench.support.servers import private_redis, running_service
from bench.support.tab import Frames, Tab, Work, opened
from spantail_service.routes.pages.page import STATIC

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from playwright.sync_api import Browser

    from bench.support.large_run import LargeRun

SHOWN_S: Final = {10_000: 0.5, 100_000: 2.0, 1_000_000: 5.0}
FRAME_BUDGET_MS: Final = 17.0
WHOLE_UP_TO: Final = 20_000  # spans: a larger run comes in parts
LIMIT_S: Final = 180.0
_ROWS: Final = "#trace-viewport"
_COUNT: Final = "Number(document.getElementById('trace-summary')?.textContent.split(' ')[0].replaceAll(',', ''))"
# What the page cannot do without: the run's snapshot, or the first part of it, fetched and parsed, in ms.
_BARE: Final = """
async (path) => {
  const begun = performance.now();
  await (await fetch(path)).json();
  return performance.now() - begun;
}
"""
_IS_READ: Final = "() => !document.getElementById('trace-summary').textContent.includes('read so far')"
# When the run was asked for and when its answer had come, and what the page itself has measured, in ms.
_TIMING: Final = """
(path) => {
  const asked = performance.getEntriesByType('resource').find((each) => new URL(each.name).pathname === path);
  const measures = performance.getEntriesByType('measure').map((each) => [each.name, each.duration]);
  return { begun: asked?.startTime ?? 0, ended: asked?.responseEnd ?? 0, measures: Object.fromEntries(measures) };
}
"""
# The middle of the rows: there are some above and below.
_MIDDLE: Final = """
(rows) => {
  const viewport = document.querySelector(rows);
  viewport.scrollTop = viewport.scrollHeight / 2;
}
"""


class Shown(NamedTuple):
    """How one opening went. Times are seconds."""

    shown: float
    bare: float
    before: float
    """Until the run was asked for: document, styles, scripts."""
    request: float
    after: float
    work: Work
    measures: dict[str, float]
    """What the page has measured itself, by User Timing, in ms."""


def run(rounds: int = 3, largest: int = 1_000_000) -> dict[str, float]:
    """Measure and print, up to runs of `largest` spans; returns the medians."""
    if not (STATIC / "index.html").is_file():
        print("\nThe page: left out, it wants the built page (`make install`)")
        return {}
    figures: dict[str, float] = {}
    try:
        with private_redis() as redis_url, running_service(redis_url) as address, chromium() as browser:
            print(f"\nThe page in Chromium {browser.version}, one service, median of {rounds} (range)")
            for spans in (size for size in SHOWN_S if size <= largest):
                with large_run(redis_url, spans) as large:
                    figures |= _measure(browser, f"http://{address}/runs/{large.run_id}", spans, large, rounds)
    except FileNotFoundError as error:
        print(f"\nThe page: left out, {error}")
    return figures


def _measure(browser: Browser, url: str, spans: int, large: LargeRun, rounds: int) -> dict[str, float]:
    with _opened(browser, url, spans) as (tab, unread):
        tab.page.wait_for_function(_IS_READ, timeout=LIMIT_S * 1_000)
    shown: list[Shown] = []
    frames: dict[str, list[Frames]] = {"at rest": [], "live": [], "live, with details": []}
    for _ in range(rounds):
        with _opened(browser, url, spans) as (tab, shown_s):
            shown.append(_split(tab, url, spans, shown_s))
            frames["at rest"].append(_wheel(tab))
    with _opened(browser, url, spans) as (tab, _):
        large.go_on()
        tab.page.wait_for_function(f"() => {_COUNT} >= {spans + EVENTS_PER_S // 2}", timeout=LIMIT_S * 1_000)
        for name in ("live", "live, with details"):
            if name == "live, with details":
                tab.page.locator(".trace-row[data-kind]").nth(5).click()
            frames[name] += [_wheel(tab) for _ in range(rounds)]
        taken = tab.weight()
    _print(spans, unread, shown, frames)
    print(f"{'':12}after that: heap {taken.heap_mb:.0f} MB, {taken.elements:,} elements")
    figures = {f"{spans}.first": unread, f"{spans}.heap": taken.heap_mb, f"{spans}.elements": float(taken.elements)}
    figures[f"{spans}.shown"] = statistics.median(each.shown for each in shown)
    figures[f"{spans}.ratio"] = statistics.median(each.shown / each.bare for each in shown)
    for name, seen in frames.items():
        figures[f"{spans}.{name}.frames"] = statistics.median(each.rate for each in seen)
        figures[f"{spans}.{name}.p95"] = statistics.median(each.p95 for each in seen)
    return figures


@contextlib.contextmanager
def _opened(browser: Browser, url: str, spans: int) -> Iterator[tuple[Tab, float]]:
    """The page once it is shown, and after how many seconds it was."""
    is_shown = f"document.querySelector('.trace-row') && {_COUNT} >= {spans}"
    with opened(browser, url, is_shown) as tab:
        shown_s = tab.await_shown(LIMIT_S)
        if shown_s is None:
            raise RuntimeError(f"{spans:,} spans were not shown within {LIMIT_S:.0f} s")
        yield tab, shown_s


def _split(tab: Tab, url: str, spans: int, shown_s: float) -> Shown:
    work = tab.work()
    path = "/api/traces/" + url.rsplit("/", 1)[1] + ("" if spans <= WHOLE_UP_TO else "/window")
    timing: dict[str, Any] = tab.page.evaluate(_TIMING, path)
    begun, ended = timing["begun"] / 1e3, timing["ended"] / 1e3
    bare: float = tab.page.evaluate(_BARE, f"{path}?fields=tree" if spans <= WHOLE_UP_TO else path)
    return Shown(shown_s, bare / 1e3, begun, ended - begun, shown_s - ended, work, timing["measures"])


def _wheel(tab: Tab) -> Frames:
    tab.page.evaluate(_MIDDLE, _ROWS)
    return tab.wheel(_ROWS)


def _print(spans: int, unread: float, shown: Sequence[Shown], frames: dict[str, list[Frames]]) -> None:
    print(
        f"{spans:>10,}  shown after {spread([each.shown for each in shown], '.2f')} s (budget {SHOWN_S[spans]:g})"
        f", for the first time after {unread:.2f} s;"
        f" {spread([each.shown / each.bare for each in shown])} x the bare answer, fetched and parsed"
    )
    parts = {
        "until it is asked for": [each.before for each in shown],
        "request": [each.request for each in shown],
        "parsed, built and drawn": [each.after for each in shown],
    }
    print(f"{'':12}of that: " + ", ".join(f"{name} {spread(values, '.2f')} s" for name, values in parts.items()))
    work = [each.work for each in shown]
    print(
        f"{'':12}main thread, ms of CPU: scripts {spread([each.script for each in work], '.0f')},"
        f" style and layout {spread([each.layout for each in work], '.0f')},"
        f" other {spread([each.other for each in work], '.0f')}"
    )
    for name in shown[0].measures:
        print(f"{'':12}{name}: {spread([each.measures.get(name, 0.0) for each in shown], '.0f')} ms")
    for name, seen in frames.items():
        print(
            f"{'':12}{name + ':':20}{spread([each.rate for each in seen], '.0f')} frames/s,"
            f" p50 {spread([each.p50 for each in seen])} ms,"
            f" p95 {spread([each.p95 for each in seen])} ms (budget {FRAME_BUDGET_MS:g}),"
            f" {spread([each.cpu for each in seen])} ms CPU a frame,"
            f" {sum(each.long_tasks for each in seen)} tasks over 50 ms,"
            f" longest {max(each.longest for each in seen):.0f} ms"
        )
