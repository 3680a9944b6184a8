"""What the reaper knows of the runs that have not settled, kept up to date at little cost to Redis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from spantail_exporters.model import keys
from spantail_exporters.model.run_script import Applied, index_commands, unquoted
from spantail_service.runs.meta import OPEN_STATUSES, SILENCE_US, runner_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_PAGE = 500  # runs per trip
_RUNS_A_LOOK = 10_000  # the rest waits for the next look: the time that one takes is bounded

OPEN_SPANS = """
-- The open spans of one page of a snapshot: it may hold a hundred thousand spans that are over, which stay here.
local page = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
local found = { page[1] }
for i = 2, #page[2], 2 do
  if string.match(page[2][i], '^{"rev":%d+,"status":"running"') then found[#found + 1] = page[2][i] end
end
return found
"""
"""A script that only reads. KEYS: the snapshot. ARGV: cursor, count. Answers the next cursor, then states."""


class Ask(Protocol):
    """Sends commands in one trip and returns their replies; raises when Redis is away or refuses one."""

    async def __call__(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        """Send `commands`."""


class OpenRun:
    """One run that has not settled, as it was last read. Times are µs by the writers' clocks."""

    __slots__ = (
        "examined", "imported", "is_orphan", "last_us", "next", "open", "rests_until", "root", "root_status", "round",
        "run_id", "runners", "since", "state", "version",
    )  # fmt: skip

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self.round = 0
        self.version: tuple[Any, ...] = ()
        self.since = 0.0  # when the reaper first saw this version, by its own clock
        self.runners: set[str] = set()
        self.examined: object = None
        self.rests_until = 0.0  # this version could not be examined: when it is tried again, by the reaper's own clock
        self.last_us = self.next = self.open = 0
        self.root: str | None = None
        self.root_status: str | None = None
        self.state: str | None = None
        self.is_orphan = False
        self.imported = False

    def learn(self, fields: Mapping[bytes, bytes], version: tuple[Any, ...], since: float) -> None:
        """Take over the run's meta hash."""
        self.version, self.since, self.rests_until = version, since, 0.0
        self.last_us = int(fields.get(b"last", b"0"))
        self.open = int(fields.get(b"open", b"0"))
        self.root = fields.get(b"root", b"").decode() or None
        self.root_status = fields.get(b"root_status", b"").decode() or None
        self.state = fields.get(b"state", b"").decode() or None
        self.is_orphan = self.root is None or fields.get(b"root_orphan") == b"1"
        self.imported = b"imported" in fields
        for field in fields:
            if field.startswith(b"w:") and (runner := runner_of(field[2:].decode("utf-8", "replace"))):
                self.runners.add(runner)

    @property
    def waits_for_state(self) -> bool:
        """Whether the service keeps a state of this run that is not final."""
        return self.state in OPEN_STATUSES

    def ends_by_silence(self, now: float, redis_us: int) -> bool:
        """Whether it has no root that could end it, and has been silent for so long that it is over.

        `now` is the reaper's own clock in seconds, `redis_us` that of Redis: a writer's clock may be ahead of it.
        """
        if not self.is_orphan or self.open or self.waits_for_state:
            return False
        return self.imported or redis_us - self.last_us >= SILENCE_US or (now - self.since) * 1e6 >= SILENCE_US


class OpenRuns:
    """The runs in `runs:open`. Each look reads two fields of each, and all of those that have changed."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._runs: dict[str, OpenRun] = {}
        self._cursor: Any = 0
        self._round = 0

    def __iter__(self) -> Iterator[OpenRun]:
        return iter(list(self._runs.values()))

    def forget(self) -> None:
        """Forget all of it, as at the start."""
        self._runs.clear()
        self._cursor = 0

    async def look(self, now: float) -> None:
        """Bring what is known up to date; of more than 10,000 runs the rest at the next look.

        `now` is the reaper's own clock in seconds.
        """
        looked = 0
        while looked < _RUNS_A_LOOK:
            ((self._cursor, found),) = await self._ask([("SSCAN", keys.RUNS_OPEN, self._cursor, "COUNT", _PAGE)])
            run_ids = [run_id.decode() for run_id in found]
            for i in range(0, len(run_ids), _PAGE):
                await self._read(run_ids[i : i + _PAGE], now)
            looked += max(len(run_ids), 1)
            if int(self._cursor) == 0:
                self._runs = {run_id: run for run_id, run in self._runs.items() if run.round == self._round}
                self._round += 1
                return

    async def _read(self, run_ids: list[str], now: float) -> None:
        if not run_ids:
            return
        metas = [keys.run_keys(run_id).meta for run_id in run_ids]
        heads = await self._ask([("HMGET", meta, "next", "last", "epoch", "expected") for meta in metas])
        changed: list[tuple[OpenRun, str, tuple[Any, ...]]] = []
        left: list[str] = []
        unindexed: list[str] = []
        for run_id, meta, head in zip(run_ids, metas, heads, strict=True):
            if head[0] is None or head[3] is not None:  # expired, or settled by a writer that then died
                left.append(run_id)
                if head[0] is not None:
                    unindexed.append(run_id)
                continue
            run = self._runs.get(run_id)
            if run is None:
                run = self._runs[run_id] = OpenRun(run_id)
            run.round = self._round
            if run.version != (version := tuple(head)):
                changed.append((run, meta, version))
        hashes = await self._ask([("HGETALL", meta) for _, meta, _ in changed]) if changed else []
        for (run, _, version), fields in zip(changed, hashes, strict=True):
            run.learn(fields, version, now)
        if unindexed:
            await self._index(unindexed)
        if left:
            await self._leave(left)

    async def _index(self, run_ids: list[str]) -> None:
        """Bring settled runs up to date in the index over runs: whoever settled them died before doing so."""
        found = await self._ask(
            [
                ("HMGET", keys.run_keys(run_id).meta, "next", "epoch", "root_start", "status", "operation")
                for run_id in run_ids
            ]
        )
        commands: list[tuple[Any, ...]] = []
        for run_id, (next_seq, epoch, start, status, operation) in zip(run_ids, found, strict=True):
            if next_seq is not None:  # else it has expired in between
                applied = Applied(
                    int(next_seq), False, int(epoch), int(start or epoch), True, True,
                    (status or b"running").decode(), unquoted((operation or b"").decode("utf-8", "replace")),
                )  # fmt: skip
                commands += index_commands(run_id, applied)
        if commands:
            await self._ask(commands)

    async def _leave(self, run_ids: list[str]) -> None:
        """Take runs out of the index, but not one that has opened again in between."""
        await self._ask([("SREM", keys.RUNS_OPEN, *run_ids)])
        again = await self._ask([("HMGET", keys.run_keys(run_id).meta, "open", "expected") for run_id in run_ids])
        back = [
            run_id
            for run_id, (still_open, expected) in zip(run_ids, again, strict=True)
            if still_open not in (None, b"0") and expected is None
        ]
        if back:
            await self._ask([("SADD", keys.RUNS_OPEN, *back)])
        for run_id in set(run_ids).difference(back):
            self._runs.pop(run_id, None)
