"""axe finds nothing: each page in each state, light and dark, on a desk and on a telephone; and what is small fits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.e2e.rare_states import full_states_of
from tests.e2e.states import DESK, TELEPHONE, states_of
from tests.support.page.axe import source, violations_of

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

AS_ON_A_DESK: Final = ("empty", "run-menu", "components", "details-error", "no-run")
"""States of which a telephone shows nothing else."""

COLOURS: Final = ["color-contrast"]
"""Half of what axe takes its time for; a telephone has those of a desk."""

SMALL: Final = ((768, 1024), (640, 400), (390, 844), (320, 256))
"""Sizes in pixels to which a page has to fit; two of them are a desk's 1280 x 800 at two and at four times its size
(WCAG 1.4.4, 1.4.10)."""

_FAULTS_WHEN_SMALL: Final = """() => {
  const found = [];
  if (document.body.scrollWidth > innerWidth) found.push("it is too wide");
  const bar = [...document.querySelectorAll(".topbar > :not(.sections)")].filter((one) => one.checkVisibility());
  const middles = bar.map((one) => one.getBoundingClientRect()).map(({ top, height }) => top + height / 2);
  if (middles.some((middle) => Math.abs(middle - middles[0]) > 4)) found.push("its bar has two lines");
  const tree = document.querySelector("#trace-viewport");
  if (tree?.checkVisibility() && tree.clientHeight < 90) found.push(`its tree is ${tree.clientHeight} px high`);
  const page = document.scrollingElement;
  page.scrollTo(0, page.scrollHeight);
  const end = document.querySelector(".workspace")?.getBoundingClientRect().bottom ?? 0;
  if (end > innerHeight + 1) found.push("its end cannot be scrolled to");
  page.scrollTo(0, 0);
  return found;
}"""


async def test_axe_finds_nothing(new_redis_url: str, browser: Browser) -> None:
    source()  # without it there is nothing to begin with
    found: list[str] = []
    async for state, page in states_of(new_redis_url, browser):
        found += [f"{state}: {fault}" for fault in await _faults_of(page, on_telephone=state not in AS_ON_A_DESK)]
    assert not found, "\n".join(found)


async def test_axe_finds_nothing_on_full_pages(new_redis_url: str, browser: Browser) -> None:
    source()
    found: list[str] = []
    async for state, page in full_states_of(new_redis_url, browser):
        if state.endswith("-full"):
            found += [f"{state}: {fault}" for fault in await _faults_of(page, on_telephone=True)]
    assert not found, "\n".join(found)


async def _faults_of(page: Page, *, on_telephone: bool) -> list[str]:
    await page.emulate_media(color_scheme="light")
    found = await violations_of(page)
    await page.emulate_media(color_scheme="dark")
    found += [f"dark: {fault}" for fault in await violations_of(page, COLOURS)]
    if on_telephone:
        await page.set_viewport_size(TELEPHONE)
        found += [f"telephone: {fault}" for fault in await violations_of(page, without=COLOURS)]
    for width, height in SMALL:
        await page.set_viewport_size({"width": width, "height": height})
        found += [f"{width} x {height}: {fault}" for fault in await page.evaluate(_FAULTS_WHEN_SMALL)]
    await page.set_viewport_size(DESK)
    return found
