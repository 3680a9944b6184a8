"""What can be shown here: colour, drawing characters, a screen to draw on; and text that is safe to show."""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from typing import Final, NamedTuple, TextIO

from rich.console import Console
from rich.text import Text

# A span's name comes from anywhere, and a terminal obeys what it is sent: C0 and C1 controls (ESC among them), the
# marks that turn the direction of writing, and what has no width, tags among them.
_OBEYED: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ufeff\uffa0\ufff0-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]+"
)


def harmless(text: object) -> str:
    """One line of `text` without anything that a terminal would obey instead of showing it."""
    return _OBEYED.sub(" ", text if isinstance(text, str) else str(text)).strip()


def harmless_json(line: bytes) -> bytes:
    """JSON with the same characters escaped: it means the same, and no terminal obeys it."""
    end = b"\n" if line.endswith(b"\n") else b""
    return _OBEYED.sub(_escaped, line.removesuffix(b"\n").decode()).encode() + end


def _escaped(found: re.Match[str]) -> str:
    return json.dumps(found[0])[1:-1].replace("\x7f", "\\u007f")


class LineFormatter(logging.Formatter):
    """A log record as one line, its traceback indented below it.

    An error's message may hold what somebody sent: it writes no line that looks like another record, and nothing that
    a terminal obeys.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The record's own line."""
        return harmless(super().formatMessage(record))

    def format(self, record: logging.LogRecord) -> str:
        """The whole record."""
        return "\n  ".join(_OBEYED.sub(" ", line) for line in super().format(record).split("\n"))


def output_console() -> Console:
    """The console for a command's output. Rich itself heeds NO_COLOR, TERM=dumb and pipes."""
    return Console(highlight=False, soft_wrap=True, markup=False, emoji=False)


def complain(message: str) -> None:
    """One line on standard error, with the program's name before it."""
    Console(stderr=True, highlight=False, soft_wrap=True, markup=False, emoji=False).print(Text(f"spantail: {message}"))


def can_redraw(console: Console) -> bool:
    """Whether a picture can be drawn over the one before: not in a pipe, a file, or on a dumb terminal."""
    return console.is_terminal and not console.is_dumb_terminal


class Glyphs(NamedTuple):
    """The marks of states and the lines of a tree. The shape says it, never the colour alone."""

    pending: str
    running: str
    ok: str
    error: str
    skipped: str
    cancelled: str
    abandoned: str
    branch: str
    last: str
    through: str
    blank: str
    arrow: str
    more: str
    dot: str
    dash: str


UNICODE: Final = Glyphs("○", "◐", "✓", "✗", "»", "⊘", "?", "├ ", "└ ", "│ ", "  ", "→", "…", "·", "–")
ASCII: Final = Glyphs("o", "*", "+", "x", ">", "-", "?", "|-", "`-", "| ", "  ", ">", "~", "-", "-")


def glyphs_for(stream: TextIO) -> Glyphs:
    """The marks that `stream` can encode: Unicode where its encoding is, ASCII elsewhere and on a dumb terminal."""
    encoding = (getattr(stream, "encoding", None) or "ascii").lower().replace("-", "").replace("_", "")
    if encoding.startswith("utf") and os.environ.get("TERM", "") not in ("dumb", "linux"):
        return UNICODE
    return ASCII


def stdout_glyphs() -> Glyphs:
    """The marks for standard output."""
    return glyphs_for(sys.stdout)
