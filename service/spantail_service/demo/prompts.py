"""Reads what a prompt of the operations says: its fields, and what stands between its tags (pure)."""

from __future__ import annotations

import re


def field(prompt: str, name: str) -> str:
    """The rest of the line that begins with `name:`; empty where there is none."""
    found = re.search(rf"^{re.escape(name)}: (.*)$", prompt, re.MULTILINE)
    return found.group(1).strip() if found else ""


def between(prompt: str, tag: str) -> str:
    """What stands between the first pair of these tags; empty where there is none."""
    _, _, rest = prompt.partition(f"<{tag}>\n")
    return rest.partition(f"\n</{tag}>")[0]
