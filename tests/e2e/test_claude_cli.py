"""The same search with the real Claude CLI on PATH, and with it gone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from playwright.async_api import expect

from tests.e2e.page import RunPage
from tests.e2e.viewer import SMALL_SEARCH, Viewer, children, client_of, the
from tests.support.page.browser import open_page

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.async_api import Browser

    from tests.e2e.conftest import Start

Spans = dict[str, dict[str, Any]]


@pytest.mark.slow
async def test_the_real_cli_and_the_fallback_without_it(
    start: Start, tools_path: Path, claude_path: str, browser: Browser
) -> None:
    """It is taken off PATH while the service runs: the next run falls back, nothing is started anew."""
    installed = tools_path / "claude"
    installed.symlink_to(claude_path)
    async with start() as service, client_of(service.url) as client:
        with_it = await Viewer.start(client, "/api/jobs/search", SMALL_SEARCH)
        await with_it.to_the_end()
        assert with_it.status == "completed"
        check_calls_of_the_cli(await with_it.spans())
        assert with_it.frame["backends"].keys() == {"claude_cli"}
        await check_total(with_it)

        installed.unlink()
        without = await Viewer.start(client, "/api/jobs/search", SMALL_SEARCH)
        await without.to_the_end()
        assert without.status == "completed"
        check_attempts_of_the_chain(await without.spans())
        totals = without.frame["backends"]
        left = totals["claude_cli"]
        assert left["expected_fallbacks"] == len(attempts_by_group(await without.spans())) > 0
        assert left["calls"] == left["errors"] == left["fallbacks"] == 0
        assert not [span for span in (await without.spans()).values() if span["status"] == "error"]
        assert totals["claude_cli"]["cost_nano"] == totals["claude_cli"]["unpriced"] == 0
        reported = [event["attributes"] for event in without.named("llm_call_fallback")]
        assert len(reported) == left["expected_fallbacks"]
        await check_total(without)
        groups = [group_names(await run.spans()) for run in (with_it, without)]
        assert groups[0] == groups[1], "the same work, whoever served it"

        async with open_page(browser, service.url) as (page, _):
            await page.goto(f"/runs/{with_it.run_id}")
            await check_marks(RunPage(page), "claude_cli", "#i-robot", "ok")
            await page.goto(f"/runs/{without.run_id}")
            await check_marks(RunPage(page), "claude_cli", "#i-robot", "skipped")
            await check_marks(RunPage(page), "langchain", "#i-chip", "ok")
            chain = RunPage(page).rows(kind="llm_group").first.locator(".row-chain")
            await expect(chain).to_have_text("claude_cli skipped: not installed, then →langchain served")
            assert await chain.get_attribute("data-real") is None, "nothing failed"
            note = RunPage(page).rows(kind="llm_call", backend="langchain").first.locator(".row-note")
            await expect(note).to_have_text("after claude_cli: not installed")


def attempts_by_group(spans: Spans) -> list[list[dict[str, Any]]]:
    groups = [span for span in spans.values() if span["kind"] == "llm_group"]
    assert groups
    return [[span for span in children(spans, group) if span["kind"] == "llm_call"] for group in groups]


def group_names(spans: Spans) -> set[str]:
    return {span["name"] for span in spans.values() if span["kind"] == "llm_group"}


def check_calls_of_the_cli(spans: Spans) -> None:
    for attempts in attempts_by_group(spans):
        (call,) = attempts
        assert (call["backend"], call["status"]) == ("claude_cli", "ok")
        assert call["cost_source"] == "provider"
        assert call["cost_usd"] > 0
        assert call["tokens"]["input"] > 0
        assert call["tokens"]["output"] > 0
        assert call["attributes"]["gen_ai.provider.name"] == "anthropic"
        assert call["model"].startswith("claude-")
        assert not {"attempt", "fallback_from", "fallback_reason"} & call.keys()


def check_attempts_of_the_chain(spans: Spans) -> None:
    """The CLI is looked for once by each model, and left out from then on."""
    skipped: list[dict[str, Any]] = []
    for attempts in attempts_by_group(spans):
        *first, answered = attempts
        skipped += first
        assert (answered["backend"], answered["status"]) == ("langchain", "ok")
        assert answered.get("attempt", 1) == len(attempts)
        assert (answered["fallback_from"], answered["fallback_reason"]) == ("claude_cli", "not_installed")
        assert answered["cost_source"] == "calculated"
        assert answered["cost_usd"] > 0
        assert answered["attributes"]["spantail.cost.price_version"]
        group = spans[answered["parent_id"]]
        assert "llm_call_fallback" in [event["name"] for event in group["span_events"]]
        assert group["status"] == "ok"
    assert 1 <= len(skipped) == len({span["model"] for span in skipped})
    for span in skipped:
        assert (span["backend"], span["status"]) == ("claude_cli", "skipped")
        assert "is not on PATH" in span["attributes"]["spantail.reason"]
        assert not {"cost_usd", "error"} & span.keys()
    assert the(spans, "load langchain-openai")["status"] == "ok"


async def check_total(run: Viewer) -> None:
    snapshot = await run.snapshot()
    spent = sum(span.get("cost_nano", 0) for span in snapshot["spans"])
    assert snapshot["run"]["cost_nano"] == spent > 0
    assert sum(totals["cost_nano"] for totals in run.frame["backends"].values()) == spent


async def check_marks(run: RunPage, backend: str, icon: str, status: str) -> None:
    calls = run.rows(kind="llm_call", backend=backend)
    await expect(calls.first).to_have_attribute("data-status", status)
    await expect(calls.first.locator(".mark use")).to_have_attribute("href", icon)
    await expect(run.status).to_have_text("completed")
