"""The reaper of dead processes: their open spans become `abandoned`, and their runs end. So nothing is shown as running
for ever.

Every service has one; the one that holds the lease `reaper:lease` acts, the others wait. That is only to save work:
two that act at once write the same, and the run script drops what comes second.

A process is dead when its heartbeat key has expired, by Redis' clock, and the reaper would have seen it come back: all
its questions to Redis have been answered, without a gap, for as long as a heartbeat lasts (`storage/liveness.py`).

A process may still come back at the moment when its spans are abandoned. So its heartbeat is looked for once more after
the last write. If it is there it is deleted: the process finds it gone and reports its open spans again (`_revived`).

Read `reaper.py` first: a sweep over all open runs (`open_runs.py`), every second. One run in which a process has died
is gone through by `run_sweep.py`; what is then written stands in `abandonment.py`.
"""

from spantail_service.reaper.reaper import Reaper
from spantail_service.reaper.timing import Timing

__all__ = ["Reaper", "Timing"]
