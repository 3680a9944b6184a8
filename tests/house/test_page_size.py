"""The page stays small: what a browser has to load before a run is shown."""

from __future__ import annotations

import gzip
import re
from typing import Final

from spantail_service.routes.pages.page import STATIC
from tests.support.strict import missing

MOST_BYTES: Final = 150_000
_LOADED = re.compile(r'(?:src|href)="/(assets/[^"]+\.(?:js|css))"')
_IMPORTED = re.compile(r"""(?:from|import)\s*["']\./([^"']+\.js)["']""")


def test_a_run_is_shown_with_less_than_150_kb() -> None:
    page = STATIC / "index.html"
    if not page.is_file():
        missing("the page is not built: `make install` builds it")
    wanted = {STATIC / name for name in _LOADED.findall(page.read_text())}
    assert wanted
    seen = set()
    while wanted:
        file = wanted.pop()
        seen.add(file)
        if file.suffix == ".js":
            wanted |= {file.parent / name for name in _IMPORTED.findall(file.read_text())} - seen
    sizes = {file.name: len(gzip.compress(file.read_bytes(), 9)) for file in seen}
    assert sum(sizes.values()) < MOST_BYTES, sizes
