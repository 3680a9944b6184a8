"""Changes of one run that are applied together, and what their writer knew of the run."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spantail_exporters.model.changes import Changes


class Known(NamedTuple):
    """Where a run stood when Redis last answered: its epoch, its next sequence, and the batch that was confirmed."""

    epoch: int
    next_seq: int
    writer: str
    writer_seq: int
    at_us: int


class Batch(NamedTuple):
    """Changes of one run that are applied together; `writer` and `writer_seq` make applying them twice harmless.

    `known` is what its writer knew of the run when it put the batch on disk: whoever delivers it can tell what Redis
    has lost.
    """

    run_id: str
    writer: str
    writer_seq: int
    changes: Changes
    drops: Mapping[str, int]
    known: Known | None = None
