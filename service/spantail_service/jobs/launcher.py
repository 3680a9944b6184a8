"""Starting operations: each is a task of its own and the root of a new trace."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
from opentelemetry import trace

from spantail import operation
from spantail.attributes import RUN_NAME
from spantail.redaction import Redactor
from spantail_exporters.model import keys
from spantail_exporters.redis.errors import REDIS_UNREACHABLE, will_be_back
from spantail_service.errors import RETRY_AFTER_S, LimitReachedError, UnavailableError
from spantail_service.storage.run_writes import RunStore, now_us

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import BaseModel
    from redis.asyncio import Redis

    from spantail_service.operations.base import Operation, Tools

logger = logging.getLogger(__name__)

ROOT_STORED_S = 2.0
"""How long a start may wait for its root event to be stored, in seconds."""

_MESSAGE_LIMIT = 2_000  # characters of an error kept in the run state
_RESULT_LIMIT = 65_536  # bytes of result JSON kept in the run state
_AGAIN_S = 5  # after so many seconds a caller that was refused may come again
_STATE_RETRY_S = (0.1, 0.5, 1.0, 2.0, 5.0)


class StartedRun(NamedTuple):
    """The answer to a start."""

    run_id: str
    status: str


class _Run:
    """One run on its way. `root` (its span id) is set once its span has started, `may_work` once that is stored."""

    def __init__(self, op: Operation, given: BaseModel, links: list[trace.Link]) -> None:
        self.op = op
        self.given = given
        self.links = links
        self.created = now_us()
        self.run_id = ""
        self.root: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.may_work = asyncio.Event()
        self.recorded = False
        """A run state may have been written, so a final one has to follow."""
        self.is_over = False
        """Its work has ended; only its final state may still have to be written."""


class Launcher:
    """Starts operations in the background, counts them, and stops them when the process ends.

    Args:
        redis: Where runs are stored.
        store: Writes their states.
        tools: What operations work with.
        flush: Waits until the spans made so far are stored, for as many seconds at most; called on a thread.
        max_runs: How many may run at a time.
    """

    def __init__(
        self,
        redis: Redis,
        store: RunStore,
        tools: Tools,
        flush: Callable[[float], bool],
        *,
        max_runs: int,
    ) -> None:
        self._redis = redis
        self._store = store
        self._tools = tools
        self._flush = flush
        self._max_runs = max_runs
        self._redactor = Redactor.from_environment()
        self._tasks: dict[asyncio.Task[None], _Run] = {}
        self._by_run: dict[str, asyncio.Task[None]] = {}
        self._closing = asyncio.Event()

    @property
    def running(self) -> int:
        """How many operations run at the moment."""
        return len(self._tasks)

    async def start(self, op: Operation, given: BaseModel) -> StartedRun:
        """Start `op`; returns when its root event is stored, while the work goes on.

        Raises:
            LimitReachedError: too many operations run.
            UnavailableError: the root event could not be stored in time, or the process is stopping. The work has
                not begun then.
        """
        if self._closing.is_set():
            raise UnavailableError("The service is about to stop.", kind="stopping", retry_after_s=_AGAIN_S)
        if len(self._tasks) >= self._max_runs:
            raise LimitReachedError(
                f"{self._max_runs} operations are running, which is the limit.",
                kind="too-many-runs",
                retry_after_s=_AGAIN_S,
            )
        request_span = trace.get_current_span().get_span_context()
        run = _Run(op, given, [trace.Link(request_span)] if request_span.is_valid else [])
        # A context of its own: what is logged about the run must not stand in the request's span.
        task = asyncio.create_task(self._run(run), name=f"spantail-run-{op.name}", context=contextvars.Context())
        self._tasks[task] = run
        task.add_done_callback(self._tasks.pop)
        try:
            await self._store_start(run, await run.root)
        except BaseException:
            task.cancel()
            raise
        self._by_run[run.run_id] = task
        task.add_done_callback(lambda _: self._by_run.pop(run.run_id, None))
        run.may_work.set()
        return StartedRun(run.run_id, "running")

    def cancel(self, run_id: str) -> bool:
        """Ask a run of this process to stop; False when there is none of that id, or its work is over."""
        task = self._by_run.get(run_id)
        return task is not None and not self._tasks[task].is_over and task.cancel()

    async def close(self, timeout_s: float) -> None:
        """Take no more, cancel what works, and wait until the end of each is written, at most `timeout_s` seconds."""
        self._closing.set()
        for task, run in self._tasks.items():
            if not run.is_over:
                task.cancel()
        if self._tasks:
            _, pending = await asyncio.wait(list(self._tasks), timeout=timeout_s)
            for task in pending:
                logger.error("%s did not stop within %.1f s", task.get_name(), timeout_s)
                task.cancel()

    async def _store_start(self, run: _Run, span_id: str) -> None:
        try:
            async with asyncio.timeout(ROOT_STORED_S):
                await asyncio.to_thread(self._flush, ROOT_STORED_S)
                if await self._redis.hexists(keys.run_keys(run.run_id).spans, span_id):
                    run.recorded = True
                    await self._set_state(run, "running")
                    return
                logger.warning("%s was not started, its root was not stored: is sampling off?", run.op.name)
        except (TimeoutError, *REDIS_UNREACHABLE) as error:
            logger.warning("%s was not started, its root could not be stored: %r", run.op.name, error)
        raise UnavailableError(
            f"The run could not be recorded within {ROOT_STORED_S:.0f} seconds, so it was not started.",
            kind="run-not-stored",
            retry_after_s=RETRY_AFTER_S,
        )

    async def _run(self, run: _Run) -> None:
        status, fields = "failed", dict[str, Any]()
        try:
            with operation(
                run.op.title,
                root=True,
                links=run.links,
                layers=run.op.layers,
                attributes={RUN_NAME: run.op.run_name(run.given)},
            ) as scope:
                run.run_id = scope.run_id
                run.root.set_result(scope.span_id)
                await run.may_work.wait()
                result = await run.op.work(run.given, self._tools)
            status, fields = "completed", _result(self._redactor.attributes(result))
        except asyncio.CancelledError:
            status = "cancelled"
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the run has failed
            # The span has it with its traceback; this is what the run state and our own log keep.
            message = self._redactor.text(str(error))[:_MESSAGE_LIMIT]
            logger.warning("%s failed: %s: %s", run.op.name, type(error).__name__, message)
            fields = {"error": {"type": type(error).__name__, "message": message}}
            if not run.root.done():
                run.root.set_exception(error)
        finally:
            run.root.cancel()
            run.is_over = True
            if run.recorded:
                await self._finish(run, status, fields)

    async def _finish(self, run: _Run, status: str, fields: dict[str, Any]) -> None:
        """Write the final run state, however long Redis is away: without it the run would never settle."""
        attempt = 0
        while True:
            try:
                await self._set_state(run, status, {"finished": now_us(), **fields})
            except Exception as error:
                may_pass = will_be_back(error)
                if not may_pass or (self._closing.is_set() and attempt > 0):
                    message = "the final state of run %s could not be stored: %r"
                    logger.log(logging.ERROR, message, run.run_id, error, exc_info=not may_pass)
                    return
            else:
                return
            if self._closing.is_set():
                await asyncio.sleep(_STATE_RETRY_S[0])
            else:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_STATE_RETRY_S[min(attempt, len(_STATE_RETRY_S) - 1)]):
                        await self._closing.wait()
            attempt += 1

    async def _set_state(self, run: _Run, status: str, fields: dict[str, Any] | None = None) -> None:
        state = {
            "run_id": run.run_id,
            "operation": run.op.name,
            "status": status,
            "input": self._redactor.attributes(run.given.model_dump(mode="json")),
            "created": run.created,
            "demo": self._tools.demo,
            **(fields or {}),
        }
        await self._store.set_state(run.run_id, orjson.dumps(state), status)


def _result(result: dict[str, Any]) -> dict[str, Any]:
    try:
        if len(orjson.dumps(result)) <= _RESULT_LIMIT:
            return {"result": result}
    except TypeError:
        logger.exception("a result is not JSON")
    return {}
