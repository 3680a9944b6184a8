"""What readers need of the page: names for what can be used, contrast, nothing twice, nothing too wide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from playwright.async_api import Page

LEAST_CONTRAST: Final = 4.5
"""Of WCAG 2.2, level AA, for text of this size."""

_LOOK: Final = """(least) => {
  const seen = (element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  const faults = [];
  for (const element of document.querySelectorAll("button, a[href], input:not([type=hidden]), select, textarea")) {
    if (!seen(element)) continue;
    const labels = [...(element.labels ?? [])].map((label) => label.textContent).join(" ");
    const name = [element.getAttribute("aria-label"), labels, element.innerText, element.title].join("").trim();
    if (!name) faults.push(`no name: ${element.outerHTML.slice(0, 120)}`);
  }
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  for (const id of new Set(ids)) if (ids.filter((one) => one === id).length > 1) faults.push(`twice: #${id}`);
  if (document.body.scrollWidth > innerWidth) faults.push("wider than the window");

  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return canvas.getImageData(0, 0, 1, 1).data;
  };
  const ground = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const [r, g, b, a] = rgba(getComputedStyle(each).backgroundColor);
      if (a > 250) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const luminance = (colour) => {
    const [r, g, b] = colour.map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    const text = texts.currentNode.textContent.trim();
    if (!text || !seen(element) || element.closest(":disabled, .sr-only, option")) continue;
    const [r, g, b] = rgba(getComputedStyle(element).color);
    const [light, dark] = [luminance([r, g, b]), luminance(ground(element))].sort((one, other) => other - one);
    const ratio = (light + 0.05) / (dark + 0.05);
    if (ratio < least) faults.push(`contrast ${ratio.toFixed(2)}: ${text.slice(0, 40)}`);
  }
  return faults;
}"""


async def faults_of(page: Page) -> list[str]:
    """What a reader would stumble over on the page as it is now; empty where all is well."""
    found: list[Any] = await page.evaluate(_LOOK, LEAST_CONTRAST)
    return [str(fault) for fault in found]
