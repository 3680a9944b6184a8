"""Takes the pictures of the page in this folder: `python docs/screenshots.py`, after `make install`.

Starts the service on demo data (with the Claude CLI where it is on PATH or `make test-tools` has installed it), and
photographs a job search while it runs: light, dark with a span's details, as wide as a telephone, and as a transcript.
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
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from playwright.sync_api import Page, ViewportSize, expect, sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCS: Final = Path(__file__).resolve().parent
ROOT: Final = DOCS.parent
CLAUDE: Final = ROOT / ".tools" / "claude" / "node_modules" / ".bin"
BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DESK: Final = ViewportSize(width=1440, height=900)
TELEPHONE: Final = ViewportSize(width=390, height=844)
START_S: Final = 60
TIMEOUT_MS: Final = 60_000


def main() -> None:
    """Take all pictures."""
    expect.set_options(timeout=TIMEOUT_MS)
    with demo() as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(base_url=url, viewport=DESK, color_scheme="light")
        make_history(url)
        photograph(page)
        browser.close()


def chromium_path() -> str:
    """The browser that takes the pictures."""
    path = os.environ.get("SPANTAIL_TEST_CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    return path or sys.exit("No Chromium on PATH: install your system's chromium package.")


@contextlib.contextmanager
def demo() -> Iterator[str]:
    """The service on a free port, on demo data of its own, and without work but ours; answers its address."""
    path = os.pathsep.join([str(CLAUDE), os.environ.get("PATH", "")])
    with tempfile.TemporaryDirectory(prefix="spantail-") as folder:
        command = [sys.executable, "-m", "spantail_service", "serve", "--port", "0", "--data-dir", folder]
        environment = {
            **os.environ,
            "PATH": path,
            "SPANTAIL_DEMO": "true",
            "SPANTAIL_OTLP_GRPC_PORT": "off",
            # nothing that is said in a demo is a secret, and a conversation says more than a note that it was not kept
            "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "true",
        }
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
            try:
                yield address_of(process)
            finally:
                process.send_signal(signal.SIGINT)
                process.communicate(timeout=START_S)


def address_of(process: subprocess.Popen[str]) -> str:
    """Where the demo says that it is."""
    assert process.stdout is not None  # noqa: S101 - tells the type checker what Popen was asked for
    for line in process.stdout:
        if found := re.search(r"http://\S+", line):
            return found.group()
    sys.exit("The demo did not start.")


def make_history(url: str) -> None:
    """Some runs that have ended, so that the list is one; the last of them has failed."""
    for path, body in (
        ("/api/jobs/search", {"job_titles": ["data engineer"], "max_results": 2}),
        ("/api/jobs/search", {"job_titles": ["technical writer"], "max_results": 2}),
        ("/api/jobs/a-job-that-was-taken-down/generate-annotations", {}),
    ):
        run_id = call(url, path, body)["run_id"]
        while call(url, f"/api/runs/{run_id}")["status"] == "running":
            time.sleep(0.2)


def photograph(page: Page) -> None:
    """Start a search by the form, and take each picture when there is something on it."""
    page.goto("/")
    page.get_by_role("button", name="New run").click()
    form = page.get_by_role("dialog", name="New run")
    form.get_by_label("Job titles").fill("python developer")
    form.get_by_label("Job titles").press("Enter")
    form.get_by_role("button", name="Start run").click()
    expect(form).to_be_hidden()
    page.mouse.move(720, 20)  # nothing is to be lit up by a pointer that is not on the picture

    # The beginning: sources read side by side, the first calls on their way.
    calls = page.get_by_role("treegrid", name="Trace tree").locator("[role=row][data-kind=llm_call]")
    running = calls.and_(page.locator("[data-status=running]"))
    expect(calls.and_(page.locator("[data-status=ok]")).first).to_be_visible()
    expect(running.nth(2)).to_be_visible()
    take(page, "run-light")

    # Later: a call that another backend had to answer, and what that cost.
    answered_by_another = calls.and_(page.locator("[data-backend=langchain][data-status=ok]")).first
    answered_by_another.click()
    # In the middle, wherever it was clicked: the rows above it are the chain and the call that failed.
    page.locator("#trace-viewport").evaluate(
        "viewport => { const { offsetTop } = viewport.querySelector('[aria-selected=true]');"
        " viewport.scrollTop = offsetTop - viewport.clientHeight / 2; }"
    )
    page.get_by_role("button", name="Switch between light and dark").click()
    page.mouse.move(720, 20)
    expect(page.get_by_role("complementary", name="Span details")).to_contain_text("spantail.cost.price_version")
    expect(running.nth(1)).to_be_visible()
    take(page, "run-dark")

    page.get_by_role("button", name="Close the details").click()
    page.get_by_role("button", name="Switch between light and dark").click()
    page.set_viewport_size(TELEPHONE)
    expect(running.first).to_be_visible()
    take(page, "narrow")
    status = page.locator("#run-status").inner_text()
    if status != "running":
        sys.exit(f"The run was {status} before this picture was taken: take them again.")

    # The same run as a story, from its first answer on.
    page.set_viewport_size(DESK)
    page.get_by_role("link", name="Transcript").click()
    story = page.get_by_role("region", name="Transcript")
    expect(story.get_by_text("score job 1", exact=False).first).to_be_visible()
    expect(page.locator("#run-status")).to_have_text("completed")
    page.mouse.move(720, 20)
    take(page, "transcript")


def take(page: Page, name: str) -> None:
    """One picture, once all fonts are there."""
    page.evaluate("document.fonts.ready")
    path = DOCS / f"{name}.png"
    page.screenshot(path=path, animations="disabled")
    print(f"docs/{path.name}  {path.stat().st_size // 1024} KiB")


def call(url: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """Ask the demo; with a body it is a POST."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{url}{path}", data, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        decoded: dict[str, Any] = json.load(answer)
        return decoded


if __name__ == "__main__":
    main()
