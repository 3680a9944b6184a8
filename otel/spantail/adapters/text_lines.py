"""Plain text lines of the older system, read as events. Pure.

| line | event | data |
|---|---|---|
| `[ingest_start] source=himalayas, limit=40` | `ingest_start` | `source`, `limit` |
| `[fetch_complete] Received 12 jobs` | `fetch_complete` | `message` |
| `source_search_complete: indeed (12 jobs, cache_hit=True)` | `source_search_complete` | `message`, `cache_hit` |
| `search_start` | `search_start` | |

Anything else is a log line.
"""

from __future__ import annotations

import re
from typing import Any, Final

_NAME: Final = r"[a-z][a-z0-9]*(?:_[a-z0-9]+)+"
_BRACKETS: Final = re.compile(rf"\s*\[({_NAME})\]\s*(.*)", re.DOTALL)
_COLON: Final = re.compile(rf"\s*({_NAME}):(?:\s+(.*))?", re.DOTALL)
_BARE: Final = re.compile(rf"\s*({_NAME})\s*")
_PAIR: Final = re.compile(
    r"""(?<![\w.])([A-Za-z_][\w.]{0,99})=
        (\[[^\[\]]*\]|\{[^{}]*\}|"[^"]*"|'[^']*'|[^\s,()\[\]{}]+)""",
    re.VERBOSE,
)
_LONGEST: Final = 16 * 1024  # characters of a line that is looked through
_MOST_PAIRS: Final = 100
_WORDS: Final[dict[str, Any]] = {"True": True, "true": True, "False": False, "false": False, "None": None, "null": None}


def parse_line(line: str) -> tuple[str, dict[str, Any]] | None:
    """Read a line as an event: its name and its data; None for a line that names none."""
    if len(line) > _LONGEST:
        return None
    if found := _BARE.fullmatch(line):
        return found[1], {}
    found = _BRACKETS.fullmatch(line) or _COLON.fullmatch(line)
    if found is None:
        return None
    text = (found[2] or "").strip()
    data = {pair[1]: _value(pair[2]) for _, pair in zip(range(_MOST_PAIRS), _PAIR.finditer(text), strict=False)}
    if _PAIR.sub("", text).strip(" ,;."):
        data["message"] = text
    return found[1], data


def _value(text: str) -> Any:
    """Return what a text stands for: a number, a flag, a list of such, or itself."""
    text = text.rstrip(".;") if text[-1:] in ".;" else text
    if text in _WORDS:
        return _WORDS[text]
    if text[:1] == "[" and text[-1:] == "]":
        return [_value(item.strip()) for item in text[1:-1].split(",") if item.strip()]
    if len(text) > 1 and text[0] in "'\"" and text[-1] == text[0]:
        return text[1:-1]
    number = text.removeprefix("$")
    try:
        return int(number)
    except ValueError:
        pass
    try:
        return float(number)
    except ValueError:
        return text
