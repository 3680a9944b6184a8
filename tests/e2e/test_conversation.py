"""What was said in a run, read on the page: in the details of a call, and as a transcript that grows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson
from playwright.async_api import expect

from tests.e2e.page import RunPage
from tests.integration.service.harness import ROOT_SPAN, RUN, START, Writer, spantail_process
from tests.support.page.browser import open_page

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.async_api import Browser, Page

FIRST, SECOND, TOOL, GROUP, PASSED, SERVED, STREAM = (f"00000000000000{number:02x}" for number in range(1, 8))
HOSTILE: Final = (
    "**Sunny.** <img src=https://example.org/x.png onerror=alert(1)> [here](javascript:alert(1)) "
    "![map](https://example.org/map.png) and [the page](https://example.org/page)\n\n```python\nprint(1)\n```\n\n"
    "\u05e9\u05dc\u05d5\u05dd"
)
_BEGINS_AT_THE_RIGHT: Final = """(paragraph) => {
  const text = document.createRange();
  text.selectNodeContents(paragraph);
  const { left, right } = text.getBoundingClientRect();
  const box = paragraph.getBoundingClientRect();
  return box.right - right < 2 && left - box.left > 50;
}"""
ASKED: Final = [{"role": "user", "parts": [{"type": "text", "content": "How is the weather in Bern?"}]}]
CALLED: Final = [
    {
        "role": "assistant",
        "parts": [{"type": "tool_call", "id": "c1", "name": "weather", "arguments": {"city": "Bern"}}],
    }
]
ANSWERED: Final = [{"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "21 degrees"}]}]


def _messages(asked: list[Any], answered: object) -> dict[str, str]:
    return {"gen_ai.input.messages": orjson.dumps(asked).decode(), "gen_ai.output.messages": _text(answered)}


def _text(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _call(writer: Writer, span_id: str, at_ms: int, **fields: Any) -> None:
    fields = {
        "parent_id": ROOT_SPAN, "kind": "llm_call", "backend": "openai", "model": "gpt-5", "name": "chat gpt-5",
        "start": START + at_ms * 1_000, "end": START + (at_ms + 50) * 1_000, **fields,
    }  # fmt: skip
    writer.span(RUN, span_id, **fields)


def _stream(writer: Writer, text: str, **fields: Any) -> None:
    attributes = {**_messages([{"role": "user", "content": "A poem, please."}], text), "spantail.stream.chunks": 3}
    fields = {"end": None, "tokens": {"output": 3}, "attributes": attributes, **fields}
    _call(writer, STREAM, 900, **fields)


def _write(writer: Writer) -> None:
    writer.span(RUN, name="plan a day")
    _call(writer, FIRST, 10, attributes=_messages(ASKED, CALLED), cost_nano=2_000_000, cost_source="calculated")
    writer.span(
        RUN, TOOL, parent_id=ROOT_SPAN, kind="tool", name="execute_tool weather", start=START + 100_000,
        end=START + 200_000, attributes={"gen_ai.tool.call.id": "c1", "gen_ai.tool.name": "weather"},
    )  # fmt: skip
    _call(writer, SECOND, 300, attributes=_messages([*ASKED, *CALLED, *ANSWERED], HOSTILE))
    chain = {"parent_id": ROOT_SPAN, "start": START + 500_000, "end": START + 700_000}
    writer.span(RUN, GROUP, kind="llm_group", name="write letter", **chain)
    _call(
        writer, PASSED, 500, parent_id=GROUP, backend="claude_cli", status="skipped", event="llm_call_skip", attempt=1
    )
    _call(
        writer, SERVED, 510, parent_id=GROUP, backend="langchain", attempt=2, fallback_from="claude_cli",
        fallback_reason="not_installed", attributes=_messages(ASKED, "Dear Ada"),
    )  # fmt: skip
    _stream(writer, "Roses are")


async def test_what_was_said(new_redis_url: str, browser: Browser, tmp_path: Path) -> None:
    with (
        Writer(new_redis_url) as writer,
        spantail_process("serve", "--port", "0", cwd=tmp_path, SPANTAIL_REDIS_URL=new_redis_url) as service,
    ):
        service.await_ready()
        _write(writer)
        async with open_page(browser, service.url) as (page, _):
            await page.goto(f"/runs/{RUN}?span={SECOND}")
            await _in_the_details(page)
            await page.goto(f"/runs/{RUN}?span={GROUP}")
            await _as_a_chain(page)
            await page.goto(f"/runs/{RUN}?view=transcript")
            await _as_a_transcript(page, writer)


async def _in_the_details(page: Page) -> None:
    details = RunPage(page).details
    answer = details.get_by_role("article", name="Assistant").last
    await expect(answer.locator("strong")).to_have_text("Sunny.")
    await expect(answer.locator("pre")).to_have_text("print(1)")
    # HTML is text, no picture is fetched, and a link runs nothing and says where it leads
    await expect(answer).to_contain_text("<img src=https://example.org/x.png onerror=alert(1)>")
    await expect(answer.locator("img")).to_have_count(0)
    await expect(answer.locator("a")).to_have_count(2)
    await expect(answer.get_by_role("link", name="the page")).to_have_attribute("rel", "noopener noreferrer nofollow")
    await expect(answer).to_contain_text("the page example.org")
    assert await answer.locator("p").last.evaluate(_BEGINS_AT_THE_RIGHT)  # Hebrew
    call = details.locator("details.tool-call")
    await expect(call.locator("summary")).to_contain_text("weather")
    await expect(call.locator("summary")).to_contain_text("→ 21 degrees")
    await call.locator("summary").press("Enter")
    await expect(call.get_by_text("Arguments")).to_be_visible()
    wide = details.get_by_role("button", name="Wide")
    before = await details.evaluate("element => element.offsetWidth")
    await wide.click()
    await expect(wide).to_have_attribute("aria-pressed", "true")
    assert await details.evaluate("element => element.offsetWidth") > before


async def _as_a_chain(page: Page) -> None:
    chain = RunPage(page).details.locator(".chain-section")
    await expect(chain).to_contain_text("Served by langchain; claude_cli was skipped, as expected.")
    attempts = chain.get_by_role("listitem")
    await expect(attempts).to_have_count(2)
    await expect(attempts.first).to_contain_text("skipped: not installed")
    await expect(attempts.first).to_contain_text("nothing was paid")
    await expect(attempts.last).to_contain_text("served")


async def _as_a_transcript(page: Page, writer: Writer) -> None:
    transcript = page.get_by_role("region", name="Transcript")
    stories = transcript.locator(".story")
    await expect(stories).to_have_count(6)
    await expect(stories.nth(0)).to_contain_text("plan a day")
    await expect(stories.nth(1)).to_contain_text("How is the weather in Bern?")
    # the tool's span says nothing itself: what it was asked is in the call
    await expect(stories.nth(2)).to_contain_text("city: Bern")
    # what was said before, and what the tool gave back, is not told again
    await expect(stories.nth(3)).to_contain_text("Sunny.")
    await expect(stories.nth(3)).not_to_contain_text("How is the weather")
    await expect(stories.nth(4)).to_contain_text("claude_cli skipped: not installed")
    await expect(stories.nth(5)).to_contain_text("Roses are")
    await expect(stories.nth(5)).to_contain_text("is being written")
    _stream(writer, "Roses are red, and this is new", rev=2)
    await expect(stories.nth(5)).to_contain_text("and this is new")
    _stream(writer, "Roses are red.", rev=3, end=START + 990_000)
    await expect(stories.nth(5)).to_contain_text("Roses are red.")
    await expect(stories.nth(5)).not_to_contain_text("is being written")

    await stories.nth(0).focus()
    await page.keyboard.press("ArrowDown")
    await expect(stories.nth(1)).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(f"/runs/{RUN}?view=transcript&span={FIRST}")
    await expect(stories.nth(1)).to_have_attribute("aria-current", "true")
    await stories.nth(0).focus()
    await page.keyboard.press("ArrowLeft")
    await expect(stories).to_have_count(1)
    await page.keyboard.press("ArrowRight")
    await expect(stories).to_have_count(6)

    # What is chosen stays in sight while what was said above it still comes.
    await page.set_viewport_size({"width": 1280, "height": 640})
    await page.goto(f"/runs/{RUN}?view=transcript&span={GROUP}")
    await expect(stories.nth(3)).to_contain_text("Sunny.")
    await expect(stories.nth(4)).to_contain_text("Dear Ada")
    await expect(stories.nth(4)).to_have_attribute("aria-current", "true")
    await expect(stories.nth(4).locator(".story-head")).to_be_in_viewport()
