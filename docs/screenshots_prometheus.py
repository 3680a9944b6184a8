"""Takes the picture of a dashboard's query on Prometheus' own page: `python docs/screenshots_prometheus.py`.

Starts the service on demo data and a Prometheus that reads its `/metrics`, has it work for a minute, and photographs
the graph of what that cost.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from playwright.sync_api import ViewportSize, sync_playwright
from screenshots import BROWSERS, ROOT, START_S, call, demo, take

if TYPE_CHECKING:
    from collections.abc import Iterator

BOARD: Final = ROOT / "deploy" / "grafana" / "dashboards" / "overview.json"
PANEL: Final = "Spend per hour"
ANSWERS: Final = {
    "service": "spantail", "calls": "spantail", "data": "true", "__rate_interval_ms": "15000", "__rate_interval": "15s",
}  # fmt: skip
"""What stands for the variables of the dashboard."""
WORK_S: Final = 60
TITLES: Final = ("data engineer", "technical writer", "python developer", "nurse")


def main() -> None:
    """Take the picture."""
    browser_path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser_path is None or shutil.which("prometheus") is None:
        sys.exit("No Chromium or no Prometheus on PATH: install your system's packages chromium and prometheus.")
    with demo() as url, prometheus(url.removeprefix("http://").strip("/")) as page_url, sync_playwright() as playwright:
        work(url)
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport=ViewportSize(width=1280, height=900))
        query = urlencode({"g0.expr": expression(), "g0.tab": 0, "g0.range_input": "90s", "g0.step_input": 1})
        page.goto(f"{page_url}/classic/graph?{query}")
        page.locator(".legend .line, .graph_legend .line, .rickshaw_legend .line").first.wait_for(
            timeout=START_S * 1_000
        )
        take(page, "prometheus-spend")
        browser.close()


def expression() -> str:
    """The query of the panel, with its variables filled in."""
    panels = json.loads(BOARD.read_text(encoding="utf-8"))["panels"]
    (expr,) = [panel["targets"][0]["expr"] for panel in panels if panel["title"] == PANEL]
    for name, value in ANSWERS.items():
        expr = expr.replace(f"${name}", value)
    return str(expr)


def work(url: str) -> None:
    """Search for jobs, one after the other, for a minute."""
    end = time.monotonic() + WORK_S
    number = 0
    while time.monotonic() < end:
        title = TITLES[number % len(TITLES)]
        run_id = call(url, "/api/jobs/search", {"job_titles": [title], "max_results": 3})["run_id"]
        while call(url, f"/api/runs/{run_id}")["status"] == "running":
            time.sleep(0.2)
        number += 1


@contextlib.contextmanager
def prometheus(target: str) -> Iterator[str]:
    """A Prometheus that reads one service every second; answers the address of its page."""
    with tempfile.TemporaryDirectory(prefix="spantail-") as folder:
        scrape = {"job_name": "spantail", "static_configs": [{"targets": [target]}]}
        configuration = Path(folder, "prometheus.json")
        configuration.write_text(
            json.dumps({"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": [scrape]}),
            encoding="utf-8",
        )
        command = [
            "prometheus", f"--config.file={configuration}", f"--storage.tsdb.path={folder}/data",
            "--web.listen-address=127.0.0.1:0",
        ]  # fmt: skip
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None  # noqa: S101 - tells the type checker what Popen was asked for
            try:
                for line in process.stderr:
                    if found := re.search(r'msg="Listening on" address=(\S+)', line):
                        yield f"http://{found[1]}"
                        break
                else:
                    sys.exit("Prometheus did not start.")
            finally:
                process.terminate()


if __name__ == "__main__":
    main()
