"""The entry points of what is installed. A search reads a file of every package, so there is one for a process."""

from __future__ import annotations

import importlib.metadata
import sys
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.metadata import EntryPoints


def entry_points(group: str, name: str | None = None) -> EntryPoints:
    """Those of `group`, or the ones called `name` among them.

    What is installed while the process runs is not seen, unless `sys.path` has changed with it.
    """
    wanted = {"group": group} if name is None else {"group": group, "name": name}
    found: EntryPoints = _all(tuple(sys.path)).select(**wanted)
    return found


@lru_cache(maxsize=1)
def _all(_path: tuple[str, ...]) -> Any:  # of another type in Python 3.11 than later
    return importlib.metadata.entry_points()
