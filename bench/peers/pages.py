"""The same traces in the pages of Spantail, Phoenix and MLflow: `python -m bench.peers.pages [--sizes N ...]`.

Each trace is sent to all three by OTLP/HTTP beforehand, and then opened in one Chromium, with an empty cache, by its
own address. The clock is the browser's: from the start of the navigation to the frame after the one in which the page
shows it, as the table's last part says for each. Then heap and elements are taken, and the wheel is turned over the
rows. A page has 60 s. Chromium finds no host but this one.

Phoenix and MLflow come from PyPI, as in `bench.peers`.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from bench.peers.filled import running_with
from bench.peers.large_trace import make_trace
from bench.peers.trace_pages import mlflow_page, phoenix_page, spantail_page
from bench.support.browser import chromium, spread
from bench.support.servers import private_redis
from bench.support.tab import Frames, Weight, opened
from spantail_service.routes.pages.page import STATIC

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playwright.sync_api import Browser

    from bench.peers.large_trace import LargeTrace
    from bench.peers.trace_pages import TracePage

SIZES: Final = (1_000, 5_000, 20_000)
ROUNDS: Final = 3
LIMIT_S: Final = 60
_WARM_UP_SPANS: Final = 10


class Opened(NamedTuple):
    """How one opening went."""

    shown_s: float
    weight: Weight
    frames: Frames


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.peers.pages", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="spans of each trace")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="how often each is opened; medians are printed")
    chosen = parser.parse_args()
    run(chosen.sizes, chosen.rounds)


def run(sizes: Sequence[int] = SIZES, rounds: int = ROUNDS) -> None:
    """Measure and print."""
    if not (STATIC / "index.html").is_file():
        print("\nThe pages: left out, they want our page built (`make install`)")
        return
    today = int(time.time() // 86_400)
    # those of the usual sizes are stored together, so that a look at one of them has to store nothing anew
    stored = SIZES if set(sizes) <= set(SIZES) else tuple(sizes)
    traces = [make_trace(spans, today) for spans in (_WARM_UP_SPANS, *stored)]
    try:
        with private_redis() as redis_url, chromium() as browser:
            pages = [spantail_page(redis_url), phoenix_page(), mlflow_page()]
            print(f"\nA trace in the pages that show it; Chromium {browser.version}, median of {rounds} (range)")
            print(
                f"{'':26}{'spans':>8}{'shown after, s':>20}{'heap, MB':>18}{'elements':>10}"
                f"{'frames/s':>16}{'p95, ms':>20}{'CPU a frame, ms':>20}"
            )
            for page in pages:
                _measure(browser, page, traces, sizes, rounds)
            print("What counts as shown:")
            for page in pages:
                print(f"  {page.peer.name}: {page.shown} (`{page.rows}`)")
    except FileNotFoundError as error:
        print(f"\nThe pages: left out, {error}")


def _measure(
    browser: Browser, page: TracePage, traces: Sequence[LargeTrace], sizes: Sequence[int], rounds: int
) -> None:
    """Print a line for each size as soon as it is there."""
    from playwright.sync_api import Error  # as heavy as the browser

    name = page.peer.package.replace("==", " ") or page.peer.name
    try:
        with (
            tempfile.TemporaryDirectory(prefix="spantail-bench-") as text,
            running_with(page, traces, Path(text)) as port,
        ):
            warm_up, *others = traces
            _open(browser, page, warm_up, port)
            for trace in (other for other in others if other.spans in sizes):
                openings = _rounds(browser, page, trace, port, rounds)
                print(f"{name:26}{trace.spans:>8,}{_line(openings)}", flush=True)
    except (OSError, RuntimeError, subprocess.CalledProcessError, Error) as error:
        print(f"{name:26}could not be measured: {error}")


def _rounds(browser: Browser, page: TracePage, trace: LargeTrace, port: int, rounds: int) -> list[Opened]:
    openings = []
    for _ in range(rounds):
        opened = _open(browser, page, trace, port)
        if opened is None:
            return []
        openings.append(opened)
    return openings


def _open(browser: Browser, page: TracePage, trace: LargeTrace, port: int) -> Opened | None:
    """Open a trace; None where it is not shown in time."""
    is_shown = f"document.querySelector({page.rows!r}) && {page.counted} >= {page.wanted(trace.spans)}"
    url = f"http://127.0.0.1:{port}{page.path.format(trace_id=trace.trace_id)}"
    with opened(browser, url, is_shown) as tab:
        shown_s = tab.await_shown(LIMIT_S)
        return None if shown_s is None else Opened(shown_s, tab.weight(), tab.wheel(page.rows))


def _line(openings: Sequence[Opened]) -> str:
    if not openings:
        return f"  not shown within {LIMIT_S} s"
    return (
        f"{spread([one.shown_s for one in openings], '.2f'):>20}"
        f"{spread([one.weight.heap_mb for one in openings], '.0f'):>18}"
        f"{max(one.weight.elements for one in openings):>10,}"
        f"{spread([one.frames.rate for one in openings], '.0f'):>16}"
        f"{spread([one.frames.p95 for one in openings], '.0f'):>20}"
        f"{spread([one.frames.cpu for one in openings], '.0f'):>20}"
    )


if __name__ == "__main__":
    main()
