"""The page as a person finds their way on it: by roles, names and what is written there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from playwright.async_api import expect

if TYPE_CHECKING:
    from playwright.async_api import Locator, Page

expect.set_options(timeout=30_000)

RUN_ADDRESS: Final = re.compile(r"/runs/([0-9a-f]{32})$")


class RunPage:
    """A run on the page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.status = page.locator("#run-status")
        self.tree = page.get_by_role("treegrid", name="Trace tree")
        self.details = page.get_by_role("complementary", name="Span details")
        self.livetail = page.get_by_role("region", name="Livetail")
        self.backends = page.get_by_role("region", name="Backends")
        self.losses = page.locator("#run-losses")
        self.layers = page.get_by_role("list", name="Layers").get_by_role("listitem")

    async def start_search(self, *titles: str, results: int = 1) -> str:
        """Fill the form and send it; answers the id of the run that the page then shows."""
        page = self.page
        await page.get_by_role("button", name="New run").click()
        form = page.get_by_role("dialog", name="New run")
        await form.get_by_text("Job search", exact=True).click()
        for title in titles:
            await form.get_by_label("Job titles").fill(title)
            await form.get_by_label("Job titles").press("Enter")
        await form.get_by_label("Results").fill(str(results))
        await form.get_by_role("button", name="Start run").click()
        await expect(form).to_be_hidden()
        await expect(page).to_have_url(RUN_ADDRESS)
        # it is said, and the keyboard is in the run
        await expect(page.locator("#toast")).to_contain_text("Started: job search")
        await expect(self.tree).to_be_focused()
        return self.run_id

    @property
    def run_id(self) -> str:
        """The run in the page's address."""
        found = re.search(r"/runs/([0-9a-f]{32})", self.page.url)
        assert found, self.page.url
        return found.group(1)

    def rows(self, *, name: str = "", status: str = "", kind: str = "", backend: str = "") -> Locator:
        """The rows of the tree that fit."""
        wanted = {"status": status, "kind": kind, "backend": backend}
        parts = "".join(f'[data-{key}="{value}"]' for key, value in wanted.items() if value)
        rows = self.tree.locator(f"[role=row]{parts}")
        return rows.filter(has=self.page.get_by_text(name, exact=True)) if name else rows

    def row(self, span_id: str) -> Locator:
        """The row of one span."""
        return self.tree.locator(f'[role=row][data-span-id="{span_id}"]')

    def field(self, name: str) -> Locator:
        """A figure in the run's head."""
        return self.page.locator(f"#run-fields [data-run-field='{name}']")

    async def colours(self) -> dict[str, str]:
        """Background and text colour, as painted."""
        colours: dict[str, str] = await self.page.evaluate(
            "() => ({ background: getComputedStyle(document.documentElement).backgroundColor,"
            " text: getComputedStyle(document.body).color })"
        )
        return colours


def exact_usd(nano: int) -> str:
    """Nano-USD with every digit that says something, at least two."""
    whole, rest = divmod(nano, 1_000_000_000)
    digits = f"{rest:09d}"
    return f"${whole:,}.{digits[:2]}{digits[2:].rstrip('0')}"


async def span_id_of(row: Locator) -> str:
    """The span that a row is about."""
    span_id: Any = await row.get_attribute("data-span-id")
    assert span_id
    return str(span_id)
