"""Finds what a text leaves to be filled in: `[your name]`, `<company>`, `XX %` (pure)."""

from __future__ import annotations

import re
from typing import Final

_PLACEHOLDER: Final = re.compile(
    r"\[[^\]\n]{1,60}\]|<[A-Za-z][^>\n]{0,60}>|\{\{?[^}\n]{0,60}\}?\}|\b(?:TODO|TBD|XX+)\b|_{3,}|(?i:\blorem ipsum\b)"
)


def placeholders(text: str) -> list[str]:
    """Every placeholder of `text`."""
    return [found.group() for found in _PLACEHOLDER.finditer(text)]
