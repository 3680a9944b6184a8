"""Marks of message content that was not kept: which field, how many bytes, and the setting that keeps it. Pure.

`[{"field": "gen_ai.input.messages", "bytes": 412, "setting": "OTEL_…", "where": "application"}]`. On its way over OTLP
the list stands, as JSON, in the attribute `spantail.content.left_out`; in an event it is the field `content`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final, Literal

from spantail.attributes import CONTENT_LEFT_OUT
from spantail.content.capture import CAPTURE_CONTENT_VARIABLE
from spantail.json_values import json_size
from spantail.trouble import report_trouble

Dropped = dict[str, int]
"""Bytes of UTF-8 by field."""

Where = Literal["application", "service"]
"""Whose environment has the setting: the process that makes the spans, or the service that they are sent to."""

_MOST_FIELDS: Final = 32
_REST: Final = "…"  # what the fields beyond them add up to
_MOST_BYTES: Final = 2**53 - 1
_FIELD_LENGTH: Final = 256
_MOST_TEXT: Final = 32 * 1024
_INDEX: Final = re.compile(r"\.\d.*", re.DOTALL)


def size_of(value: object) -> int:
    """Return how many bytes of UTF-8 a text takes, or about how many a value takes as JSON."""
    if isinstance(value, str):
        return len(value) if value.isascii() else len(value.encode(errors="surrogatepass"))
    if isinstance(value, bytes | bytearray):
        return len(value)
    if isinstance(value, list | tuple):
        return sum(size_of(item) + 1 for item in value) + 2
    if isinstance(value, Mapping):
        return sum(size_of(name) + size_of(item) + 4 for name, item in value.items()) + 2
    return json_size(value)


def count_dropped(dropped: Dropped, key: str, value: object) -> None:
    """Count one value that was dropped; `llm.prompts.0.content` and `.1.content` are one field. Never raises."""
    field = _INDEX.sub("", key) if "." in key else key
    if field not in dropped and len(dropped) >= _MOST_FIELDS - 1:
        field = _REST
    try:
        size = size_of(value)
    except Exception:  # nested without end, or not what it seems
        report_trouble("the size of message content is not known")
        size = 0
    dropped[field] = dropped.get(field, 0) + size


def marks_of(dropped: Dropped, where: Where) -> list[dict[str, Any]]:
    """Return the marks for what was dropped by the process at `where`."""
    return [
        {"field": field, "bytes": size, "setting": CAPTURE_CONTENT_VARIABLE, "where": where}
        for field, size in dropped.items()
    ]


def take_marks(attributes: dict[str, Any]) -> list[dict[str, Any]]:
    """Take the marks that a span came with out of its attributes; what is no list of marks stays there."""
    marks = _read(attributes.get(CONTENT_LEFT_OUT))
    if marks:
        del attributes[CONTENT_LEFT_OUT]
    return marks


def _read(value: object) -> list[dict[str, Any]]:
    if not isinstance(value, str) or len(value) > _MOST_TEXT:
        return []
    try:
        found_json = json.loads(value)
    except (ValueError, RecursionError):
        return []
    if not isinstance(found_json, list) or len(found_json) > _MOST_FIELDS:
        return []
    found = []
    for one in found_json:
        if not isinstance(one, dict):
            return []
        field, size, setting, where = (one.get(name) for name in ("field", "bytes", "setting", "where"))
        if not (
            isinstance(field, str)
            and 0 < len(field) <= _FIELD_LENGTH
            and type(size) is int
            and 0 <= size <= _MOST_BYTES
            and setting == CAPTURE_CONTENT_VARIABLE
            and where in ("application", "service")
        ):
            return []
        found.append({"field": field, "bytes": size, "setting": setting, "where": where})
    return found


def as_attribute(marks: list[dict[str, Any]]) -> str:
    """Return the marks as the attribute `spantail.content.left_out` carries them."""
    return json.dumps(marks, ensure_ascii=False, separators=(",", ":"))
