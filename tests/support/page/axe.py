"""axe-core on a page: which rules of accessibility it breaks."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from tests.support.strict import missing
from tests.support.tools import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from playwright.async_api import Page

SOURCE: Final = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"

_RUN: Final = """async ([rules, without]) => {
  const only = rules.length ? { runOnly: { type: "rule", values: rules } } : {};
  const options = { resultTypes: ["violations"], preload: false, ...only };
  options.rules = Object.fromEntries(without.map((rule) => [rule, { enabled: false }]));
  const { violations } = await axe.run(document, options);
  return violations.flatMap(({ id, help, nodes }) => nodes.slice(0, 5).map(({ target, html, any, all, none }) => {
    const why = [...any, ...all, ...none].map(({ message }) => message).join("; ");
    return `${id} (${help}): ${target.join(" ")}\\n    ${html.slice(0, 200)}\\n    ${why.slice(0, 300)}`;
  }));
}"""


async def violations_of(page: Page, rules: Sequence[str] = (), *, without: Sequence[str] = ()) -> list[str]:
    """What axe finds: by all of its rules, or by those named; `without` some."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(source())  # the browser's own protocol: the page's policy lets no other script in
    found: list[Any] = await page.evaluate(_RUN, [list(rules), list(without)])
    return list(map(str, found))


@cache
def source() -> str:
    """axe-core as a script; a test is skipped, or fails where tests are strict, if it is not there."""
    if not SOURCE.is_file():
        missing("axe-core is not installed: `make install` gets it with the page's packages")
    return f"{SOURCE.read_text(encoding='utf-8')}; undefined"
