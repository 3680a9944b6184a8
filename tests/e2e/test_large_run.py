"""A run that is too large to be on the page whole: it comes in parts, says what is not here, and brings it."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

from playwright.async_api import expect

from spantail_exporters.model.changes import Change
from tests.integration.service.harness import ROOT_SPAN, RUN, Writer, state
from tests.support.page.browser import open_page
from tests.support.service.served import served_app
from tests.support.waiting import eventually_async

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from playwright.async_api import Browser

SLOW_MS = 30_000
PHASES = 300
CALLS = 70
FAILED = (PHASES, CALLS)  # the last one of all
AHEAD = 250  # a phase whose calls ran on a host with a wrong clock


def phase(number: int) -> str:
    return f"{number:016x}"


def call(number: int, of: int) -> str:
    return f"{of:08x}{number:08x}"


def change(span_id: str, parent: str, start: int, **fields: Any) -> Change:
    body = {"parent_id": parent, "start": start, "ts": start, "end": start + 500, **fields}
    return Change(span_id, parent, [state(RUN, span_id, **body)])


def changes(begun: int) -> Iterator[Change]:
    for number in range(1, PHASES + 1):
        start = begun + number * 1_000
        yield change(phase(number), ROOT_SPAN, start, kind="phase", name=f"phase {number}")
        for at in range(1, CALLS + 1):
            failed = (
                {"status": "error", "error": {"type": "E", "message": "no answer"}} if (number, at) == FAILED else {}
            )
            clock = {"service": "elsewhere"} if number == AHEAD else {}
            sent = start + at + (20_000_000 if clock else 0)
            name = f"look {number}.{at}"
            yield change(call(at, number), phase(number), sent, kind="tool", name=name, **failed, **clock)


async def _until(is_so: Callable[[], Awaitable[bool] | bool]) -> None:
    await eventually_async(is_so, SLOW_MS / 1_000, interval_s=0.3)


async def test_a_large_run_comes_in_parts(new_redis_url: str, browser: Browser) -> None:
    begun = time.time_ns() // 1_000 - 1_000_000
    with Writer(new_redis_url) as writer:
        writer.span(RUN, name="a large run", start=begun, ts=begun)
        pending = list(changes(begun))
        for at in range(0, len(pending), 1_000):
            writer.write(RUN, pending[at : at + 1_000])
        async with (
            served_app(new_redis_url) as served,
            open_page(browser, f"http://{served.address}") as (page, _),
        ):
            await page.goto(f"/runs/{RUN}")
            tree = page.locator("#trace")
            await expect(page.locator("#trace-summary")).to_contain_text("21,301 spans", timeout=SLOW_MS)
            await page.locator("#trace-viewport").press("Home")
            await expect(tree.get_by_text("phase 1", exact=True)).to_be_visible()
            first = page.locator(f"#span-{phase(1)}")
            await expect(first).to_have_attribute("aria-expanded", "true")
            further = tree.get_by_text("look 1.60", exact=True)

            async def is_further_down() -> bool:
                # whoever scrolls there gets the next ones; rows may still be placed anew when the whole run is read
                await page.locator("#trace-viewport").evaluate(
                    "(one) => one.scrollTo(0, 1350 + (one.scrollTop % 2 ^ 1))"
                )
                return await further.is_visible()

            await _until(is_further_down)
            # the one that failed is here from the start, at the end of it all
            failed = f"span-{call(*reversed(FAILED))}"

            async def is_at_the_end() -> bool:
                # what has come meanwhile moves the end: the row is looked at and read in one step
                await page.locator("#trace-viewport").press("End")
                text = await page.evaluate("(id) => document.getElementById(id)?.textContent ?? ''", failed)
                return "no answer" in str(text)

            await _until(is_at_the_end)
            # live: a new phase shows where all of them are here, else it is counted
            writer.write(RUN, [change(phase(9_999), ROOT_SPAN, begun + 900_000, kind="phase", name="late")])
            await expect(page.locator("#trace-summary")).to_contain_text("21,302 spans", timeout=SLOW_MS)
            # the jumps lead through the whole run, wherever that is
            await page.keyboard.press("e")
            await expect(page).to_have_url(re.compile(f"span={call(*reversed(FAILED))}"))
            await page.get_by_role("button", name="Slowest span by its own time, then the next").click()
            await expect(page).to_have_url(re.compile(f"span={ROOT_SPAN}"))
            await page.get_by_role("button", name="Critical path").click()
            await expect(page.get_by_role("button", name="Critical path")).to_have_attribute(
                "title", re.compile(r"^Critical path of the whole run: \d"), timeout=SLOW_MS
            )
            # what is made of times is made of all spans, those among them that are not here
            small = page.get_by_role("img", name=re.compile("^The run in small"))
            await expect(small).to_have_attribute("title", re.compile("It sums up 21,302 spans on 16 lanes"))
            clocks = page.get_by_role("button", name="Adjust clocks")
            await expect(clocks).to_have_attribute("title", re.compile(f"^The clocks of {CALLS} spans seem wrong"))
            await clocks.click()
            idle = page.get_by_role("button", name="Fold idle")
            await expect(idle).to_have_attribute("title", re.compile(r"worked \(G\)$"))
            # a flame graph of all spans; those that are too short to be seen are one frame, which opens
            await page.get_by_role("link", name="Flame graph").click()
            flame = page.get_by_role("application")
            said = page.locator("#flame [aria-live]")

            async def is_told() -> bool:
                await flame.press("Home")
                return "a large run" in (await said.inner_text())

            await _until(is_told)
            await flame.press("ArrowDown")
            await expect(said).to_contain_text("each too short to be seen here", timeout=SLOW_MS)
            await page.get_by_role("link", name="Transcript").click()
            await expect(page.locator(".transcript-part")).to_have_text(
                re.compile(r"^Made of the [\d,]+ of 21,302 spans that are here")
            )
            # a span of the address comes with those above it
            await page.goto(f"/runs/{RUN}?span={call(33, 200)}")
            await expect(tree.get_by_text("look 200.33", exact=True)).to_be_visible(timeout=SLOW_MS)
            await expect(page.locator(f"#span-{phase(200)}")).to_be_attached()
