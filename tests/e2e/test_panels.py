"""What is around the tree: livetail, layers, backends and the line that says what is missing of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from playwright.async_api import expect

from spantail_exporters.model.changes import Change
from spantail_exporters.model.keys import run_keys
from spantail_exporters.model.rules.account import account_of
from spantail_exporters.model.rules.layers import layers_of
from tests.e2e.page import RunPage
from tests.integration.service.harness import OTHER_RUN, ROOT_SPAN, RUN, START, Writer, state
from tests.support.page.browser import open_page
from tests.support.service.served import served_app

if TYPE_CHECKING:
    from playwright.async_api import Browser

FETCH, DONE, FAILED = (f"00f067aa0ba902b{digit}" for digit in "cde")
TRACEBACK = """Traceback (most recent call last):
  File "/app/shop/score.py", line 88, in score
    answer = client.chat(prompt)
  File "/venv/lib/python3.12/site-packages/httpx/_client.py", line 914, in send
    response = self._send(request)
httpx.ReadTimeout: no answer
"""
OLD_LINES = 2_500
"""More than the page asks for at first."""


def _span(writer: Writer, span_id: str = ROOT_SPAN, **fields: Any) -> None:
    event = state(RUN, span_id, **fields)
    whole = orjson.loads(event)
    layers = layers_of(whole, whole["attributes"])
    parent = fields.get("parent_id") or ""
    writer.write(RUN, [Change(span_id, parent, [event], account=account_of(whole), layers=layers)])


def _log(writer: Writer, ts: int, message: str, **fields: Any) -> None:
    event = {"ts": ts, "event": "log", "run_id": RUN, "span_id": FETCH, "level": "INFO", "message": message}
    writer.write(RUN, [Change("", "", [orjson.dumps({**event, **fields})])])


def _write(writer: Writer) -> None:
    _log(writer, START - 1, "the needle", level="WARNING")
    writer.lines(RUN, OLD_LINES)
    _span(writer, attributes={"spantail.layers": ["fetch", "store"]})
    layer = {"parent_id": ROOT_SPAN, "kind": "layer", "name": "fetch", "layer": "fetch"}
    call = {"parent_id": FETCH, "kind": "llm_call", "backend": "openai", "model": "gpt-5", "name": "chat gpt-5"}
    cost = {"cost_nano": 4_100_000, "cost_usd": 0.0041, "cost_source": "calculated"}
    _span(writer, DONE, **call, end=START + 200_000, **cost, tokens={"input": 3, "output": 4})
    error = {"type": "httpx.ReadTimeout", "message": "no answer", "traceback": TRACEBACK}
    failure = {"ts": START + 5_000_000, "end": START + 5_000_000, "status": "error", "event": "llm_call_error"}
    _span(writer, FAILED, **call, start=START + 300_000, **failure, error=error)
    _span(writer, FETCH, **layer, start=START, end=START + 5_100_000, progress={"done": 2, "total": 2})
    _log(writer, START + 5_100_000, "on time", attributes={"order": {"id": 9_007_199_254_740_993}})
    _log(writer, START + 3_000_000, "sent by another process")
    writer.redis.hset(run_keys(RUN).meta, "drop:queue_full", 1_200)


async def test_panels_tell_what_happened_and_lead_there(new_redis_url: str, browser: Browser) -> None:
    with Writer(new_redis_url) as writer:
        _write(writer)
        async with (
            served_app(new_redis_url) as served,
            open_page(browser, f"http://{served.address}", permissions=["clipboard-read", "clipboard-write"]) as (
                page,
                _,
            ),
        ):
            run = RunPage(page)
            await page.goto(f"/runs/{RUN}")
            tail = run.livetail
            rows = tail.locator(".tail-row:visible")

            # what is missing, and why
            await expect(run.losses).to_contain_text("1,200 events of this run are missing, lost in the application's")
            await run.losses.get_by_text("Why", exact=True).click()
            await expect(run.losses.locator("[data-reason=queue_full]")).to_contain_text("each has a queue of its own")

            # late events, in words; in the order in which they came in
            await expect(rows.last).to_contain_text("late by 2.10 s")
            await expect(rows.last).to_contain_text("sent by another process")

            # one filter after the other, over more than the page holds
            words = tail.get_by_role("searchbox", name="Filter events")
            await words.fill("needle")
            await expect(rows).to_have_count(1)
            await expect(page.locator("#tail-info")).to_have_text("1 event found")
            await words.fill("")
            await tail.get_by_label("Kind of events").select_option("LLM calls")
            await tail.get_by_label("Level of events").select_option("Errors")
            await expect(rows).to_have_count(1)
            await expect(rows).to_contain_text("LLM call failed")
            await tail.get_by_label("Kind of events").select_option("Any kind")
            await tail.get_by_label("Level of events").select_option("Warnings, errors")
            await expect(rows).to_have_count(2)
            await tail.get_by_label("Level of events").select_option("Any level")

            # by keyboard: to the line before the last one, open it, copy it, leave it
            events = tail.get_by_role("treegrid", name="Events")
            await events.focus()
            for key in ("End", "ArrowUp", "Enter"):
                await events.press(key)
            fields = tail.locator(".event-fields")
            await expect(fields).to_contain_text("on time")
            await expect(fields.locator(".attributes")).to_contain_text("9007199254740993")
            await fields.get_by_role("button", name="Copy as JSON").click()
            copied = orjson.loads(await page.evaluate("navigator.clipboard.readText()"))
            assert copied["attributes"] == {"order": {"id": 9_007_199_254_740_993}}
            await events.focus()
            await events.press("c")
            await page.wait_for_function(
                "navigator.clipboard.readText().then((text) => text.endsWith('log info  chat gpt-5  on time')"
                " || text.endsWith('log info  fetch  on time'))"
            )
            await events.press("Escape")
            await expect(fields).to_have_count(0)

            # layers lead to their spans
            await expect(run.layers.first).to_contain_text("2/2")
            await expect(run.layers.first).to_contain_text("5.10 s")
            await expect(run.layers.first).to_contain_text("$0.0041")
            await run.layers.first.get_by_role("button").click()
            await expect(run.row(FETCH)).to_have_attribute("aria-selected", "true")
            await page.get_by_role("button", name="Close the details").click()

            # backends narrow the livetail, and lead to what failed
            backend = run.backends.locator("tr[data-backend=openai]")
            await expect(backend).to_contain_text("200 ms")
            await backend.get_by_role("button", name="openai").click()
            await expect(rows).to_have_count(2)
            await tail.get_by_role("button", name="Only events of openai. Show all").click()
            await expect(tail.locator(".chip")).to_be_hidden()
            await backend.get_by_title("Go to the first call that failed").click()
            await expect(run.row(FAILED)).to_have_attribute("aria-selected", "true")

            # its error: the application's own frames, those of libraries folded
            details = run.details
            frames = details.locator(".stack .frame:visible")
            await expect(frames).to_have_count(1)
            await expect(frames).to_contain_text("answer = client.chat(prompt)")
            await details.get_by_text("1 library call").click()
            await expect(frames).to_have_count(2)
            await details.get_by_role("button", name="As sent").click()
            await expect(details.locator(".traceback")).to_have_text(TRACEBACK)


async def test_long_names_and_large_values_move_nothing(new_redis_url: str, browser: Browser) -> None:
    with Writer(new_redis_url) as writer:
        writer.span(RUN, end=START + 1_000_000)
        large = {"large": "x" * 3_000_000, **{f"key.{number}": number for number in range(20)}}
        events = [{"ts": START + number, "name": f"step {number}"} for number in range(2_000)]
        writer.span(OTHER_RUN, name="n" * 2_000, end=START + 1_000_000, attributes=large, span_events=events)
    async with (
        served_app(new_redis_url) as served,
        open_page(browser, f"http://{served.address}", viewport={"width": 1280, "height": 800}) as (page, _),
    ):
        run = RunPage(page)
        heights = []
        for run_id in (RUN, OTHER_RUN):
            await page.goto(f"/runs/{run_id}?span={ROOT_SPAN}")
            await expect(run.details.get_by_text("Raw JSON")).to_be_visible()
            heights.append(await page.locator(".run-head").evaluate("head => head.offsetHeight"))
            close = await run.details.get_by_role("button", name="Close the details").bounding_box()
            assert close is not None
            assert close["x"] + close["width"] <= 1280
        assert heights[0] == heights[1]
        values = run.details.locator(".attributes tr:visible")
        await run.details.get_by_role("searchbox", name="Find attributes").fill("key.7")
        await expect(values).to_have_count(1)
        await run.details.get_by_role("searchbox", name="Find attributes").fill("xxxx")
        await expect(values).to_have_count(1)
        await run.details.get_by_role("button", name="Show the first 100 kB of 3 MB").click()
        await expect(run.details.get_by_text("The first 100 kB of 3 MB")).to_be_visible()
        await expect(run.details.locator(".event-list > li")).to_have_count(50)
        await run.details.get_by_role("button", name="Show 50 more of 1,950").click()
        await expect(run.details.locator(".event-list > li")).to_have_count(100)
