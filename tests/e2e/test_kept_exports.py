"""What eleven libraries, a web application and the Claude CLI export, each opened in a browser as its user would.

One service and one browser for all of them: to open a run is quick, to start these is not.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from playwright.async_api import expect

from tests.e2e.page import RunPage, exact_usd
from tests.e2e.viewer import client_of
from tests.exports.sources import SOURCES
from tests.support.otlp.exports import in_runs_of_their_own, log_requests, trace_requests
from tests.support.page.browser import open_page

if TYPE_CHECKING:
    import httpx
    from playwright.async_api import Browser, Page

    from tests.e2e.conftest import Start
    from tests.exports.sources import Source

_PROTOBUF: Final = {"content-type": "application/x-protobuf"}


class Expected(NamedTuple):
    """What a user looks for in the first run of an export."""

    name: str
    calls: int
    nano: int
    prompt: str
    """Words of the first prompt; empty where the application was not told to send it."""
    backend: str


EXPECTED: Final = {
    "logfire_openai": Expected("answer Ada", 4, 31_690, "What is in it?", "openai"),
    "pydantic_ai_agent": Expected("invoke_agent weather", 2, 18_600, "How is the weather?", "openai"),
    "openinference_langchain": Expected("RunnableSequence", 1, 22_950, "Which book?", "openai"),
    "openinference_anthropic": Expected("messages.create", 1, 771_000, "What is tea?", "anthropic"),
    "openllmetry": Expected("sell.workflow", 5, 1_573_110, "What is tea?", "openai"),
    "openlit_app": Expected("sell", 4, 802_070, "What is tea?", "openai"),
    "langfuse_app": Expected("sell", 2, 1_821_000, "What is tea?", "not named"),
    "mlflow_app": Expected("sell", 2, 21_020, "What is tea?", "openai"),
    "litellm_app": Expected("litellm_request", 1, 21_000, "What is tea?", "openai"),
    "litellm_in_a_span": Expected("sell", 1, 771_000, "What is tea?", "anthropic"),
    "official": Expected("GET /sell", 3, 35_870, "", "openai"),
    "vercel_ai_sdk": Expected("plan a day", 4, 184_200, "What is the weather in Bern?", "openai"),
    "vercel_ai_sdk_6": Expected("plan a day", 5, 194_200, "What is the weather in Bern?", "openai"),
    "nodejs_web_app": Expected("GET /sell/:what", 1, 10_050, "What is tea?", "openai"),
    "claude_code": Expected("claude_code.interaction", 2, 1_488_000, "What is tea?", "anthropic"),
}


async def _send(client: httpx.AsyncClient, source: Source, number: int) -> str:
    """Everything that it exported; the id of its first run."""
    traces = trace_requests(source.name)
    logs = log_requests(source.name) if source.has_logs else []
    run_id, *_ = in_runs_of_their_own(traces, number)
    in_runs_of_their_own(logs, number)
    requests = [("/v1/traces", one) for one in traces] + [("/v1/logs", one) for one in logs]
    for path, request in requests:
        answer = await client.post(path, content=request.SerializeToString(), headers=_PROTOBUF)
        assert (answer.status_code, answer.content) == (200, b"")
    return run_id


async def test_each_export_is_read_as_its_user_would(start: Start, browser: Browser) -> None:
    assert set(EXPECTED) == {source.name for source in SOURCES}
    async with (
        start(OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT="true") as service,
        client_of(service.url) as client,
        open_page(browser, service.url) as (page, _),
    ):
        await page.goto("/")
        for number, source in enumerate(SOURCES, 1):
            run_id = await _send(client, source, number)
            spans = (await client.get(f"/api/traces/{run_id}?fields=tree")).json()["spans"]
            calls = sorted((span["start"], span["span_id"]) for span in spans if span["kind"] == "llm_call")
            try:
                await _look_at(page, f"/runs/{run_id}?view=transcript&span={calls[0][1]}", EXPECTED[source.name])
            except AssertionError as error:
                error.add_note(f"the export of {source.name}")
                raise


async def _look_at(page: Page, address: str, expected: Expected) -> None:
    # As when a row of the list is chosen: the page stays, which is quicker than to load it anew.
    await page.evaluate(
        "to => { history.pushState(null, '', to); dispatchEvent(new PopStateEvent('popstate')) }", address
    )
    run = RunPage(page)
    await expect(page.get_by_role("heading", name=expected.name, exact=True).first).to_be_visible()
    await expect(run.field("LLM call" if expected.calls == 1 else "LLM calls")).to_contain_text(str(expected.calls))
    await expect(run.field("cost")).to_have_attribute("title", re.compile(rf"^{re.escape(exact_usd(expected.nano))}"))
    await expect(page.locator("#backends")).to_contain_text(expected.backend)
    await expect(run.details.locator("dt", has_text=re.compile("^Model$"))).to_be_visible()
    transcript = page.get_by_role("region", name="Transcript")
    await expect(transcript.locator(".story").first).to_be_visible()
    if expected.prompt:
        await expect(transcript).to_contain_text(expected.prompt)
    else:
        await expect(transcript).to_contain_text("What was said was not sent with this call.")
    text = await page.locator("body").inner_text()
    assert not re.search(r"\b(unknown|undefined|NaN|\[object|claude_code\.tool|ai\.toolCall)\b", text), text
