"""The sweeps over open runs, and which service makes them."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Self

import orjson
from redis.exceptions import ResponseError

from spantail_exporters.model import keys
from spantail_exporters.redis.errors import REDIS_UNREACHABLE, will_be_back
from spantail_service.bounds.cancel import cancel
from spantail_service.reaper.abandonment import RUNNER_DIED, SILENT, Abandonment, restored
from spantail_service.reaper.connection import Connection, NewState
from spantail_service.reaper.open_runs import OpenRun, OpenRuns
from spantail_service.reaper.run_sweep import RunSweep
from spantail_service.reaper.timing import NORMAL_TIMING, Timing
from spantail_service.storage.lease import Lease
from spantail_service.storage.liveness import Interrupted, Liveness, clock
from spantail_service.storage.run_writes import now_us

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

logger = logging.getLogger(__name__)

_HOLD_SWEEPS = 3  # a reaper that missed so many sweeps is replaced
_CLOSE_S = 0.5


class Reaper:
    """Ends what dead processes left open, while its `async with` block lasts.

    Args:
        redis_url: Where the runs are. The reaper has its own connection.
        timing: How long it waits before it acts.
        token: Tells this reaper from others; made up where none is given.
        abandoned: Told of each sweep how many open spans were ended, by why: `runner_died` or `silent`.
    """

    def __init__(
        self,
        redis_url: str,
        *,
        timing: Timing = NORMAL_TIMING,
        token: str | None = None,
        abandoned: Callable[[str, int], None] = lambda _reason, _spans: None,
    ) -> None:
        self._timing = timing
        self._abandoned = abandoned
        self._lease = Lease(keys.REAPER_LEASE, token)
        self._liveness = Liveness(timing.gap_s)
        self._connection = Connection(redis_url, self._liveness, timing.gap_s)
        self._runs = OpenRuns(self._connection.ask)
        self._alive: set[str] = set()
        self._returned: dict[str, float] = {}
        self._task: asyncio.Task[None] | None = None
        self._in_trouble = False
        self._closing = False
        self.sweeps = 0
        """Sweeps that Redis answered to the end."""

    @property
    def waited_s(self) -> float:
        """For how many seconds Redis has answered without a gap; nothing is abandoned before that is one lease."""
        return self._liveness.waited_s

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run(), name="spantail-reaper")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing = True
        await cancel(self._task)
        with suppress(*REDIS_UNREACHABLE, TimeoutError, Interrupted):
            async with asyncio.timeout(_CLOSE_S):
                await self._connection.ask_one(*self._lease.release())
        await self._connection.close()

    async def _run(self) -> None:
        while not self._closing:
            due = clock() + self._timing.sweep_s
            try:
                if self._in_trouble:
                    await self._connection.reset()
                await self.sweep()
                self._in_trouble = False
            except Interrupted:
                logger.info(
                    "Redis or this process has paused: nobody is declared dead for %.0f s", self._timing.lease_s
                )
            except Exception as error:
                self._liveness.broken()
                if not self._in_trouble:
                    self._in_trouble = True
                    logger.warning("dead processes cannot be looked for: %r", error, exc_info=not will_be_back(error))
            if not self._closing:  # redis-py may have swallowed the cancellation
                await asyncio.sleep(max(0.0, due - clock()))

    async def sweep(self) -> None:
        """Look at the open runs once, and abandon what is dead.

        Raises:
            RedisError: Redis cannot be reached.
            Interrupted: Redis or this process paused.
        """
        hold_ms = int(1_000 * _HOLD_SWEEPS * self._timing.sweep_s)
        (seconds, micros), is_ours = await self._connection.ask([("TIME",), self._lease.claim(hold_ms)])
        redis_us = seconds * 1_000_000 + micros
        self._liveness.redis_clock(redis_us, clock())
        if is_ours:
            await self._runs.look(clock())
            await self._find_the_living()
            if self._liveness.waited_s >= self._timing.lease_s:
                await self._sweep_runs(redis_us)
        else:
            self._runs.forget()
        self.sweeps += 1

    async def _find_the_living(self) -> None:
        now = clock()
        self._returned = {runner: until for runner, until in self._returned.items() if until > now}
        runners = sorted({runner for run in self._runs for runner in run.runners})
        replies = await self._connection.ask([("EXISTS", keys.runner(runner)) for runner in runners]) if runners else []
        self._alive = {runner for runner, is_there in zip(runners, replies, strict=True) if is_there}
        self._alive.update(self._returned)

    async def _sweep_runs(self, redis_us: int) -> None:
        spans: Counter[str | None] = Counter()
        runs: Counter[str | None] = Counter()
        for run in self._runs:
            try:
                abandoned_spans = await self._sweep_run(run, redis_us)
            except ResponseError as error:
                if will_be_back(error):
                    raise  # every other run would be refused too
                # One run that is not as it should be must not keep the others from their end.
                if not run.rests_until:
                    logger.warning("run %s cannot be examined: %s", run.run_id, error)
                run.rests_until = clock() + self._timing.lease_s
                continue
            spans.update(abandoned_spans)
            runs.update(abandoned_spans.keys())
        for who, count in spans.items():
            self._abandoned(RUNNER_DIED if who else SILENT, count)
            whose = f"runner {who!r} has died" if who else "no process is known"
            logger.warning("%s: %d open spans of %d runs are abandoned", whose, count, runs[who])

    async def _sweep_run(self, run: OpenRun, redis_us: int) -> Counter[str | None]:
        if clock() < run.rests_until or run.state == "queued":  # nobody runs it yet, and nobody need
            return Counter()
        if run.ends_by_silence(clock(), redis_us):
            await self._connection.change(run.run_id, [], silent_since=run.last_us)
        if not (run.open or run.waits_for_state):
            return Counter()
        if run.state == "abandoned" and run.root_status == "running":
            await self._restore(run)
        dead = run.runners - self._alive
        quiet_s = clock() - run.since
        is_silent = redis_us - run.last_us >= self._timing.silent_s * 1e6 and quiet_s >= self._timing.lease_s
        # No known process writes this run: after the silence of one lease its open spans are read for their processes.
        is_strange = not run.runners and quiet_s >= self._timing.lease_s
        # Its runner has said that it is over, and died before its spans were delivered.
        is_lost = run.state is not None and not run.waits_for_state and quiet_s >= self._timing.lease_s
        if is_strange and run.state == "running":  # whoever took it from the queue has delivered nothing of it
            is_lost = not await self._connection.ask_one("EXISTS", keys.run_owner(run.run_id))
        question = (run.version, frozenset(dead), is_silent, is_lost)
        if not (dead or is_silent or is_strange or is_lost) or run.examined == question:
            return Counter()
        abandonments = await self._dead_now(dead)
        sweep = RunSweep(self._connection, run, abandonments, is_silent=is_silent, is_lost=is_lost)
        await sweep.run()
        returned = await self._make_report(sweep.abandoned_spans)
        if not sweep.other_runners <= run.runners:
            run.runners |= sweep.other_runners  # looked at in the next sweep, when it is known whether they live
        elif abandonments.keys() == dead and not returned:
            run.examined = question
        return sweep.abandoned_spans

    async def _dead_now(self, dead: set[str]) -> dict[str, Abandonment]:
        """Those of `dead` that are so at this very moment, with their last heartbeat."""
        at_us = now_us()
        runners = sorted(dead)
        replies = await self._connection.ask(
            [
                command
                for runner in runners
                for command in (("EXISTS", keys.runner(runner)), ("ZSCORE", keys.RUNNERS_SEEN, runner))
            ]
        ) if runners else []  # fmt: skip
        return {
            runner: Abandonment(RUNNER_DIED, at_us, None if last is None else int(last))
            for runner, is_there, last in zip(runners, replies[::2], replies[1::2], strict=True)
            if not is_there
        }

    async def _make_report(self, abandoned_spans: Iterable[str | None]) -> bool:
        """Make a runner that came back in the meantime report its open spans again; whether there was one."""
        runners = [runner for runner in abandoned_spans if runner is not None]
        replies = await self._connection.ask([("DEL", keys.runner(runner)) for runner in runners]) if runners else []
        back = [runner for runner, was_there in zip(runners, replies, strict=True) if was_there]
        for runner in back:
            logger.info("runner %r came back while its spans were abandoned", runner)
            self._returned[runner] = clock() + self._timing.lease_s
            self._alive.add(runner)
        return bool(back)

    async def _restore(self, run: OpenRun) -> None:
        """The process is back and its operation goes on: its state says so again."""
        run_keys = keys.run_keys(run.run_id)
        stored, root = await self._connection.ask([("GET", run_keys.state), ("HGET", run_keys.spans, run.root)])
        state = restored(stored)
        if state is not None and root is not None and orjson.loads(root).get("runner") in self._alive:
            await self._connection.change(run.run_id, [], state=NewState(stored, state, "running"))
