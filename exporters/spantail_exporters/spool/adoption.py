"""The spools of this process: its own, and those that dead processes left."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from spantail_exporters.spool import place as spool_place
from spantail_exporters.spool.spool import Spool

if TYPE_CHECKING:
    from pathlib import Path


def open_spools(destination: str, *, owner: str = "") -> list[Spool]:
    """Make this process's spool for `destination`, a Redis URL, and adopt what dead ones left for it.

    The first is one's own. None at all when the environment switches it off or (with a warning) the disk cannot
    have one; see `spool_place.place_for`.
    """
    place = spool_place.place_for(destination)
    if place is None:
        return []
    return [Spool(place.folder, limit_bytes=place.limit_bytes, owner=owner), *adopt(place.folder)]


def adopt(folder: Path) -> list[Spool]:
    """Take over the spools in `folder` whose processes are gone, the oldest first.

    They are read with `peek` and `advance` and take no `append`. Closed before it is empty, one is left for the
    next to adopt, who may meet some batches again: writer id and sequence make that harmless.
    """
    adopted: list[tuple[float, Spool]] = []
    try:
        names = {path.name.split(".")[0] for path in folder.iterdir() if path.suffix in {".spool", ".lock"}}
    except OSError:
        return []
    for name in sorted(names):
        spool = Spool(folder)
        with contextlib.suppress(OSError):
            if (oldest := spool.take_over(name)) is not None:
                adopted.append((oldest, spool))
    return [spool for _, spool in sorted(adopted, key=lambda pair: pair[0])]
