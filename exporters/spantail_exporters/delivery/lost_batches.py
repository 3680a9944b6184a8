"""What is sent of lost batches nevertheless: that spans have ended, and in which runs some are open. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from spantail.redaction import TRUNCATED_KEY
from spantail_exporters.model.event import dumps, loads

if TYPE_CHECKING:
    from spantail_exporters.model.changes import Change, Changes

_CAPACITY: Final = 10_000  # ends, and runs
_STATE: Final = re.compile(rb'\{"rev":(\d+),"status":"(\w+)"')
_LOST: Final = "…[lost: there was no room for it while the live tier was away]"


class LostBatches:
    """A span whose end is lost would run for ever: nothing else says that it ended, and its process lives on."""

    def __init__(self) -> None:
        self._ends: dict[tuple[str, str], Change] = {}  # by run and span
        self._runs: set[str] = set()

    def __bool__(self) -> bool:
        """Whether there is anything to send."""
        return bool(self._runs)

    def add(self, run_id: str, changes: Changes) -> None:
        """Note what was lost of a run. A span that began and ended in it is left out: nobody knows of it."""
        if run_id not in self._runs and len(self._runs) >= _CAPACITY:
            return
        self._runs.add(run_id)
        for change in changes:
            state = _STATE.match(change.state or change.events[-1])
            if state is None or state[1] == b"1" or state[2] == b"running" or len(self._ends) >= _CAPACITY:
                continue
            end = change._replace(events=(_cut(change.events[-1]),), span_events=0, sources=changes.sources)
            self._ends[run_id, change.span_id] = end

    def take(self) -> tuple[list[tuple[str, Change]], set[str]]:
        """Hand out the ends by run, without what could be large, and the runs that lost anything; then forget them."""
        ends = [(run_id, change) for (run_id, _), change in self._ends.items()]
        runs = self._runs
        self._ends, self._runs = {}, set()
        return ends, runs


def _cut(line: bytes) -> bytes:
    body = loads(line)
    for name in ("span_events", "links", "error"):
        body.pop(name, None)
    body["attributes"] = {TRUNCATED_KEY: _LOST}
    return dumps(body)
