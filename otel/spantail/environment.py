"""Settings in the environment that are on or off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_OFF: Final = frozenset({"false", "0", "off", "no"})


def is_on(environ: Mapping[str, str], name: str) -> bool:
    """Tell whether a setting is on: always, unless it says `false`, `0`, `off` or `no` (in any case)."""
    return environ.get(name, "").strip().lower() not in _OFF
