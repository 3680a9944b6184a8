"""How long the reaper waits before it acts."""

from __future__ import annotations

from typing import Final, NamedTuple

from spantail_exporters.model.heartbeat import BEAT_S, LEASE_S
from spantail_service.storage.liveness import GAP_SHARE


class Timing(NamedTuple):
    """How long the reaper waits before it acts, in seconds."""

    lease_s: float = LEASE_S
    """How long a heartbeat lasts: a process whose last one is older is dead."""
    sweep_s: float = BEAT_S
    silent_s: float = 900.0
    """Open spans of no known process are abandoned after so much silence in their run."""

    @property
    def gap_s(self) -> float:
        """The longest time between two answers that leaves their series unbroken."""
        return self.lease_s * GAP_SHARE


NORMAL_TIMING: Final = Timing()
