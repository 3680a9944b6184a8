"""Spans that are hard to show: names and texts that do not fit or turn their direction, values of megabytes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import orjson
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from playwright.async_api import expect

from tests.e2e.page import RunPage
from tests.e2e.viewer import client_of
from tests.support.page.browser import open_page

if TYPE_CHECKING:
    import httpx
    from playwright.async_api import Browser, Page

    from tests.e2e.conftest import Start

RUN: Final = "0af7651916cd43dd8448eb211c80319c"
ROOT, CALL, FAILED, REQUEST, SEARCH = (f"00f067aa0ba902{number:02x}" for number in range(1, 6))
NAME: Final = f"{'a long name ' * 165}\u732b \U0001f469\u200d\U0001f467 \u202egnp.exe"
TEXT: Final = (
    "# \u6f22\u5b57 \U0001f469\u200d\U0001f467\n\n| heading | second |\n|---|--:|\n"
    f"| {'w' * 90} | `code` |\n\n> quote\n> > within\n\n```python\nprint({'x' * 300})\n```\n\n"
    f'<div style="position:fixed;inset:0">over all</div> \u202eturned\u202c {"y" * 500}\n\n{chr(0x6F22) * 300}'
)
BIG: Final = 10_000_000

_TOO_WIDE: Final = """() => {
  const clipped = (element) => {
    for (let at = element.parentElement; at; at = at.parentElement)
      if (getComputedStyle(at).overflowX !== "visible" && at.id !== "details-body") return at !== document.body;
    return false;
  };
  const places = ["html", "main", ".run", "#details-body", ".transcript-viewport"];
  const scrolled = places.filter((place) => {
    const element = document.querySelector(place);
    return element && element.clientWidth > 0 && element.scrollWidth > element.clientWidth + 1;
  });
  const outside = [...document.querySelectorAll("main *")].filter((element) => {
    const { width, right } = element.getBoundingClientRect();
    return width > 1 && right > innerWidth + 1 && !clipped(element);
  });
  return [...scrolled, ...outside.map((element) => element.outerHTML.slice(0, 80))];
}"""


def _deep(levels: int) -> Any:
    value: Any = "end"
    for level in range(levels):
        value = {f"level_{level}": [value, level]}
    return value


def _messages(role: str, text: str, **more: Any) -> str:
    return orjson.dumps([{"role": role, "parts": [{"type": "text", "content": text}], **more}]).decode()


async def _send(client: httpx.AsyncClient, *spans: tuple[str, str, dict[str, str]], service: str = "shop") -> None:
    """Spans below the root, by id, name and attributes; one called "fails" has failed."""
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.add(key="service.name").value.string_value = service
    scope = group.scope_spans.add()
    now = int(time.time() * 1e9)
    for span_id, name, attributes in spans:
        span = scope.spans.add(name=name, start_time_unix_nano=now, end_time_unix_nano=now + 5_000_000)
        span.trace_id, span.span_id = bytes.fromhex(RUN), bytes.fromhex(span_id)
        span.parent_span_id = b"" if span_id == ROOT else bytes.fromhex(ROOT)
        for key, value in attributes.items():
            span.attributes.add(key=key).value.string_value = value
        if name == "fails":
            span.status.code, span.status.message = 2, "E" * 500
            event = span.events.add(name="exception", time_unix_nano=now)
            event.attributes.add(key="exception.type").value.string_value = "T" * 300
            event.attributes.add(key="exception.message").value.string_value = "M" * 500 + TEXT
    headers = {"content-type": "application/x-protobuf"}
    answer = await client.post("/v1/traces", content=request.SerializeToString(), headers=headers)
    assert (answer.status_code, answer.content) == (200, b"")


def _call(prompt: str, **attributes: str) -> dict[str, str]:
    model = {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o-mini"}
    return {**model, "gen_ai.input.messages": _messages("user", prompt), **attributes}


async def test_nothing_is_cut_off_and_nothing_moves_the_layout(start: Start, browser: Browser) -> None:
    call = _call(
        TEXT,
        **{
            "gen_ai.request.model": "m" * 400,
            "gen_ai.output.messages": _messages("assistant", TEXT, finish_reason="f" * 200),
            "k" * 200: "v" * 300,
            "deep": orjson.dumps(_deep(60)).decode(),
        },
    )
    request = {"http.request.method": "GET", "url.full": "https://example.org/" + "u" * 900, "db.system": "d" * 99}
    found = [{"page_content": TEXT, "metadata": {"source": "s" * 300}, "score": 0.5}]
    search = {"openinference.span.kind": "RETRIEVER", "input.value": NAME, "output.value": orjson.dumps(found).decode()}
    async with (
        start(OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT="true") as service,
        client_of(service.url) as client,
        open_page(browser, service.url) as (page, _),
    ):
        await _send(
            client, (ROOT, NAME, {}), (CALL, "chat " + "m" * 400, call), (FAILED, "fails", {}),
            (REQUEST, "GET", request), (SEARCH, "search", search), service="s" * 200,
        )  # fmt: skip
        await page.goto("/")
        # as wide as a telephone, and a desk with its page at 200 %
        for width, height in ((390, 844), (720, 450)):
            await page.set_viewport_size({"width": width, "height": height})
            for span_id in (ROOT, CALL, FAILED, REQUEST, SEARCH) if width == 390 else (CALL, FAILED):
                await _go(page, f"/runs/{RUN}?span={span_id}")
                details = RunPage(page).details
                await expect(details).to_contain_text(span_id)
                assert await page.evaluate(_TOO_WIDE) == [], (width, span_id)
                name = await details.locator("#details-title").inner_text()
                assert "\u202e" not in name  # it would turn what stands behind it
            await _go(page, f"/runs/{RUN}?view=transcript")
            await expect(page.locator(".story").first).to_be_visible()
            await expect(page.get_by_role("region", name="Transcript")).to_contain_text("⟨U+202E⟩turned⟨U+202C⟩")
            assert await page.evaluate(_TOO_WIDE) == [], (width, "transcript")
        assert await page.locator(".prose div[style]").count() == 0


async def _go(page: Page, address: str) -> None:
    """As when a row is chosen: the page stays."""
    go = "to => { history.pushState(null, '', to); dispatchEvent(new PopStateEvent('popstate')) }"
    await page.evaluate(go, address)


@pytest.mark.parametrize(("limit", "size"), [("", "32.8 kB"), ("20000000", "10 MB")], ids=["cut", "whole"])
async def test_a_value_of_ten_megabytes(start: Start, browser: Browser, limit: str, size: str) -> None:
    big = _call("short", text="big words " * (BIG // 10))
    long = _call("word " * 250_000)
    settings = {"SPANTAIL_MAX_VALUE_BYTES": limit} if limit else {}
    async with (
        start(OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT="true", **settings) as service,
        client_of(service.url) as client,
        open_page(browser, service.url) as (page, _),
    ):
        await _send(client, (ROOT, "root", {}), (CALL, "chat gpt-4o-mini", big), (SEARCH, "chat gpt-4o-mini", long))
        await page.goto(f"/runs/{RUN}?span={CALL}")
        details = RunPage(page).details
        more = details.get_by_role("button", name=size)
        await expect(more).to_be_visible()
        assert await details.evaluate("element => element.textContent.length") < 50_000  # the rest is asked for
        await more.click()
        assert await details.evaluate("element => element.textContent.length") < 150_000
        await _go(page, f"/runs/{RUN}?span={SEARCH}")
        await expect(details.get_by_role("article", name="User")).to_contain_text("word word")
        assert await details.evaluate("element => element.textContent.length") < 50_000
        await _go(page, f"/runs/{RUN}?span={ROOT}")
        await expect(details).to_contain_text(ROOT)
