"""The page's links out of a run lead to that run: clicked in a real browser, at a real Jaeger."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import expect

from tests.e2e.page import RunPage
from tests.e2e.viewer import SMALL_SEARCH, Viewer, client_of
from tests.support.page.browser import open_page
from tests.support.waiting import eventually_async

if TYPE_CHECKING:
    from playwright.async_api import Browser

    from tests.interop.conftest import Stage

pytestmark = pytest.mark.xdist_group("jaeger")  # what its fixtures start is started once


async def test_the_links_of_a_run_open_that_run(stage: Stage, browser: Browser) -> None:
    async with client_of(stage.service.url) as client:
        viewer = await Viewer.start(client, "/api/jobs/search", SMALL_SEARCH)
        await viewer.to_the_end()
        run_id, spans = viewer.run_id, await viewer.spans()
    await eventually_async(lambda: len(stage.jaeger.spans(run_id)) >= len(spans), 30, what="the run in Jaeger")

    async with open_page(browser, stage.service.url) as (page, _):
        await page.goto(f"/runs/{run_id}")
        await expect(RunPage(page).status).to_have_text("completed")
        async with page.expect_popup() as opening:
            await page.get_by_role("link", name="jaeger").click()
        opened = await opening.value
        await opened.wait_for_load_state()
        assert opened.url == stage.jaeger.link(run_id)
        assert await opened.evaluate("document.referrer") == "", "Jaeger is not told where the reader comes from"
        # What its page would read from there, as the same browser gets it; the page itself is not in Jaeger's module.
        shown = await opened.evaluate("id => fetch(`/api/traces/${id}`).then(answer => answer.json())", run_id)
        assert {span["spanID"] for span in shown["data"][0]["spans"]} == spans.keys()

        grafana = await page.get_by_role("link", name="grafana").get_attribute("href")
    link = urlsplit(grafana or "")
    (pane,) = json.loads(parse_qs(link.query)["panes"][0]).values()
    assert (link.netloc, link.path, pane["queries"][0]["query"]) == ("127.0.0.1:3000", "/explore", run_id)
    begins, ends = (int(pane["range"][edge]) * 1_000 for edge in ("from", "to"))
    assert begins < min(span["start"] for span in spans.values())
    assert ends > max(span["end"] for span in spans.values())
