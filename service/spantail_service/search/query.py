"""What a search asks for: words and conditions that all have to hold (pure)."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from spantail_service.errors import InputRefusedError

MAX_QUERY: Final = 500
"""Characters of a query."""
MAX_TERMS: Final = 12

FLAGS: Final = {
    "running": b'"running"', "error": b'"error"', "skipped": b'"skipped"', "cancelled": b'"cancelled"',
    "abandoned": b'"abandoned"', "unpriced": b'"unpriced"', "fallback": b'"fallback_', "llm": b'"llm_call"',
}  # fmt: skip
"""What may follow `is:`, each with bytes that stand in every state for which it holds."""

# A value in quotes may have blanks. What stands before a colon is a key only where it looks like one: `https://a.b`,
# `12:30` and `std::vector` are words.
_TERM: Final = re.compile(r'(?:(?P<key>[A-Za-z_][\w.\-]*):(?![:/]))?(?:"(?P<quoted>[^"]*)"?|(?P<plain>\S+))')
_ESCAPED: Final = re.compile(r'["\\\x00-\x1f\x7f-\U0010ffff]')


class Term(NamedTuple):
    """One word, or one condition on a field."""

    key: str
    """In lower case; empty for a word that may stand anywhere."""
    text: str
    """In lower case."""
    pattern: re.Pattern[str]
    """Finds the text, in any case."""
    needle: bytes
    """Stands in the stored JSON, in lower case, of everything that fulfils the term; empty where nothing is certain."""


def parse(query: str) -> tuple[Term, ...]:
    """The terms of a query.

    Raises:
        InputRefusedError: there is none, there are too many, or `is:` is followed by something unknown.
    """
    terms = tuple(_term(found.group("key") or "", found) for found in _TERM.finditer(query))
    terms = tuple(term for term in terms if term.text)
    if not terms:
        raise InputRefusedError("A search needs at least one word.", kind="malformed-search")
    if len(terms) > MAX_TERMS:
        raise InputRefusedError(f"A search has at most {MAX_TERMS} words.", kind="malformed-search")
    for term in terms:
        if term.key == "is" and term.text not in FLAGS:
            raise InputRefusedError(f"`is:` is followed by one of {', '.join(FLAGS)}.", kind="malformed-search")
    return terms


def _term(key: str, found: re.Match[str]) -> Term:
    quoted = found.group("quoted")
    text = (quoted if quoted is not None else found.group("plain")).lower()
    pattern = re.compile(re.escape(text), re.IGNORECASE)
    if key.lower() == "is":
        return Term("is", text, pattern, FLAGS.get(text, b""))
    # In JSON some characters stand escaped, and letters beyond ASCII have other bytes in the other case.
    needle = b"" if _ESCAPED.search(text) else text.encode()
    return Term(key.lower(), text, pattern, needle)


def may_match(terms: tuple[Term, ...], stored: bytes) -> bool:
    """Whether it is worth parsing what is stored; to find that out takes a tenth of the time of parsing."""
    lowered = stored.lower()
    return all(term.needle in lowered for term in terms)
