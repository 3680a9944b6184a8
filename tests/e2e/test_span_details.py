"""What the page says of one span: every digit of its attributes, where it comes from, what it cost and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from playwright.async_api import expect

from tests.e2e.page import RunPage
from tests.integration.service.harness import OTHER_RUN, ROOT_SPAN, RUN, START, Writer, spantail_process
from tests.support.page.browser import open_page

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.async_api import Browser, Locator

CALL = "00f067aa0ba902b8"
UNPRICED = "00f067aa0ba902b9"
EXACT = 2**53 + 1
INT64_MIN = -(2**63)
HOSTILE = "<img src=x onerror=alert(1)>"
FLIPPED = "safe\u202egnp.exe"
SETTING = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
NOTE = "flex tier: no price known"

RESOURCE: dict[str, Any] = {
    "attributes": {
        "service.name": "shop", "service.version": "1.4.2", "deployment.environment.name": "production",
        "host.id": EXACT, "process.command": HOSTILE,
    },
    "dropped": 2,
    "schema_url": "https://opentelemetry.io/schemas/1.37.0",
}  # fmt: skip
SCOPE: dict[str, Any] = {"name": "my.library", "version": "0.3", "attributes": {"team": FLIPPED}}
CALL_FIELDS: dict[str, Any] = {
    "parent_id": ROOT_SPAN, "kind": "llm_call", "span_kind": "client", "backend": "openai", "model": "gpt-5",
    "name": "chat gpt-5", "start": START + 1_000, "end": START + 900_000, "resource": "0", "scope": "0",
    "tokens": {"input": 1_200, "output": 96}, "cost_usd": 0.0123, "cost_nano": 12_300_000, "cost_source": "calculated",
    "status_code": "ok", "trace_state": f"vendor={HOSTILE}", "flags": 0x101, "clock_skew_us": 1_200_000,
    "dropped": {"attributes": 3, "events": 1}, "types": {"ratio": "double", "least": "double"},
    "content": [
        {"field": "gen_ai.input.messages", "bytes": 11_000, "setting": SETTING, "where": "service"},
        {"field": "gen_ai.output.messages", "bytes": 1_000, "setting": SETTING, "where": "service"},
    ],
    "attributes": {
        "order.id": EXACT, "row.id": INT64_MIN, "ids": [EXACT, {"deep": EXACT}], "ratio": "NaN", "least": "-Infinity",
        "said": f'{{"id": {EXACT}, "x": 1.0}}', "spantail.cost.price_version": "0.0.37",
        "text": f'"x":{EXACT},', "file": FLIPPED,
    },
    "links": [
        {"run_id": OTHER_RUN, "span_id": ROOT_SPAN, "attributes": {"n": EXACT}, "flags": 1},
        {"odd_ids": {"trace_id": "abcd", "span_id": "ff"}, "attributes": {}},
    ],
}  # fmt: skip


def _write(writer: Writer) -> None:
    sources = {"r:0": RESOURCE, "s:0": SCOPE}
    writer.span(
        RUN, end=START + 2_000_000, name="GET /cart", span_kind="server", resource="0", service="shop", sources=sources
    )
    writer.span(RUN, CALL, account="0 0 1200 96 12300000 openai\n", **CALL_FIELDS)
    writer.span(
        RUN, UNPRICED, parent_id=ROOT_SPAN, kind="llm_call", backend="openai", name="chat gpt-5", model="gpt-5",
        start=START + 950_000, end=START + 1_900_000, tokens={"input": 3, "output": 4}, cost_source="unpriced",
        cost_note=NOTE, account="0 1 3 4 0 openai\n",
    )  # fmt: skip


def _value(details: Locator, key: str) -> Locator:
    """The value of an attribute of the span itself: the first table there is."""
    row = details.locator(".attributes tr").filter(has=details.page.get_by_role("rowheader", name=key, exact=True))
    return row.locator("td").first


def _field(details: Locator, name: str) -> Locator:
    return details.locator(f'.field-list > dt:text-is("{name}") + dd').first


async def test_everything_that_was_sent_of_a_span_is_shown(
    new_redis_url: str, browser: Browser, tmp_path: Path
) -> None:
    with (
        Writer(new_redis_url) as writer,
        spantail_process("serve", "--port", "0", cwd=tmp_path, SPANTAIL_REDIS_URL=new_redis_url) as service,
    ):
        _write(writer)
        service.await_ready()
        async with open_page(browser, service.url, permissions=["clipboard-read", "clipboard-write"]) as (page, _):
            await page.goto(f"/runs/{RUN}?span={CALL}")
            run = RunPage(page)
            details = run.details

            # every digit, and what JSON has no number for
            await expect(_value(details, "order.id")).to_have_text(str(EXACT))
            await expect(_value(details, "row.id")).to_have_text(str(INT64_MIN))
            await expect(_value(details, "ids")).to_have_text(f'[{EXACT},{{"deep":{EXACT}}}]')
            await expect(_value(details, "ratio")).to_have_text("NaN")
            await expect(_value(details, "least")).to_have_text("-Infinity")
            await expect(_value(details, "said")).to_have_text(f"id: {EXACT}x: 1.0")
            await expect(_value(details, "text")).to_have_text(f'"x":{EXACT},')
            await details.get_by_role("button", name="Copy the span as JSON").click()
            await expect(details.locator("#details-copy")).to_have_attribute("data-answer", "Copied")
            copied = orjson.loads(await page.evaluate("navigator.clipboard.readText()"))
            assert copied["attributes"] == CALL_FIELDS["attributes"]
            assert copied["resource_details"] == RESOURCE

            # kind, status, cost, clock, what is missing
            await expect(details.locator(".details-head")).to_contain_text("client")
            await expect(_field(details, "Status code")).to_have_text("OK")
            await expect(_field(details, "Cost source")).to_have_text("calculated by genai-prices 0.0.37")
            await expect(_field(details, "Clock")).to_have_text("about 1.20 s ahead of the root's")
            await expect(_field(details, "Dropped")).to_have_text("3 attributes and 1 event")
            await expect(_field(details, "Flags")).to_have_text("0x101 (sampled, parent in the same process)")
            await expect(_field(details, "Trace state")).to_have_text(f"vendor={HOSTILE}")
            content = details.get_by_role("region", name="Content that was not kept")
            await expect(content).to_have_text(
                "gen_ai.input.messages and gen_ai.output.messages, 12 kB, were not kept. "
                f"Set {SETTING} on the service to keep them."
            )

            # where it comes from
            scope = details.locator(".details-section", has=page.get_by_role("heading", name="Instrumentation scope"))
            await expect(scope.locator(".source-name")).to_have_text("my.library 0.3")
            await expect(scope.locator("td").first).to_have_text("safeU+202Egnp.exe")
            resource = details.locator(".details-section", has=page.get_by_role("heading", name="Resource"))
            await expect(resource).to_contain_text("production")
            await expect(_value(resource, "host.id")).to_have_text(str(EXACT))
            await expect(_value(resource, "process.command")).to_have_text(HOSTILE)
            await expect(resource).to_contain_text("2 attributes")

            # links, odd ones included
            links = details.locator(".link-list > li")
            await expect(links.nth(0).get_by_role("link")).to_have_attribute(
                "href", f"/runs/{OTHER_RUN}?span={ROOT_SPAN}"
            )
            await expect(links.nth(0)).to_contain_text(str(EXACT))
            await expect(links.nth(1)).to_contain_text("abcd / ff")
            await expect(links.nth(1).get_by_role("link")).to_have_count(0)

            # as the service has it
            await details.get_by_text("Raw JSON").click()
            await expect(details.locator(".raw .value-long")).to_contain_text('"span_id"')

            # the reason for a missing price: in the tree, in the head, in the details
            await expect(run.field("cost")).to_have_attribute("title", f"$0.0123, and 1 call without a price\n{NOTE}")
            await expect(run.row(UNPRICED).locator(".cell-cost")).to_have_attribute(
                "title", f"1 call without a price\nno price: {NOTE}"
            )
            await expect(run.row(CALL).locator(".cell-cost")).to_have_attribute(
                "title", "$0.0123, calculated by genai-prices"
            )
            await run.row(UNPRICED).click()
            await expect(_field(details, "Cost source")).to_have_text(f"no price: {NOTE}")
            await expect(_field(details, "Status code")).to_have_text("unset")

            # the list says where the run ran, and is narrowed by it
            await expect(page.locator(".run-when")).to_contain_text("shop 1.4.2 · production")
            await expect(run.row(ROOT_SPAN).locator(".row-name")).to_have_attribute(
                "title", "GET /cart · HTTP · server"
            )


async def test_the_list_is_narrowed_by_environment_and_version(
    new_redis_url: str, browser: Browser, tmp_path: Path
) -> None:
    runs = {f"{number:032x}": ("production" if number % 2 else "test", f"1.{number % 3}") for number in range(1, 7)}
    with (
        Writer(new_redis_url) as writer,
        spantail_process("serve", "--port", "0", cwd=tmp_path, SPANTAIL_REDIS_URL=new_redis_url) as service,
    ):
        service.await_ready()
        writer.span(OTHER_RUN, end=START + 5)
        async with open_page(browser, service.url) as (page, _):
            await page.goto(f"/runs/{OTHER_RUN}")
            items = page.locator(".run-item")
            await expect(items).to_have_count(1)
            environment = page.get_by_label("Environment", exact=True)
            await expect(environment).to_be_hidden()  # there is nothing to choose
            for number, (run_id, (place, version)) in enumerate(runs.items()):
                attributes = {"deployment.environment.name": place, "service.version": version}
                sources = {"r:0": {"attributes": attributes}}
                writer.span(run_id, start=START + number, end=START + number + 5, resource="0", sources=sources)
            await expect(items).to_have_count(7)
            await expect(environment).to_be_visible()
            await environment.select_option("production")
            await expect(items).to_have_count(3)
            await page.get_by_label("Version", exact=True).select_option("1.1")
            await expect(items).to_have_count(1)
            await expect(items.first).to_have_attribute("data-run-id", f"{1:032x}")
            await page.get_by_label("Version", exact=True).select_option("")
            await expect(items).to_have_count(3)
            # what begins elsewhere stays out of sight
            elsewhere = {"attributes": {"deployment.environment": "production"}}
            writer.span("b" * 32, start=START + 100)
            writer.span("c" * 32, start=START + 101, resource="0", sources={"r:0": elsewhere})
            await expect(items).to_have_count(4)
            await expect(items.first).to_have_attribute("data-run-id", "c" * 32)


async def test_a_call_shows_what_it_has_cost_so_far(new_redis_url: str, browser: Browser, tmp_path: Path) -> None:
    with (
        Writer(new_redis_url) as writer,
        spantail_process("serve", "--port", "0", cwd=tmp_path, SPANTAIL_REDIS_URL=new_redis_url) as service,
    ):
        call: dict[str, Any] = {
            "kind": "llm_call",
            "name": "chat gpt-4o",
            "backend": "langchain",
            "parent_id": ROOT_SPAN,
        }
        writer.span(RUN)
        writer.span(RUN, CALL, **call)
        service.await_ready()
        async with open_page(browser, service.url) as (page, _):
            await page.goto(f"/runs/{RUN}")
            run = RunPage(page)
            cost = run.row(CALL).locator(".cell-cost")
            await expect(run.row(CALL)).to_be_visible()
            await expect(cost).to_have_text("")
            writer.span(RUN, CALL, **call, rev=2, attributes={"spantail.cost.estimate_usd": 0.0012})
            await expect(cost).to_have_text("≈ $0.0012")
            await expect(cost).to_have_attribute("title", "Estimated while the answer is streamed")
            await expect(run.field("cost")).not_to_contain_text("0.0012")  # it is in no sum

            usage = {"cost_nano": 1_500_000, "cost_usd": 0.0015, "cost_source": "calculated"}
            writer.span(RUN, CALL, **call, rev=3, end=START + 5, **usage)
            await expect(cost).to_have_text("$0.0015")
            await expect(cost).not_to_have_attribute("data-estimate", "")
