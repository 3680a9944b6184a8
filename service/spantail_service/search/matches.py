"""Where a span or a log line fulfils a search, with what stands around it (pure)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from spantail.attributes import EXPECTED_REASONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from spantail_service.search.query import Term

MAX_MATCHES: Final = 5
"""Places that are named of one hit."""
_AROUND: Final = 60  # characters in front of a match and behind it
_LONGEST: Final = 200  # characters of a match

_FIELDS: Final = (
    "name", "status", "kind", "backend", "model", "tier", "service", "span_id", "parent_id", "runner", "layer",
    "fallback_from", "fallback_reason", "cost_note", "status_message", "span_kind",
)  # fmt: skip
_WORDS: Final = ("status", "kind")  # a word that stands anywhere has to be the whole of one: most spans are `ok` spans
_IDS: Final = ("span_id", "parent_id", "log.span_id")
_PART_OF_ID: Final = 8
"""Characters of a word that is looked for in ids too. A shorter one stands in ids by chance: 429 in 34 of 10,000."""
_ERROR: Final = ("type", "message", "traceback")
_LINE: Final = ("message", "level", "logger", "span_id")
_OTHER_NAMES: Final = {"id": "span_id", "span": "span_id", "parent": "parent_id", "event": "events", "log": "message"}


class Match(NamedTuple):
    """One place: the text that was found, and a little of what stands around it."""

    field: str
    before: str
    match: str
    after: str


def matches_of(terms: tuple[Term, ...], item: Mapping[str, Any], *, is_line: bool) -> list[Match]:
    """Where `item` fulfils each of the terms; empty where it does not fulfil all.

    Args:
        terms: What is asked for.
        item: A span's state, or a log event.
        is_line: It is a log event.
    """
    found: list[Match] = []
    for term in terms:
        match = _first(term, item, is_line=is_line)
        if match is None:
            return []
        if match not in found:
            found.append(match)
    return found[:MAX_MATCHES]


def _first(term: Term, item: Mapping[str, Any], *, is_line: bool) -> Match | None:
    if term.key == "is":
        return Match("is", "", term.text, "") if not is_line and _is(term.text, item) else None
    key = _OTHER_NAMES.get(term.key, term.key)
    for field, text in _line_texts(item) if is_line else _span_texts(item):
        if _names(key, field) if key else _may_be_in(field, text, term.text):
            at = term.pattern.search(text)
            if at is not None:
                return _match(field, text, at.start(), at.end())
    return None


def _may_be_in(field: str, text: str, word: str) -> bool:
    """Whether a word that may stand anywhere is looked for in this field."""
    if field in _WORDS:
        return text == word
    return field not in _IDS or len(word) >= _PART_OF_ID


def _names(key: str, field: str) -> bool:
    """Whether a field is meant: by its name, its name's last parts, or the group that it stands in."""
    lowered = field.lower()
    return lowered == key or lowered.startswith(key + ".") or lowered.endswith("." + key)


def _span_texts(span: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for field in _FIELDS:
        text = span.get(field)
        if isinstance(text, str):
            yield field, text
    error = span.get("error")
    if isinstance(error, dict):
        for part in _ERROR:
            if isinstance(text := error.get(part), str):
                yield f"error.{part}", text
    yield from _attributes("attributes", span)
    for event in span.get("span_events") or ():
        yield "events.name", str(event.get("name", ""))
        yield from _attributes("events", event)
    for link in span.get("links") or ():
        yield "links", _text(link)


def _line_texts(event: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for field in _LINE:
        if isinstance(text := event.get(field), str):
            yield f"log.{field}", text
    yield from _attributes("log", event)


def _attributes(group: str, holder: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    attributes = holder.get("attributes")
    if isinstance(attributes, dict):
        for name, value in attributes.items():
            field = f"{group}.{name}"
            yield field, name
            yield field, _text(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _is(flag: str, span: Mapping[str, Any]) -> bool:
    status = span.get("status")
    if flag == "unpriced":
        # One that failed or was skipped before a token was used has no price to be missed.
        needs_none = status in ("error", "skipped") and span.get("tokens") is None
        return span.get("cost_source") == "unpriced" and not needs_none
    if flag == "fallback":
        # Where nothing was asked of the backend that was left, nothing failed: the totals count it apart.
        reason = span.get("fallback_reason")
        left = reason is not None or span.get("fallback_from") is not None
        return left and reason not in EXPECTED_REASONS
    if flag == "llm":
        return span.get("kind") == "llm_call"
    return bool(status == flag)


def _match(field: str, text: str, start: int, end: int) -> Match:
    first, last = max(0, start - _AROUND), min(len(text), end + _AROUND)
    end = min(end, start + _LONGEST)
    before = ("…" if first > 0 else "") + text[first:start]
    after = text[end:last] + ("…" if last < len(text) else "")
    return Match(field, before, text[start:end], after)
