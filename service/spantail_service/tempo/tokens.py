"""TraceQL's words and signs (pure). Lexical rules as in Tempo: an attribute's name ends at a blank or an operator."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

# What does not fit is tried only once: nothing is given back (possessive quantifiers), and neither a text nor a number
# begins within the rest of one that failed.
_TOKEN: Final = re.compile(
    r"""
    (?P<blank>\s++)
  | (?P<text>(?<!\\)"(?:[^"\\\n]|\\.)*+"|`[^`]*+`)
  | (?P<duration>(?<!\w)-?(?:\d++(?:\.\d++)?+(?:ns|us|µs|μs|ms|s|m|h|d|w|y))++(?![A-Za-z0-9_]))
  | (?P<number>(?<!\w)-?\d++(?:\.\d++)?+(?:[eE][+-]?\d++)?+(?![A-Za-z0-9_.]))
  | (?P<attribute>[a-z]*\.(?:"(?:[^"\\]|\\["\\])*"|[^\s{}()=~!<>&|^,"])+)
  | (?P<word>[A-Za-z_]+(?::[A-Za-z]+)?)
  | (?P<operator>=~|!~|!=|>=|<=|[=<>])
  | (?P<junction>&&|\|\|)
  | (?P<bracket>[{}()])
  | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_NAME_PART: Final = re.compile(r'"((?:[^"\\]|\\["\\])*)"|([^"]+)')
_ESCAPE: Final = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.DOTALL)
_ESCAPES: Final = {
    '"': '"', "\\": "\\", "n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v",
}  # fmt: skip
_NANOSECONDS: Final = {
    "ns": 1, "us": 1_000, "µs": 1_000, "μs": 1_000, "ms": 1_000_000, "s": 10**9, "m": 60 * 10**9, "h": 3_600 * 10**9,
    "d": 86_400 * 10**9, "w": 604_800 * 10**9, "y": 31_536_000 * 10**9,
}  # fmt: skip
_DURATION: Final = re.compile(r"-?(?:\d++(?:\.\d++)?+(?:ns|us|µs|μs|ms|s|m|h|d|w|y))++")
_DURATION_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|μs|ms|s|m|h|d|w|y)")
_LAST_CHARACTER: Final = 0x10FFFF
_SURROGATES: Final = range(0xD800, 0xE000)


class Token(NamedTuple):
    """A token of a query: its text, its kind, and where it begins."""

    kind: str
    """`text` `duration` `number` `attribute` `word` `operator` `junction` `bracket` `other` `end`"""
    text: str
    at: int


def tokens(query: str) -> Iterator[Token]:
    """The tokens of `query` and then its end; never fails."""
    for match in _TOKEN.finditer(query):
        if match.lastgroup is not None and match.lastgroup != "blank":
            yield Token(match.lastgroup, match[0], match.start())
    yield Token("end", "", len(query))


def text_in(literal: str) -> str:
    """What a quoted text says; in backquotes everything stands for itself.

    Raises:
        ValueError: it has an escape that there is none.
    """
    return literal[1:-1] if literal[0] == "`" else _ESCAPE.sub(_unescaped, literal[1:-1])


def _unescaped(match: re.Match[str]) -> str:
    code = match[1] or match[2] or match[3]
    if code is None:
        if match[4] not in _ESCAPES:
            raise ValueError(f"`{match[0]}` is no escape: write `\\{match[0]}`, or the text in backquotes")
        return _ESCAPES[match[4]]
    number = int(code, 16)
    if number > _LAST_CHARACTER or number in _SURROGATES:
        raise ValueError(f"`{match[0]}` is no character")
    return chr(number)


def attribute_in(literal: str) -> tuple[str, str]:
    """Scope (maybe empty) and name of an attribute such as `span."http method"`."""
    scope, _, name = literal.partition(".")
    parts = [quoted.replace('\\"', '"').replace("\\\\", "\\") or plain for quoted, plain in _NAME_PART.findall(name)]
    return scope, "".join(parts)


def nanoseconds(text: str) -> int | None:
    """A duration such as `1h30m` or `1.5s` in nanoseconds; `None` when it is none."""
    if _DURATION.fullmatch(text) is None:
        return None
    total = sum(float(count) * _NANOSECONDS[unit] for count, unit in _DURATION_PART.findall(text))
    if total > 2**63:
        return None
    return -round(total) if text.startswith("-") else round(total)
