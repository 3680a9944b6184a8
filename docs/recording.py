"""Records a run while it works: `python docs/recording.py`, after `make install`.

Starts the service on demo data, photographs a job search every 0.7 s, and puts the pictures together into one
animated PNG, `docs/live-run.png`. Pictures that show the same are one that stays longer.
"""

from __future__ import annotations

import struct
import sys
import time
import zlib
from typing import TYPE_CHECKING, Final, NamedTuple

from playwright.sync_api import Page, ViewportSize, expect, sync_playwright
from screenshots import DOCS, TIMEOUT_MS, chromium_path, demo

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SIZE: Final = ViewportSize(width=1180, height=760)
SCALE: Final = 0.65
"""Pixels of the picture to one of the page."""
STEP_MS: Final = 700
MOST_FRAMES: Final = 16
LAST_MS: Final = 3_000
MOST_BYTES: Final = 1_400_000
_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"


class Frame(NamedTuple):
    """One picture, as a PNG, and how long it stays."""

    png: bytes
    stays_ms: int


def main() -> None:
    """Record one run."""
    expect.set_options(timeout=TIMEOUT_MS)
    with demo() as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(base_url=url, viewport=SIZE, device_scale_factor=SCALE, color_scheme="light")
        frames = record(page)
        browser.close()
    path = DOCS / "live-run.png"
    path.write_bytes(animated(frames))
    size = path.stat().st_size
    print(f"docs/{path.name}  {len(frames)} pictures, {size // 1024} KiB")
    if size > MOST_BYTES:
        sys.exit(f"That is more than {MOST_BYTES // 1_000} kB: too large for a repository.")


def record(page: Page) -> list[Frame]:
    """Start a search by the form; photograph it until it has ended."""
    page.goto("/")
    page.get_by_role("button", name="New run").click()
    form = page.get_by_role("dialog", name="New run")
    form.get_by_label("Job titles").fill("python developer")
    form.get_by_label("Job titles").press("Enter")
    form.get_by_role("button", name="Start run").click()
    expect(page.get_by_role("treegrid", name="Trace tree").get_by_role("row").first).to_be_visible()
    page.mouse.move(640, 20)  # nothing is to be lit up by a pointer that is not on the picture
    page.evaluate("document.fonts.ready")
    frames: list[Frame] = []
    while len(frames) < MOST_FRAMES:
        begun = time.monotonic()
        png = page.screenshot(type="png")
        if frames and frames[-1].png == png:
            frames[-1] = Frame(png, frames[-1].stays_ms + STEP_MS)
        else:
            frames.append(Frame(png, STEP_MS))
        if page.locator("#run-status").inner_text() not in {"queued", "running"}:
            break
        page.wait_for_timeout(max(0.0, STEP_MS - (time.monotonic() - begun) * 1_000))
    frames[-1] = frames[-1]._replace(stays_ms=LAST_MS)
    return frames


def animated(frames: Sequence[Frame]) -> bytes:
    """PNGs of one size and one kind of pixels as one animated PNG (APNG 1.0), which begins anew for ever."""
    first = dict(_chunks(frames[0].png))
    parts = [_SIGNATURE, _chunk(b"IHDR", first[b"IHDR"]), _chunk(b"acTL", struct.pack(">II", len(frames), 0))]
    number = 0
    for at, frame in enumerate(frames):
        chunks = list(_chunks(frame.png))
        head = dict(chunks)[b"IHDR"]
        if head != first[b"IHDR"]:
            sys.exit("The pictures are not of one kind.")
        width, height = struct.unpack(">II", head[:8])
        control = struct.pack(">IIIIIHHBB", number, width, height, 0, 0, frame.stays_ms, 1_000, 0, 0)
        parts.append(_chunk(b"fcTL", control))
        number += 1
        for kind, data in chunks:
            if kind == b"IDAT" and at == 0:
                parts.append(_chunk(kind, data))
            elif kind == b"IDAT":
                parts.append(_chunk(b"fdAT", struct.pack(">I", number) + data))
                number += 1
    return b"".join([*parts, _chunk(b"IEND", b"")])


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(_SIGNATURE)
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        yield png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        at += 12 + length


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


if __name__ == "__main__":
    main()
