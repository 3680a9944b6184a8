"""The rules of the event format as cases, see `tests/golden/rules/README.md`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson

_FOLDER = Path(__file__).parents[2] / "golden" / "rules"


def cases(rule: str, part: str = "cases") -> list[dict[str, Any]]:
    """Read the cases of a rule."""
    held: dict[str, Any] = orjson.loads((_FOLDER / f"{rule}.json").read_bytes())
    found: list[dict[str, Any]] = held[part]
    return found


def why(case: dict[str, Any]) -> str:
    """Name a case for a report."""
    return str(case["why"])
