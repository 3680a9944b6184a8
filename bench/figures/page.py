"""The page in a real browser: how long until a run of many spans is shown, and how it scrolls while events arrive.

A producer of its own fills a run through the SDK into a real Redis and then goes on at a steady rate; the page comes
from a real service. The clock of "shown" is the browser's: from the start of the navigation to the frame after the one
in which the tree counts all spans and has rows in sight. Frames a second depend on what else the machine does; the
main thread's own CPU time for each frame does not. Wants the built page and a Chromium on PATH.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import statistics
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, Final

from bench.support.servers import private_redis, running_service
from spantail_service.routes.pages.page import STATIC

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SHOWN_S: Final = {10_000: 0.5, 100_000: 2.0, 1_000_000: 5.0}
ROUNDS_UP_TO: Final = 100_000  # spans: a larger run is opened once before and once after the service has read it
WHOLE_UP_TO: Final = 20_000  # spans: a larger run comes in parts
RUN_MAX_SPANS: Final = 1_200_000  # room for what arrives
FRAMES_PER_S: Final = 60
EVENTS_PER_S: Final = 1_000
SCROLL_S: Final = 5
READ_TIMEOUT_MS: Final = 180_000
CALLS_PER_PHASE: Final = 9
PHASES_PER_LAYER: Final = 40

# What the page cannot do without: the run's snapshot, or the first part of it, fetched and parsed, in ms.
BARE: Final = """
async (path) => {
  const begun = performance.now();
  await (await fetch(path)).json();
  return performance.now() - begun;
}
"""
# Until the tree has rows and counts so many spans: the time of the frame after that, since the navigation, in ms.
SHOWN: Final = """
(wanted) => new Promise((resolve) => {
  const look = () => {
    const text = document.getElementById('trace-summary')?.textContent ?? '';
    if (document.querySelector('.trace-row') && Number(text.split(' ')[0].replaceAll(',', '')) >= wanted)
      requestAnimationFrame(() => resolve(performance.now()));
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})
"""
# Until the service has read a large run for the first time.
READ: Final = """
() => !document.getElementById('trace-summary').textContent.includes('read so far')
"""
# Scrolls the tree down and up again, 30 px a frame, and answers the times between frames in milliseconds.
SCROLL: Final = """
(ms) => new Promise((resolve) => {
  const viewport = document.getElementById('trace-viewport');
  viewport.scrollTop = viewport.scrollHeight / 2;
  const gaps = [];
  let begun, last, step = 30;
  const frame = (now) => {
    begun ??= now;
    if (last !== undefined) gaps.push(now - last);
    last = now;
    const before = viewport.scrollTop;
    viewport.scrollTop += step;
    if (viewport.scrollTop === before) step = -step;
    if (now - begun < ms) requestAnimationFrame(frame);
    else resolve({ gaps, elements: document.querySelectorAll('*').length });
  };
  requestAnimationFrame(frame);
})
"""


def run(rounds: int = 3, largest: int = 1_000_000) -> dict[str, float]:
    """Measure and print, up to runs of `largest` spans; returns the medians."""
    path = os.environ.get("SPANTAIL_TEST_CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None or not (STATIC / "index.html").is_file():
        print("\nThe page: left out, it wants a Chromium on PATH and the built page (`make install`)")
        return {}
    from playwright.sync_api import sync_playwright  # heavy, and only needed here

    figures: dict[str, float] = {}
    print(f"\nThe page in Chromium, one service, median of {rounds}")
    with private_redis() as redis_url, running_service(redis_url) as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        for spans, budget_s in ((size, limit_s) for size, limit_s in SHOWN_S.items() if size <= largest):
            with _producer(redis_url, spans) as producer:
                url = f"http://{address}/runs/{producer.run_id}"
                figures |= _shown(browser, url, spans, budget_s, rounds if spans <= ROUNDS_UP_TO else 1)
                figures |= _scrolled(browser, url, spans, producer)
        browser.close()
    return figures


def _shown(browser: Browser, url: str, spans: int, budget_s: float, rounds: int) -> dict[str, float]:
    first = _open(browser, url)
    unread = _await_spans(first, spans) / 1e3
    first.wait_for_function(READ, timeout=READ_TIMEOUT_MS)
    first.context.close()
    shown, bare = [], []
    path = "/api/traces/" + url.rsplit("/", 1)[1] + ("?fields=tree" if spans <= WHOLE_UP_TO else "/window")
    for _ in range(rounds):
        page = _open(browser, url)
        shown.append(_await_spans(page, spans))
        bare.append(page.evaluate(BARE, path))
        page.context.close()
    whole, least = statistics.median(shown) / 1e3, statistics.median(bare) / 1e3
    print(
        f"  {spans:>9,} spans shown after {whole:5.2f} s (budget {budget_s:g})"
        f"   {whole / least:4.1f} x the bare answer, fetched and parsed in {least:5.2f} s"
        f"   for the first time {unread:5.2f} s"
    )
    return {f"{spans}.shown": whole, f"{spans}.first": unread, f"{spans}.ratio": whole / least}


def _scrolled(browser: Browser, url: str, spans: int, producer: _Producer) -> dict[str, float]:
    page = _open(browser, url)
    _await_spans(page, spans)
    figures: dict[str, float] = {}
    for name, arriving in (("at rest", 0), ("live", EVENTS_PER_S), ("with details", EVENTS_PER_S)):
        if name == "live":
            producer.go_on()
            _await_spans(page, spans + EVENTS_PER_S // 2)
        elif name == "with details":
            page.locator(".trace-row[data-kind]").nth(5).click()
        got = _scroll(page)
        figures[f"{spans}.{name}.frames"] = got["rate"]
        figures[f"{spans}.{name}.heap"] = got["heap"]
        print(
            f"  {spans:>9,} spans scrolled, {name:>12}, {arriving:>5,} events/s: {got['rate']:4.1f} frames/s"
            f" (budget {FRAMES_PER_S})   p95 {got['p95']:5.1f} ms   {got['cpu']:4.1f} ms CPU of 16.7 a frame"
            f"   {got['elements']:,.0f} elements   heap {got['heap']:.0f} MB"
        )
    page.context.close()
    return figures


def _open(browser: Browser, url: str) -> Page:
    page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    page.goto(url, wait_until="commit")
    return page


def _await_spans(page: Page, spans: int) -> float:
    at_ms: float = page.evaluate(SHOWN, spans)
    return at_ms


def _scroll(page: Page) -> dict[str, float]:
    devtools = page.context.new_cdp_session(page)
    devtools.send("Performance.enable", {"timeDomain": "threadTicks"})

    def metrics() -> dict[str, float]:
        listed: list[dict[str, Any]] = devtools.send("Performance.getMetrics")["metrics"]
        return {each["name"]: each["value"] for each in listed}

    # A reader's wheel: from then on the page does not go along with what is new.
    page.locator("#trace-viewport").hover()
    page.mouse.wheel(0, 30)
    before = metrics()
    scrolled = page.evaluate(SCROLL, SCROLL_S * 1_000)
    after = metrics()
    gaps = scrolled["gaps"]
    return {
        "rate": len(gaps) / sum(gaps) * 1e3,
        "p95": statistics.quantiles(gaps, n=20)[18],
        "cpu": (after["TaskDuration"] - before["TaskDuration"]) / len(gaps) * 1e3,
        "elements": scrolled["elements"],
        "heap": after["JSHeapUsedSize"] / 1e6,
    }


class _Producer:
    """A process that has filled a run, and that can be told to go on."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.run_id = process.stdout.readline().strip() if process.stdout else ""

    def go_on(self) -> None:
        """Start the steady rate; it lasts until the producer is left."""
        if self._process.stdin:
            self._process.stdin.write("go on\n")
            self._process.stdin.flush()


@contextlib.contextmanager
def _producer(redis_url: str, spans: int) -> Iterator[_Producer]:
    command = [sys.executable, "-m", "bench.figures.page", str(spans)]
    environment = {**os.environ, "SPANTAIL_REDIS_URL": redis_url, "SPANTAIL_RUN_MAX_SPANS": str(RUN_MAX_SPANS)}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            yield _Producer(process)
        finally:
            process.kill()


def _produce(spans: int) -> None:
    from opentelemetry import trace

    import spantail
    from bench.support.workload import ATTRIBUTES

    handle = spantail.configure(service_name="bench")
    tracer = trace.get_tracer("bench")
    made = 1

    def make(name: str, kind: str) -> trace.Span:
        nonlocal made
        made += 1
        if made % 20_000 == 0:
            handle.flush(30)
        return tracer.start_span(name, attributes={**ATTRIBUTES, "spantail.kind": kind})

    with spantail.operation("a large run") as root:
        while made < spans:
            layer = make("score jobs", "layer")
            with trace.use_span(layer, end_on_exit=True):
                for _ in range(PHASES_PER_LAYER):
                    if made < spans:
                        phase = make("score one job", "phase")
                        with trace.use_span(phase, end_on_exit=True):
                            for _ in range(min(CALLS_PER_PHASE, spans - made)):
                                make("chat gpt-4o-mini", "llm_call").end()
        handle.flush(60)
        print(root.run_id, flush=True)
        sys.stdin.readline()
        # Each span is two events: it is still open when it is first told of.
        open_spans: list[trace.Span] = []
        begun = time.perf_counter()
        for number in itertools.count():
            if (ahead := begun + number * 2 / EVENTS_PER_S - time.perf_counter()) > 0:
                time.sleep(ahead)
            open_spans.append(make("chat gpt-4o-mini", "llm_call"))
            if len(open_spans) > 100:  # open for 0.2 s
                open_spans.pop(0).end()


if __name__ == "__main__":
    _produce(int(sys.argv[1]))
