"""One run is gone through: its open spans whose process is dead are given up, the root last."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING, Any

import orjson

from spantail_exporters.model import keys
from spantail_service.reaper.abandonment import RUNNER_DIED, SILENT, Verdict, abandoned, final_state
from spantail_service.reaper.connection import NewState
from spantail_service.reaper.open_runs import OPEN_SPANS
from spantail_service.runs.meta import STATUS_BY_ROOT
from spantail_service.storage.run_writes import now_us

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spantail_exporters.model.changes import Change
    from spantail_service.reaper.connection import Connection
    from spantail_service.reaper.open_runs import OpenRun

logger = logging.getLogger(__name__)

_PAGE = 256  # spans a call: about a millisecond of Redis' only thread


class RunSweep:
    """`verdicts` are those on dead runners; with `is_silent` spans of no known process are given up too."""

    def __init__(self, line: Connection, run: OpenRun, verdicts: Mapping[str, Verdict], *, is_silent: bool) -> None:
        self._connection = line
        self._run = run
        self._verdicts = verdicts
        self._silent = Verdict(SILENT, now_us()) if is_silent else None
        self._root: Change | None = None
        self.strangers: set[str] = set()
        """Runners of open spans on whom there is no verdict."""
        self.given_up: Counter[str | None] = Counter()
        """Spans by runner; None stands for those of no known process."""

    async def hold(self) -> None:
        """Go through the run. Raises redis-py's errors and `Interrupted`; what was written then stands."""
        spans_key = keys.run_keys(self._run.run_id).spans
        cursor: Any = 0
        while self._run.open:
            # The whole page at once: a small hash comes as one page, whatever its size.
            cursor, *states = await self._connection.ask_one("EVAL", OPEN_SPANS, 1, spans_key, cursor, _PAGE)
            changes = [change for state in states if (change := self._change_of(state)) is not None]
            for i in range(0, len(changes), _PAGE):
                await self._write(changes[i : i + _PAGE])
            if int(cursor) == 0:
                break
        state = await self._new_state() if self._run.waits_for_state else None
        if self._root is not None or state is not None:
            await self._write([self._root] if self._root is not None else [], state)

    async def _write(self, changes: list[Change], state: NewState | None = None) -> None:
        await self._connection.change(self._run.run_id, changes, state=state, maybe_incomplete=bool(self._verdicts))

    def _change_of(self, state: bytes) -> Change | None:
        try:
            held = orjson.loads(state)
            runner = held.get("runner")
            verdict = self._verdict_on(runner)
            if verdict is None:
                return None
            change = abandoned(held, verdict)
        except (ValueError, KeyError, TypeError, AttributeError):
            logger.warning("an open span of run %s cannot be read", self._run.run_id)
            return None
        self.given_up[runner if verdict.reason == RUNNER_DIED else None] += 1
        if change.span_id == self._run.root:
            self._root = change
            return None
        return change

    def _verdict_on(self, runner: object) -> Verdict | None:
        if not isinstance(runner, str):
            return self._silent
        verdict = self._verdicts.get(runner)
        if verdict is None:
            self.strangers.add(runner)
        return verdict

    async def _new_state(self) -> NewState | None:
        """The final state of an operation whose root's process is dead: its root's outcome, where it had one."""
        run_keys = keys.run_keys(self._run.run_id)
        if self._run.root is None:
            return None
        root_json, stored = await self._connection.ask(
            [("HGET", run_keys.spans, self._run.root), ("GET", run_keys.state)]
        )
        root = orjson.loads(root_json) if root_json else {}
        verdict = self._verdict_on(root.get("runner"))
        status = "abandoned" if self._root is not None else STATUS_BY_ROOT.get(root.get("status", ""))
        if verdict is None or status is None:
            return None
        return NewState(stored, final_state(self._run.run_id, stored, status, verdict), status)
