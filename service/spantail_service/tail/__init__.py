"""Live events of runs: one reader per watched run and process (`feed`), any number of viewers (`viewer`)."""

from spantail_service.tail.frame import Frame
from spantail_service.tail.hub import MAX_WAIT_S, TailHub
from spantail_service.tail.reader import MAX_EVENTS, RunReader
from spantail_service.tail.viewer import Left, Stopping, Viewer

__all__ = [
    "MAX_EVENTS",
    "MAX_WAIT_S",
    "Frame",
    "Left",
    "RunReader",
    "Stopping",
    "TailHub",
    "Viewer",
]
