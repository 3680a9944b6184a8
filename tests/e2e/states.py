"""The page in each of its states, one after the other: for tests of all of them, and for pictures."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import orjson
from playwright.async_api import expect

from spantail_exporters.model.sessions import session_digest
from tests.integration.service.harness import OTHER_RUN, ROOT_SPAN, RUN, START, Writer
from tests.support.page.browser import open_page
from tests.support.service.served import served_app

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx
    from playwright.async_api import Browser, Page, ViewportSize

DESK: Final[ViewportSize] = {"width": 1440, "height": 900}
TELEPHONE: Final[ViewportSize] = {"width": 390, "height": 844}

_FAILED: Final = "00f067aa0ba902b8"
_FALLEN_BACK: Final = "00f067aa0ba902b9"
_STATUSES: Final = ("running", "ok", "error", "skipped", "cancelled", "abandoned")
_RUNS: Final = {
    "run-finished": f"/runs/{RUN}",
    "run-running": f"/runs/{OTHER_RUN}",
    "flame-graph": f"/runs/{RUN}?view=flame",
    "transcript": f"/runs/{RUN}?view=transcript",
    "details-error": f"/runs/{RUN}?span={_FAILED}",
    "details-call": f"/runs/{RUN}?span={_FALLEN_BACK}",
}
_SECTIONS: Final = {
    "queue": "/queue",
    "budgets": "/budgets",
    "notices": "/notices",
    "sessions": "/sessions",
    "session": "/sessions/a%20talk",
    "spend": "/spend?part=openrouter",
    "compare-choose": "/compare",
    "compare": f"/compare/{RUN}/{OTHER_RUN}",
    "compare-details": f"/compare/{RUN}/{OTHER_RUN}?span={_FAILED}",
    "components": "/components",
}


async def states_of(redis_url: str, browser: Browser) -> AsyncIterator[tuple[str, Page]]:
    """The name of each state, and a page as large as a desk that is in it.

    Args:
        redis_url: An empty Redis.
        browser: What shows the page.
    """
    async with _page(redis_url, browser) as (page, client):
        await page.goto("/")
        await expect(page.get_by_role("heading", name="No runs yet")).to_be_visible()
        yield "empty", page
        with Writer(redis_url) as writer:
            _write_runs(writer)
        await _make_work(client)
        for name, address in _RUNS.items():
            await page.goto(address)
            await expect(page.locator("#run-status")).to_be_visible()
            await expect(page.get_by_text("Loading events…")).to_be_hidden()
            if "?span=" in address:
                await expect(page.get_by_role("complementary", name="Span details")).to_contain_text("Duration")
            yield name, page
        await page.locator("#run-menu-button").click()
        yield "run-menu", page
        await page.keyboard.press("Escape")
        await page.get_by_role("button", name="New run").click()
        await expect(page.get_by_role("dialog", name="New run")).to_be_visible()
        yield "new-run", page
        await page.keyboard.press("Escape")
        for name, button in (("palette", "Command palette"), ("keys", "Keys")):
            await page.get_by_role("button", name=button, exact=True).click()
            await expect(page.get_by_role("dialog").locator("visible=true")).to_have_count(1)
            yield name, page
            await page.keyboard.press("Escape")
        for name, address in _SECTIONS.items():
            await page.goto(address)
            await expect(page.locator("h1:visible").first).to_be_visible()
            if name != "components":  # where it is one of them
                await expect(page.get_by_text("Loading…", exact=True).locator("visible=true")).to_have_count(0)
            yield name, page
        await page.goto("/runs/not-a-run")
        await expect(page.get_by_role("heading", name="This is no run's address")).to_be_visible()
        yield "no-run", page
    async with _page(redis_url, browser, token="correct-horse-battery-staple") as (page, _):
        await page.goto("/login")
        yield "login", page


@asynccontextmanager
async def _page(redis_url: str, browser: Browser, **settings: Any) -> AsyncIterator[tuple[Page, httpx.AsyncClient]]:
    look = {"viewport": DESK, "reduced_motion": "reduce"}
    async with (
        served_app(redis_url, **settings) as served,
        served.client() as client,
        open_page(browser, f"http://{served.address}", **look) as (page, _),
    ):
        yield page, client


def _write_runs(writer: Writer) -> None:
    """One that has ended, with every state a span may have and a fallback, and one that goes on."""
    for at, status in enumerate(_STATUSES):
        span = {"parent_id": ROOT_SPAN, "name": f"step {status}", "status": status}
        writer.span(RUN, f"{at + 1:016x}", **span, end=None if status == "running" else START + 30_000)
    call = {"parent_id": ROOT_SPAN, "kind": "llm_call", "name": "chat gpt-4o", "model": "gpt-4o", "end": START + 40_000}
    error = {"type": "RateLimitError", "message": "429: retry after 20 s", "traceback": "Traceback …\n  at line 3"}
    writer.span(
        RUN, _FAILED, **call, backend="claude_cli", status="error", error=error, account="1 0 0 0 0 claude_cli\n"
    )
    message = {"role": "user", "parts": [{"type": "text", "content": "Which **job** fits?"}]}
    writer.span(
        RUN, _FALLEN_BACK, **call, backend="openrouter", fallback_from="claude_cli", fallback_reason="rate_limited",
        cost_nano=500_000, cost_source="calculated", tokens={"input": 412, "output": 96},
        attributes={"gen_ai.input.messages": orjson.dumps([message]).decode(), "many": [1, {"two": 3}]},
        account="0 0 412 96 500000 openrouter\nclaude_cli",
    )  # fmt: skip
    writer.lines(RUN, 3)
    writer.span(RUN, "1".zfill(16), parent_id=ROOT_SPAN, name="step running", end=START + 50_000)
    writer.span(RUN, end=START + 1_000_000)
    now_us = time.time_ns() // 1_000
    writer.span(OTHER_RUN, start=now_us, sources={f"c:{session_digest('a talk')}": {"id": "a talk"}})
    writer.span(OTHER_RUN, _FAILED, **{**call, "end": None}, backend="openai", start=now_us)


async def _make_work(client: httpx.AsyncClient) -> None:
    """Something in the queue, and a limit."""
    item = {"operation": "job-search", "input": {"job_titles": ["x"]}}
    assert (await client.post("/api/queue", json=item)).status_code == 202
    limit = {"limit_usd": 5.0}
    assert (await client.put("/api/budgets/day:2026-11-30", json=limit)).status_code == 200
