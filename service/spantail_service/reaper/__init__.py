"""The judge of dead processes: their open spans become `abandoned`, and their runs end (design §6, invariant 6).

Every service has one; the holder of the lease `reaper:lease` acts, the others stand by. That is for economy: two
that act at once say the same thing, and the run script drops the second one's words.

A process is dead when its heartbeat key has expired, by Redis' clock, and the judge could have seen it come back: its
questions have been answered, without a gap, for one whole lease (`liveness.py`).

A verdict may still cross with a process that comes back just then. So its heartbeat is looked for once more after the
last write; if it is there it is taken away, and the process, finding it gone, tells its open spans again
(`_revived`).
"""

from spantail_service.reaper.liveness import Timing
from spantail_service.reaper.reaper import Reaper

__all__ = ["Reaper", "Timing"]
