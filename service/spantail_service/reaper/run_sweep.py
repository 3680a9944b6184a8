"""One run is gone through: its open spans whose process is dead are abandoned, the root last."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING, Any

import orjson

from spantail_exporters.model import keys
from spantail_service.reaper.abandonment import RUNNER_DIED, SILENT, Abandonment, abandoned, final_state
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
    """One way through one run.

    Args:
        connection: The reaper's connection to Redis.
        run: The run.
        abandonments: Why each dead runner's spans are abandoned, by runner.
        is_silent: The run has been silent for so long that spans of no known process are abandoned too.
        is_lost: It is over, or nobody runs it any more, so what was shown of it while it waited in the queue, and is
            open still, is abandoned.
    """

    def __init__(
        self,
        connection: Connection,
        run: OpenRun,
        abandonments: Mapping[str, Abandonment],
        *,
        is_silent: bool,
        is_lost: bool = False,
    ) -> None:
        self._connection = connection
        self._run = run
        self._abandonments = abandonments
        self._silent = Abandonment(SILENT, now_us()) if is_silent else None
        self._lost = Abandonment(RUNNER_DIED, now_us()) if is_lost else None
        self._root: Change | None = None
        self.other_runners: set[str] = set()
        """Runners of open spans that are not known to be dead."""
        self.abandoned_spans: Counter[str | None] = Counter()
        """Spans by runner; None stands for those of no known process."""

    async def run(self) -> None:
        """Go through the run. What was written before an error stays written.

        Raises:
            RedisError: Redis cannot be reached, or refuses a command.
            Interrupted: Redis or this process paused.
        """
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
        await self._connection.change(
            self._run.run_id, changes, state=state, maybe_incomplete=bool(self._abandonments or self._lost)
        )

    def _change_of(self, state: bytes) -> Change | None:
        try:
            held = orjson.loads(state)
            runner = held.get("runner")
            abandonment = self._abandonment_of(runner) or (self._lost if self._was_only_shown(held) else None)
            if abandonment is None:
                return None
            change = abandoned(held, abandonment)
        except (ValueError, KeyError, TypeError, AttributeError):
            logger.warning("an open span of run %s cannot be read", self._run.run_id)
            return None
        self.abandoned_spans[runner if abandonment.reason == RUNNER_DIED else None] += 1
        if change.span_id == self._run.root:
            self._root = change
            return None
        return change

    def _was_only_shown(self, held: dict[str, Any]) -> bool:
        """Whether a span is one that a run has while it waits: nobody runs that yet."""
        return held.get("runner") is None and (held["span_id"] == self._run.root or held.get("kind") == "queue")

    def _abandonment_of(self, runner: object) -> Abandonment | None:
        if not isinstance(runner, str):
            return self._silent
        abandonment = self._abandonments.get(runner)
        if abandonment is None:
            self.other_runners.add(runner)
        return abandonment

    async def _new_state(self) -> NewState | None:
        """The final state of an operation whose root's process is dead: its root's outcome, where it had one."""
        run_keys = keys.run_keys(self._run.run_id)
        if self._run.root is None and self._lost is None:
            return None
        root_json, stored = await self._connection.ask(
            [("HGET", run_keys.spans, self._run.root or ""), ("GET", run_keys.state)]
        )
        root = orjson.loads(root_json) if root_json else {}
        abandonment = self._abandonment_of(root.get("runner")) or self._lost
        is_abandoned = self._root is not None or (self._lost is not None and not root)
        status = "abandoned" if is_abandoned else STATUS_BY_ROOT.get(root.get("status", ""))
        if abandonment is None or status is None:
            return None
        return NewState(stored, final_state(self._run.run_id, stored, status, abandonment), status)
