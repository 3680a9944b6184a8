"""Takes the pictures of the walkthrough in this folder: `python docs/walkthrough.py`, after `make test-tools`.

Starts the whole stack on free ports (deploy/stack.py), starts a job search with a budget that does not last, and
photographs the run while it works, as it failed, and its cost in Prometheus.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse
from pathlib import Path
from typing import TYPE_CHECKING, Final

from playwright.sync_api import Page, expect, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent))
from screenshots import BROWSERS, CLAUDE, DESK, ROOT, START_S, TIMEOUT_MS, call, take

if TYPE_CHECKING:
    from collections.abc import Iterator

SCRAPE_S: Final = 10.0
COST: Final = 'sum by (spantail_operation, spantail_backend) (spantail_llm_cost_nano_total{job="otel"}) / 1e9'


def main() -> None:
    """Take all pictures."""
    browser_path = os.environ.get("SPANTAIL_TEST_CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser_path is None:
        sys.exit("No Chromium on PATH: install your system's chromium package.")
    expect.set_options(timeout=TIMEOUT_MS)
    with stack() as urls, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport=DESK, color_scheme="light")
        follow(page, urls)
        browser.close()


@contextlib.contextmanager
def stack() -> Iterator[dict[str, str]]:
    """The stack; answers the address of each of its programs."""
    path = os.pathsep.join([str(CLAUDE), os.environ.get("PATH", "")])
    with tempfile.TemporaryDirectory(prefix="spantail-") as folder:
        command = [sys.executable, str(ROOT / "deploy" / "stack.py"), "--free-ports", "--folder", folder]
        with subprocess.Popen(command, env={**os.environ, "PATH": path}, stdout=subprocess.PIPE, text=True) as process:
            try:
                yield addresses_of(process)
            finally:
                process.send_signal(signal.SIGINT)
                process.communicate(timeout=START_S)


def addresses_of(process: subprocess.Popen[str]) -> dict[str, str]:
    """What the stack says where it is; the line on how to stop it comes last."""
    assert process.stdout is not None  # noqa: S101 - tells the type checker what Popen was asked for
    urls = {}
    for line in process.stdout:
        if found := re.match(r"\s*(\w+)\s+(http://\S+)", line):
            urls[found[1]] = found[2]
        if "Ctrl-C" in line:
            return urls
    sys.exit("The stack did not start.")


def follow(page: Page, urls: dict[str, str]) -> None:
    """From the run that fails, by its link, to its cost."""
    body = {"job_titles": ["python developer"], "max_results": 12}
    run_id = call(urls["Spantail"], "/api/operations/job-search?budget_usd=0.30", body)["run_id"]
    page.goto(f"{urls['Spantail']}/runs/{run_id}")
    calls = page.get_by_role("treegrid", name="Trace tree").locator("[role=row][data-kind=llm_call]")
    expect(calls.and_(page.locator("[data-status=ok]")).first).to_be_visible()
    page.mouse.move(720, 20)
    take(page, "walkthrough-live")

    expect(page.locator("#run-status")).to_have_text("failed")
    link = page.get_by_role("link", name="Jaeger")
    jaeger = link.get_attribute("href")
    expect(link).to_have_attribute("href", f"{urls['Jaeger']}/trace/{run_id}")
    page.locator("[role=row][data-status=error]").first.click()
    page.mouse.move(720, 20)
    take(page, "walkthrough-failed")
    print(f"Jaeger: {jaeger}")

    time.sleep(2 * SCRAPE_S)  # the service exports each 5 s, and Prometheus comes each 5 s
    query = urllib.parse.urlencode({"g0.expr": COST, "g0.tab": "1"})
    page.goto(f"{urls['Prometheus']}/classic/graph?{query}")
    page.wait_for_load_state("networkidle")
    take(page, "walkthrough-cost")


if __name__ == "__main__":
    main()
