"""axe finds nothing: each page in each state, light and dark, on a desk and on a telephone."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import orjson
from playwright.async_api import expect

from tests.integration.service.harness import OTHER_RUN, ROOT_SPAN, RUN, START, Writer
from tests.support.axe import violations_of
from tests.support.browser import open_page
from tests.support.served import served_app

if TYPE_CHECKING:
    import httpx
    from playwright.async_api import Browser, Page, ViewportSize

DESK: ViewportSize = {"width": 1440, "height": 900}
TELEPHONE: ViewportSize = {"width": 390, "height": 844}
FAILED = "00f067aa0ba902b8"
FALLEN_BACK = "00f067aa0ba902b9"
COLOURS = ("color-contrast",)
EVERY_STATE = ("running", "ok", "error", "skipped", "cancelled", "abandoned")


async def hold(page: Page, state: str, found: dict[str, list[str]], *, everywhere: bool = True) -> None:
    """Look at the present state: all rules, colours in the dark, and `everywhere`: all rules on a telephone too."""
    looks = [(DESK, "light", ()), (DESK, "dark", COLOURS), *([(TELEPHONE, "light", ())] if everywhere else [])]
    for viewport, scheme, rules in looks:
        await page.set_viewport_size(viewport)
        await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        if violations := await violations_of(page, rules):
            found[f"{state}, {scheme}, {viewport['width']} px wide"] = violations
    await page.set_viewport_size(DESK)


def _runs(writer: Writer) -> None:
    """One that has ended, with every state a span may have and a fallback, and one that goes on."""
    for at, status in enumerate(EVERY_STATE):
        span = {"parent_id": ROOT_SPAN, "name": f"step {status}", "status": status}
        writer.span(RUN, f"{at + 1:016x}", **span, end=None if status == "running" else START + 30_000)
    call = {"parent_id": ROOT_SPAN, "kind": "llm_call", "name": "chat gpt-4o", "model": "gpt-4o", "end": START + 40_000}
    error = {"type": "RateLimitError", "message": "429: retry after 20 s", "traceback": "Traceback …\n  at line 3"}
    writer.span(
        RUN, FAILED, **call, backend="claude_cli", status="error", error=error, account="1 0 0 0 0 claude_cli\n"
    )
    message = {"role": "user", "parts": [{"type": "text", "content": "Which **job** fits?"}]}
    writer.span(
        RUN, FALLEN_BACK, **call, backend="openrouter", fallback_from="claude_cli", fallback_reason="rate_limited",
        cost_nano=500_000, cost_source="calculated", tokens={"input": 412, "output": 96},
        attributes={"gen_ai.input.messages": orjson.dumps([message]).decode(), "many": [1, {"two": 3}]},
        account="0 0 412 96 500000 openrouter\nclaude_cli",
    )  # fmt: skip
    writer.lines(RUN, 3)
    writer.span(RUN, "1".zfill(16), parent_id=ROOT_SPAN, name="step running", end=START + 50_000)
    writer.span(RUN, end=START + 1_000_000)
    now_us = time.time_ns() // 1_000
    writer.span(OTHER_RUN, start=now_us)
    writer.span(OTHER_RUN, FAILED, **{**call, "end": None}, backend="openai", start=now_us)


async def _work(client: httpx.AsyncClient) -> None:
    """Something in the queue, and a limit."""
    item = {"operation": "job-search", "input": {"job_titles": ["x"]}}
    assert (await client.post("/api/queue", json=item)).status_code == 202
    limit = {"limit_usd": 5.0}
    assert (await client.put("/api/budgets/day:2026-11-30", json=limit)).status_code == 200


async def test_axe_finds_nothing(new_redis_url: str, browser: Browser) -> None:
    found: dict[str, list[str]] = {}
    async with (
        served_app(new_redis_url) as served,
        served.client() as client,
        open_page(browser, f"http://{served.address}", viewport=DESK, reduced_motion="reduce") as (page, complaints),
    ):
        await page.goto("/")
        await expect(page.get_by_role("heading", name="No runs yet")).to_be_visible()
        await hold(page, "no runs yet", found, everywhere=False)
        with Writer(new_redis_url) as writer:
            _runs(writer)
        await _work(client)
        await _hold_runs(page, found)
        await _hold_sections(page, found)
        await page.goto("/components")
        await hold(page, "components", found, everywhere=False)
        await page.goto(f"/runs/{'9' * 32}")
        await expect(page.get_by_role("heading", name="There is no such run")).to_be_visible()
        await hold(page, "unknown run", found)
        await complaints.expect("404")
    async with (
        served_app(new_redis_url, token="correct-horse-battery-staple") as served,
        open_page(browser, f"http://{served.address}", viewport=DESK) as (page, _),
    ):
        await page.goto("/login")
        await hold(page, "login", found)
    assert not found, "\n\n".join(f"{state}:\n  " + "\n  ".join(faults) for state, faults in found.items())


async def _hold_runs(page: Page, found: dict[str, list[str]]) -> None:
    tree = page.get_by_role("treegrid", name="Trace tree")
    for state, address in {
        "finished": f"/runs/{RUN}",
        "running": f"/runs/{OTHER_RUN}",
        "error in the details": f"/runs/{RUN}?span={FAILED}",
        "call in the details": f"/runs/{RUN}?span={FALLEN_BACK}",
    }.items():
        await page.goto(address)
        await expect(tree.get_by_role("row").first).to_be_visible()
        if "?" in address:
            await expect(page.get_by_role("complementary", name="Span details")).to_contain_text("Duration")
        await hold(page, state, found)
    await page.locator("#run-menu-button").click()
    await hold(page, "menu of a run", found)
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="New run").click()
    await expect(page.get_by_role("dialog", name="New run")).to_be_visible()
    await hold(page, "new run", found)


async def _hold_sections(page: Page, found: dict[str, list[str]]) -> None:
    for path in ("/queue", "/budgets", "/notices", "/compare", f"/compare/{RUN}/{OTHER_RUN}?span={FAILED}"):
        await page.goto(path)
        await expect(page.locator("h1:visible")).to_be_visible()
        await expect(page.get_by_text("Loading…").locator("visible=true")).to_have_count(0)
        await hold(page, path, found)
