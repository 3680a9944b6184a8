"""A run as lines that are only ever added to: for pipes, files and terminals that cannot redraw. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from spantail_service.cli.render import span_text
from spantail_service.cli.render.picture import fallback_text
from spantail_service.cli.render.view import changes_span
from spantail_service.client import words
from spantail_service.client.terminal import harmless

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spantail_service.cli.render.view import RunView
    from spantail_service.client.terminal import Glyphs

_DEEPEST: Final = 8  # levels that are indented
_LONGEST: Final = 2_000


def event_line(event: Mapping[str, Any], view: RunView, glyphs: Glyphs) -> str | None:
    """One event as a line; `None` for one that says nothing to a reader of lines (an update, say).

    `view` has the event folded in already.
    """
    text = _text(event, view, glyphs)
    if text is None:
        return None
    indent = "  " * _depth(event.get("span_id"), view)
    return f"{words.time_of_day(event.get('ts') or 0)}  {indent}{text}"[:_LONGEST]


def _text(event: Mapping[str, Any], view: RunView, glyphs: Glyphs) -> str | None:
    name = str(event.get("event"))
    if name == "log":
        return harmless(f"{event.get('level')} {event.get('logger')}: {event.get('message')}")
    span = view.spans.get(str(event.get("span_id")))
    if span is None or not changes_span(event, span):
        if name == "llm_call_fallback":
            return fallback_text(dict(event), glyphs)
        given = event.get("attributes") or {}
        return harmless(f"{glyphs.dot} {name} " + " ".join(f"{key}={value}" for key, value in given.items()))
    if name.endswith("_update"):
        return None
    mark = span_text.glyph(str(event.get("status")), glyphs)
    label = span_text.label(event)
    if name.endswith("_revived"):
        return f"{mark} {label}  is alive after all"
    if name.endswith("_start"):
        return f"{mark} {label}"
    parts = (
        label,
        words.token_flow(event.get("tokens"), glyphs.arrow),
        span_text.cost_and_source(event) if event.get("kind") == "llm_call" else "",
        span_text.length(event, 0),
        span_text.note(event, view.reasons.get(str(event.get("span_id")))),
    )
    return f"{mark} " + "  ".join(part for part in parts if part)


def _depth(span_id: object, view: RunView) -> int:
    depth = 0
    at = view.spans.get(str(span_id))
    while at is not None and depth < _DEEPEST and (at := view.spans.get(str(at.get("parent_id")))) is not None:
        depth += 1
    return depth
