"""The CV pipeline with eyes on the page: its layers while they run, the parts that it writes, and the repair."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.async_api import expect

from spantail_service.operations.cv_pipeline.sample import CV, POSTING
from tests.e2e.page import RunPage
from tests.e2e.viewer import Viewer, client_of
from tests.support.page.browser import open_page

if TYPE_CHECKING:
    from playwright.async_api import Browser

    from tests.support.service.process import ServiceProcess
    from tests.support.work.held_world import HeldWorld

LAYERS = ["load", "parse", "analyse", "plan", "write", "validate", "assemble"]


async def test_layers_parts_and_repair_are_shown(service: ServiceProcess, world: HeldWorld, browser: Browser) -> None:
    world.gate.shut("openai")
    async with client_of(service.url) as client:
        viewer = await Viewer.start(client, "/api/operations/cv-pipeline", {"cv": CV, "posting": POSTING})
        async with open_page(browser, service.url) as (page, _):
            await page.goto(f"/runs/{viewer.run_id}")
            run = RunPage(page)
            await world.gate.held("openai")
            await the_layers_are_where_the_run_is(run)
            world.gate.open("openai")
            await expect(run.status).to_have_text("completed")
            for layer in await run.layers.all():
                await expect(layer).to_have_attribute("data-status", "complete")
            await the_parts_and_the_repair_have_rows(run)
            await what_was_decided_is_in_the_livetail(run)


async def the_layers_are_where_the_run_is(run: RunPage) -> None:
    """The first call is held: one layer is done, one runs, the others are to come."""
    await expect(run.layers).to_have_count(len(LAYERS))
    for name, status in zip(LAYERS, ["complete", "running", *["pending"] * 5], strict=True):
        await expect(run.layers.filter(has_text=name)).to_have_attribute("data-status", status)
    await expect(run.rows(kind="pipeline", name="tailor CV")).to_have_attribute("data-status", "running")


async def the_parts_and_the_repair_have_rows(run: RunPage) -> None:
    for name in ("split sections", "match demands", "draft", "check 1", "repair 1", "check 2"):
        await expect(run.rows(kind="phase", name=name)).to_have_attribute("data-status", "ok")
    for name, times in (("summary", 1), ("position 1", 2), ("position 2", 1), ("position 3", 1)):
        await expect(run.rows(kind="subphase", name=name)).to_have_count(times)  # position 1 is mended

    await run.rows(kind="phase", name="check 1").click()
    await expect(run.details).to_contain_text("position 1: “37” does not stand in the CV")
    await run.rows(kind="subphase", name="position 1").last.click()
    await expect(run.details).to_contain_text("spantail.cv.faults")


async def what_was_decided_is_in_the_livetail(run: RunPage) -> None:
    # Rows out of sight are not in the document.
    filter_box = run.livetail.get_by_role("searchbox", name="Filter events")
    for event in (
        "decision_point",
        "validation_result",
        "cv_struct_complete",
        "subphase_complete",
        "pipeline_complete",
    ):
        await filter_box.fill(event)
        await expect(run.livetail.locator(f'[data-event="{event}"]').filter(visible=True).first).to_be_visible()
