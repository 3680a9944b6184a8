"""The state `run:{run_id}` of the runs that the service starts: read, written, and changed against others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from spantail_exporters.model import keys
from spantail_service.storage.run_flags import renew
from spantail_service.storage.run_writes import RunStore, now_us

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from redis.asyncio import Redis

    from spantail.redaction import Redactor
    from spantail_exporters.model.changes import Change

State = dict[str, Any]
FINAL_STATUSES: Final = frozenset({"completed", "failed", "cancelled", "abandoned"})
_RESULT_BYTES: Final = 65_536
_MESSAGE_CHARACTERS: Final = 2_000


class WaitingState(NamedTuple):
    """A state, and how long it is kept."""

    state: State | None
    expires_in_s: float
    """Below zero where it does not expire, or is not there."""


class RunStates:
    """Reads and writes run states. Every method raises redis-py's errors."""

    def __init__(self, redis: Redis, store: RunStore) -> None:
        self._redis = redis
        self._store = store

    async def get(self, run_id: str) -> State | None:
        """The state of a run; None where there is none, or none that can be read."""
        return _read(await self._stored(run_id))

    async def queued(self, first: int, count: int) -> list[str]:
        """Runs that wait in the queue, by the index over runs: at most `count` from the `first` on, oldest first."""
        found: Any = await self._redis.zrange(keys.runs_of_status("queued"), first, first + count - 1)
        return [run_id.decode() for run_id in found]

    async def with_expiry(self, run_ids: Sequence[str]) -> list[WaitingState]:
        """The state of each run, and when it expires."""
        pipe = self._redis.pipeline(transaction=False)
        for run_id in run_ids:
            pipe.get(keys.run_keys(run_id).state)
            pipe.pttl(keys.run_keys(run_id).state)
        said: list[Any] = await pipe.execute() if run_ids else []
        return [WaitingState(_read(said[at]), said[at + 1] / 1000) for at in range(0, len(said), 2)]

    async def renew(self, run_id: str) -> None:
        """Keep an open run for as long as if something of it had been written now."""
        pipe = self._redis.pipeline(transaction=False)
        for command in renew(run_id):
            pipe.execute_command(*command)
        await pipe.execute()

    async def write(self, state: State) -> None:
        """Replace a state, whatever it was; the run settles in the same step when that was all it waited for."""
        await self._store.set_state(state["run_id"], orjson.dumps(state), state["status"])

    async def create(self, state: State, changes: Sequence[Change] = ()) -> bool:
        """Write the first state of a run, and changes of its spans with it; False, and nothing, where there is one."""
        return await self._store.replace_state(state["run_id"], None, orjson.dumps(state), state["status"], changes)

    async def change(
        self, run_id: str, change: Callable[[State], State | None], changes: Sequence[Change] = ()
    ) -> State | None:
        """Change a state, and spans with it, in one step against all others.

        Args:
            run_id: The run.
            change: Makes the new state of the present one; None leaves everything as it is. May be called again.
            changes: What becomes of its spans.

        Returns:
            The new state; None where there is none, or `change` wanted nothing.
        """
        while True:
            before = await self._stored(run_id)
            held = _read(before)
            made = change(dict(held)) if held is not None else None
            if made is None:
                return None
            if await self._store.replace_state(run_id, before, orjson.dumps(made), made["status"], changes):
                return made

    async def root_of(self, run_id: str) -> str:
        """The span id of a run's root; empty where it is not known."""
        root: Any = await self._redis.hget(keys.run_keys(run_id).meta, "root")
        return root.decode() if isinstance(root, bytes) else ""

    async def without_runner(self, run_id: str, span_ids: Sequence[str]) -> set[str]:
        """Those of some spans that no process has said to be its own."""
        stored: Any = await self._redis.hmget(keys.run_keys(run_id).spans, list(span_ids))
        held = [None if state is None else orjson.loads(state) for state in stored]
        return {
            span_id
            for span_id, state in zip(span_ids, held, strict=True)
            if state is not None and state.get("runner") is None
        }

    async def _stored(self, run_id: str) -> bytes | None:
        stored: Any = await self._redis.get(keys.run_keys(run_id).state)
        return stored if isinstance(stored, bytes) else None


def first_state(
    run_id: str, operation: str, given: Mapping[str, Any], redactor: Redactor, *, status: str, demo: bool, **more: Any
) -> State:
    """The state of a run that begins.

    Args:
        run_id: The run.
        operation: The operation's name.
        given: Its input, which is redacted here; `input_redacted` then says that it is not what was given.
        redactor: Keeps secrets out.
        status: `queued` or `running`.
        demo: Whether it works on demo data.
        more: Further fields; None and what is empty is left out.
    """
    kept = redactor.attributes(given)
    state: State = {
        "run_id": run_id,
        "operation": operation,
        "status": status,
        "input": kept,
        "created": now_us(),
        "demo": demo,
    }
    if kept != given:
        state["input_redacted"] = True
    state.update((name, value) for name, value in more.items() if value not in (None, "", ()))
    return state


def result_fields(result: Mapping[str, Any], redactor: Redactor) -> State:
    """What a final state says of a result; nothing where it is larger than 64 KiB.

    Raises:
        TypeError: The result is not JSON.
    """
    kept = redactor.attributes(result)
    return {"result": kept} if len(orjson.dumps(kept)) <= _RESULT_BYTES else {}


def error_fields(error: BaseException, redactor: Redactor) -> State:
    """What a final state says of the error that ended the run."""
    return {"error": {"type": type(error).__name__, "message": redactor.text(str(error))[:_MESSAGE_CHARACTERS]}}


def _read(stored: bytes | None) -> State | None:
    try:
        state = orjson.loads(stored) if stored else None
    except ValueError:
        return None
    return state if isinstance(state, dict) else None
