"""What is said of one span, wherever it is shown: its label, a note, tokens, cost, duration. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from spantail_exporters.model.rules.money import is_unpriced
from spantail_service.client import words
from spantail_service.client.terminal import harmless

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spantail_service.client.terminal import Glyphs

STYLES: Final = {
    "running": "cyan",
    "ok": "green",
    "error": "bold red",
    "skipped": "dim",
    "cancelled": "yellow",
    "abandoned": "bold yellow",
}
"""Colours of span states; the glyph says the same."""

RUN_STATES: Final = {
    "queued": "pending",
    "running": "running",
    "completed": "ok",
    "failed": "error",
    "cancelled": "cancelled",
    "abandoned": "abandoned",
}
"""Run status as the state of a span that looks like it."""

LAYER_STATES: Final = {
    "pending": "pending",
    "running": "running",
    "complete": "ok",
    "error": "error",
    "skipped": "skipped",
}

_TOLD_KINDS: Final = frozenset({"server", "client", "producer", "consumer"})
_OPERATION: Final = re.compile(r"(?:chat|text_completion|generate_content|embeddings) ")
_LONGEST: Final = 300


def glyph(state: str, glyphs: Glyphs) -> str:
    """The mark of a state; an unknown one gets the mark of what is pending."""
    found = getattr(glyphs, state, None) if state in STYLES or state == "pending" else None
    return found if isinstance(found, str) else glyphs.pending


def label(span: Mapping[str, Any]) -> str:
    """What the span is called: an LLM call by its backend and model, as `claude_cli claude-sonnet-4-5`."""
    name = harmless(span.get("name") or "")[:_LONGEST]
    backend, model = span.get("backend"), harmless(span.get("model") or "")[:_LONGEST]
    if span.get("kind") != "llm_call":
        kind = span.get("span_kind")  # OpenTelemetry's; most spans are internal, which says nothing
        return (name or "(no name)") + (f" [{kind}]" if kind in _TOLD_KINDS else "")
    found = _OPERATION.match(name)
    named = name[found.end() :] if found else name
    # The answer may name the model more exactly than the request, and with it the span.
    same = bool(named and model) and (model.startswith(named) or named.startswith(model))
    parts = [harmless(backend) if backend else "", "" if same else name, model]
    return " ".join(part for part in parts if part) or "(no name)"


def note(span: Mapping[str, Any], reason: str | None = None) -> str:
    """What else there is to say, in one line: error, fallback, progress, why it was abandoned; mostly nothing."""
    parts: list[str] = []
    status = span.get("status")
    if origin := span.get("fallback_from"):
        why = span.get("fallback_reason")
        parts.append(f"after {origin}" + (f": {why}" if why else ""))
    if status == "error" and isinstance(error := span.get("error"), dict):
        parts.append(error_text(error))
    elif status == "abandoned":
        abandoned = span.get("abandoned")
        silent = isinstance(abandoned, dict) and abandoned.get("reason") == "silent"
        parts.append("abandoned: its source fell silent" if silent else "abandoned: its process died")
    elif status in ("skipped", "cancelled"):
        parts.append(f"{status}: {reason}" if reason else str(status))
    elif span.get("corrected"):
        parts.append("was thought dead")
    if (about := span.get("cost_note")) and ("cost_nano" in span or is_unpriced(span)):
        parts.append(f"price: {about}" if "cost_nano" in span else f"unpriced: {about}")
    elif span.get("cost_source") == "provider" and span.get("cost_nano"):
        parts.append("cost told by the provider")
    if status == "running" and (shown := progress(span.get("progress"))):
        parts.append(shown)
    return harmless(" · ".join(parts))[:_LONGEST]


def error_text(error: Mapping[str, Any]) -> str:
    """`RateLimitError: try later`: the exception's own name, without the modules before it."""
    kind = str(error.get("type") or "").rpartition(".")[2]
    return ": ".join(part for part in (kind, str(error.get("message") or "")) if part) or "error"


def progress(held: object) -> str:
    """`12/40 reading`; empty without progress."""
    if not isinstance(held, dict):
        return ""
    done, total, message = held.get("done"), held.get("total"), held.get("message")
    count = "" if done is None else f"{done:g}" if isinstance(done, float) else str(done)
    if count and total is not None:
        count += f"/{total:g}" if isinstance(total, float) else f"/{total}"
    return harmless(" ".join(part for part in (count, str(message) if message else "") if part))


def cost(span: Mapping[str, Any]) -> str:
    """What an attempt cost; `unpriced` where a price is missing, empty where there is nothing to price."""
    if is_unpriced(span):
        return "unpriced"
    nano = span.get("cost_nano")
    return words.money(nano) if isinstance(nano, int) else ""


def cost_and_source(span: Mapping[str, Any]) -> str:
    """`$0.0123 calculated`; where the provider named the cost, `note` says so."""
    shown = cost(span)
    return f"{shown} calculated" if shown and span.get("cost_source") == "calculated" else shown


def length(span: Mapping[str, Any], now_us: int) -> str:
    """How long it took, or has been running."""
    start, end = span.get("start"), span.get("end")
    if start is None:
        return ""
    if end is not None:
        return words.duration(end - start)
    return words.ticking(now_us - start) if span.get("status") == "running" else ""
