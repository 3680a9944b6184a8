"""Markup in every text that a run can carry, in a real browser with the policy on: shown, never obeyed.

Each text would call `fired`, were it taken as markup, as an address or as a script. The page asks no other server (an
image or a style of somebody's making would), no dialog opens, and the policy has nothing to block, for nothing is made
of a text but text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest
from playwright.async_api import expect

from spantail_exporters.model.changes import Change
from tests.e2e.page import RunPage
from tests.integration.service.harness import ROOT_SPAN, START, Writer, line, state
from tests.support.page.browser import open_page
from tests.support.service.served import served_app

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

PAYLOADS = [
    "<img src=x onerror=fired()>",
    '"><svg onload=fired()>',
    "'-fired()-'",
    "</script><script>fired()</script>",
    "javascript:fired()//",
    "{{constructor.constructor('fired()')()}}",
    '" x-data x-init="fired()" x-on:click="fired()" autofocus onfocus="fired()',
    "<iframe srcdoc='<script>parent.fired()</script>'>",
    "<a href='javascript:fired()'>x</a><style>@import '//evil.example'</style>",
    "url(javascript:fired()) ; background:url(//evil.example/x)",
    "data:text/html,<script>fired()</script>",
    "\u202egnp.exe\u2066 \x1b]8;;javascript:fired()\x07 \x00 \ud7ff",
]
LLM, LAYER, OTHER = "1" * 16, "2" * 16, "3" * 16


def _every_field(payload: str) -> dict[str, Any]:
    """The fields of an event that take a text, each with the payload."""
    words = ("name", "service", "runner", "backend", "tier", "model", "cost_source", "cost_note", "attempt", "layer",
             "fallback_from", "fallback_reason", "trace_state", "status_message", "span_kind", "scope",
             "resource")  # fmt: skip
    keys = ("spantail.run.name", "spantail.session.id", "spantail.user.id", "url.full", "href", "link", payload,
            "gen_ai.input.messages", "gen_ai.output.messages", "input.value", "http.url",
            "spantail.fallback.to")  # fmt: skip
    return {
        **dict.fromkeys(words, payload),
        "progress": {"done": 1, "total": 2, "message": payload},
        "attributes": {
            **dict.fromkeys(keys, payload), "nested": {payload: [payload, {payload: payload}]},
            "spantail.layers": [payload],
            "messages": '[{"role":"x","content":"<img src=x onerror=fired()>"}]',
        },
        "span_events": [{"ts": START + 1, "name": payload, "attributes": {payload: payload}}],
        "links": [{"run_id": "a" * 32, "span_id": "b" * 16, "attributes": {payload: payload}, "trace_state": payload}],
        "error": {"type": payload, "message": payload, "traceback": f"{payload}\n  File {payload}"},
    }  # fmt: skip


def _store(writer: Writer, run_id: str, payload: str, *, end: bool) -> None:
    fields = _every_field(payload)
    over = {"end": START + 9_000_000, "status": "error"} if end else {}

    def span(span_id: str, kind: str, **more: Any) -> Change:
        event = {"rev": 1, "kind": kind, "event": f"{kind}_{'error' if end else 'start'}", **fields, **over, **more}
        layers = b""
        if kind == "layer":
            layers = orjson.dumps({"name": payload, "status": "running", "done": 1, "total": 2})
        account = f"1 0 5 7 900 {payload}\n{payload}" if kind == "llm_call" and end else ""
        parent = more.get("parent_id") or ""
        return Change(
            span_id,
            parent,
            [state(run_id, span_id, **event)],
            account=account.replace("\n" + payload, "\nx"),
            layers=layers,
        )

    writer.write(run_id, [
        span(ROOT_SPAN, "operation"), span(LAYER, "layer", parent_id=ROOT_SPAN), span(LLM, "llm_call", parent_id=LAYER),
        span(OTHER, "tool", parent_id=LLM),
        *(Change("", "", [_with(line(run_id, number), level=payload, logger=payload, message=payload, service=payload,
                                error={"type": payload, "message": payload, "traceback": payload},
                                attributes={payload: payload})]) for number in range(2)),
        Change("", "", [_with(state(run_id, LLM), event=payload, name=payload, attributes={payload: payload})]),
    ])  # fmt: skip


def _with(said: bytes, /, **fields: Any) -> bytes:
    return orjson.dumps({**orjson.loads(said), **fields})


async def _nothing_fired(page: Page) -> None:
    assert await page.evaluate("window.times") == 0
    assert (
        await page.evaluate("document.querySelectorAll('script:not([src]), iframe, object, embed, base').length") == 0
    )
    odd = await page.evaluate(
        """() => [...document.querySelectorAll('*')].flatMap(e => [...e.attributes]
            .filter(a => /^on/i.test(a.name) || (/^(href|src|action|formaction|xlink:href|data)$/i.test(a.name)
                && !/^(\\/|#|https?:\\/\\/(localhost|127\\.0\\.0\\.1)|data:image\\/)/.test(a.value)))
            .map(a => `${e.tagName} ${a.name}=${a.value}`))"""
    )
    assert odd == []


@pytest.mark.parametrize("end", [False, True], ids=["running", "ended"])
async def test_no_text_is_taken_as_markup(new_redis_url: str, browser: Browser, *, end: bool) -> None:
    runs = [f"{number:032x}" for number in range(1, len(PAYLOADS) + 1)]
    with Writer(new_redis_url) as writer:
        for run_id, payload in zip(runs, PAYLOADS, strict=True):
            _store(writer, run_id, payload, end=end)
        links = {
            "jaeger_link": "http://localhost:16686/trace/{trace_id}?service={service}",
            "grafana_link": 'http://localhost:3000/explore?left={"q":"{trace_id}","s":"{service}"}',
        }
        async with (
            served_app(new_redis_url, **links) as served,
            open_page(browser, f"http://{served.address}", viewport={"width": 1440, "height": 1500}) as (
                page,
                complaints,
            ),
        ):
            dialogs: list[str] = []
            page.on("dialog", lambda dialog: dialogs.append(dialog.message))
            await page.add_init_script(
                "window.times = 0; window.fired = () => { window.times += 1 };"
                "document.addEventListener('securitypolicyviolation', () => { window.times += 1 })"
            )
            await page.goto("/")
            await expect(page.locator(".run-item").first).to_be_visible()
            await _nothing_fired(page)
            run = RunPage(page)
            for run_id in runs:
                await page.goto(f"/runs/{run_id}?span={LLM}")
                await expect(run.row(LLM)).to_be_visible()
                for span_id in (ROOT_SPAN, LAYER, LLM, OTHER):
                    await run.row(span_id).click()
                    await expect(run.details).to_be_visible()
                    for button in await run.details.get_by_role("tab").all():
                        await button.click()
                    await page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
                    for thing in await run.details.locator("summary").all():
                        await thing.hover(timeout=2_000)
                await _nothing_fired(page)
                await page.keyboard.press("Escape")
                if not end:  # what comes while one looks goes another way than what was there
                    _live(writer, run_id, PAYLOADS[runs.index(run_id)])
                    await expect(run.livetail).to_contain_text("came later")
                await _nothing_fired(page)
            for address in (
                "/docs",
                "/login?next=" + "/" + "%22%3E%3Cscript%3Efired()%3C/script%3E",
                "/runs/%3Cscript%3Efired()",
            ):
                await page.goto(address)
                await _nothing_fired(page)
            assert dialogs == []
            complaints[:] = [
                said for said in complaints if "404" not in said and "422" not in said and "400" not in said
            ]


def _live(writer: Writer, run_id: str, payload: str) -> None:
    message = f"came later {payload}"
    writer.write(run_id, [Change("", "", [_with(line(run_id, 9), level=payload, logger=payload, message=message)])])
    writer.write(run_id, [Change(
        "4" * 16, LLM, [state(run_id, "4" * 16, **{**_every_field(payload), "kind": "tool", "parent_id": LLM})]
    )])  # fmt: skip
