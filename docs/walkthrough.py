"""Takes the pictures of `tutorial/whole-stack.md`: `python docs/walkthrough.py`, after `make install test-tools`.

Starts the stack on free ports and the program of that page, follows it by a real browser as the page says, and ends
with an error where what is seen is not what the page says.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from playwright.sync_api import Page, ViewportSize, expect, sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

TUTORIAL: Final = Path(__file__).resolve().parent / "tutorial"
ROOT: Final = TUTORIAL.parents[1]
BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SIZE: Final = ViewportSize(width=1440, height=900)
WAIT_S: Final = 60.0


def main() -> None:
    """Follow the page, and take its pictures."""
    browser_path = os.environ.get("SPANTAIL_TEST_CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser_path is None:
        sys.exit("No Chromium on PATH: install your system's chromium package.")
    expect.set_options(timeout=WAIT_S * 1_000)
    text = (TUTORIAL / "whole-stack.md").read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory(prefix="spantail-") as folder, stack(Path(folder)) as urls:
        program = Path(folder) / "answers.py"
        program.write_text(the(r"(?s)```python\n(.*?)```", text), encoding="utf-8")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox", "--disable-gpu"])
            page = browser.new_page(viewport=SIZE, color_scheme="light")
            page.goto(urls["Spantail"])
            with running(program, urls) as link:
                cost_nano = seen_live(page, link)
            seen_in_jaeger(page, urls["Jaeger"], link)
            seen_in_prometheus(page, urls["Prometheus"], the(r"(?s)```text\n(.*?)\n```", text), cost_nano)
            browser.close()


@contextlib.contextmanager
def stack(folder: Path) -> Iterator[dict[str, str]]:
    """What `make stack` starts, on free ports; answers the addresses that it prints, by name."""
    command = [sys.executable, "-m", "deploy.stack", "--free-ports", "--folder", str(folder / "stack")]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            urls: dict[str, str] = {}
            for line in process.stdout or ():
                if found := re.match(r" +(\w+) +(http://\S+)", line):
                    urls[found[1]] = found[2]
                if "Ctrl-C" in line:
                    break
            else:
                sys.exit("The stack did not start.")
            yield urls
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(WAIT_S)


@contextlib.contextmanager
def running(program: Path, urls: dict[str, str]) -> Iterator[str]:
    """The program, started as the page says; answers the link that `spantail run` prints. It ends by itself."""
    environment = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": urls["Collector"], "SPANTAIL_URL": urls["Spantail"]}
    command = [sys.executable, "-m", "spantail_service", "run", "--", sys.executable, str(program)]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        yield the(r"(http://\S+/runs/\w+)", process.stderr.readline() if process.stderr else "")


def seen_live(page: Page, link: str) -> int:
    """On the page: calls fail while the run works, and then the run fails; answers what it cost in nano-USD."""
    page.goto(link)
    rows = page.get_by_role("treegrid", name="Trace tree").locator("[role=row]")
    failed = rows.and_(page.locator("[data-kind=llm_call][data-status=error]"))
    expect(failed.nth(1)).to_be_visible()
    expect(rows.and_(page.locator("[data-kind=llm_call][data-status=running]")).first).to_be_visible()
    take(page, "whole-stack-page")
    expect(page.locator("#run-status")).to_have_text("failed")
    page.set_viewport_size(ViewportSize(width=1440, height=2_000))  # rows out of sight are not in the document
    failed.and_(page.locator("[data-backend=openai]")).click()
    details = page.get_by_role("complementary", name="Span details")
    expect(details.locator(".error-message")).to_have_text("no answer within 30 s")
    cost_nano: int = answer(link.replace("/runs/", "/api/runs/"))["cost_nano"]
    return cost_nano


def seen_in_jaeger(page: Page, jaeger: str, link: str) -> None:
    """The link opens the run there, and Jaeger has as many spans of it as the page."""
    run_id = link.rpartition("/")[2]
    with page.expect_popup() as opening:
        page.get_by_role("link", name="jaeger").click()
    if opening.value.url != f"{jaeger}/trace/{run_id}":
        sys.exit(f"The link opened {opening.value.url}")
    spans = answer(link.replace("/runs/", "/api/traces/"))["spans"]
    until(
        lambda: len(answer(f"{jaeger}/api/traces/{run_id}")["data"][0]["spans"]) == len(spans), "Jaeger has all of it"
    )


def seen_in_prometheus(page: Page, prometheus: str, query: str, cost_nano: int) -> None:
    """The query answers with two backends, whose cost is that of the run."""
    sums = urllib.parse.urlencode({"query": f"sum({query.partition(' / ')[0]})"})

    def total_nano() -> int:
        found = answer(f"{prometheus}/api/v1/query?{sums}")["data"]["result"]
        return int(found[0]["value"][1]) if found else 0

    until(lambda: total_nano() == cost_nano, f"{cost_nano} nano-USD in Prometheus")
    shown = urllib.parse.urlencode({"g0.expr": query, "g0.tab": 1})
    page.set_viewport_size(ViewportSize(width=1100, height=480))
    page.goto(f"{prometheus}/classic/graph?{shown}")
    expect(page.get_by_text('{spantail_backend="openai"}')).to_be_visible()
    take(page, "whole-stack-prometheus")


def until(condition: Any, what: str) -> None:
    """Wait for it."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        if time.monotonic() > deadline:
            sys.exit(f"Not within {WAIT_S:g} s: {what}")
        time.sleep(0.5)


def answer(url: str) -> dict[str, Any]:
    """JSON from there; nothing is known of what is not found."""
    try:
        with urllib.request.urlopen(url, timeout=10) as got:
            decoded: dict[str, Any] = json.load(got)
            return decoded
    except urllib.error.HTTPError:
        return {"data": [{"spans": []}]}


def the(pattern: str, text: str) -> str:
    """What the one group of a pattern matches."""
    found = re.search(pattern, text)
    if found is None:
        sys.exit(f"Nothing like {pattern} in: {text}")
    return found[1]


def take(page: Page, name: str) -> None:
    """One picture, once all fonts are there."""
    page.evaluate("document.fonts.ready")
    path = TUTORIAL / f"{name}.png"
    page.screenshot(path=path, animations="disabled")
    print(f"docs/tutorial/{path.name}  {path.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    main()
