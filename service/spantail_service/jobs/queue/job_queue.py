"""The job queue in Redis: each step is one script, so no item is ever lost, or handed to two runners.

A claim gives an item to a runner for the time of a lease, with a fencing token that only grows. The runner renews the
lease while it works; one that stops doing so loses the item (`JobQueue.expired`, `JobQueue.recover`), and its word on
it counts no more, however late it comes. Every step may be repeated when its answer was lost.
"""

from __future__ import annotations

import asyncio
import uuid
from importlib import resources
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from spantail_exporters.model import keys
from spantail_service.jobs.queue.answers import Claims, Enqueued, Expired, Overview, Recovered
from spantail_service.jobs.queue.calls import Calls, Script
from spantail_service.jobs.queue.identity import new_run_id
from spantail_service.jobs.queue.item import PRIORITIES, QueueItem, as_json, fields_of, item_of
from spantail_service.storage.cluster import is_cluster

if TYPE_CHECKING:
    from collections.abc import Sequence

    from redis.asyncio import Redis

KEEP_S: Final = 7 * 86_400
"""How long an item is kept after it is over, in seconds. One that waits or runs does not expire."""

_RESULT_BYTES: Final = 65_536
_ERROR_CHARACTERS: Final = 2_000
_FOLDER: Final = resources.files(__package__) / "scripts"


def _script(name: str) -> Script:
    return Script.of("\n".join((_FOLDER / f"{part}.lua").read_text(encoding="utf-8") for part in ("head", name)))


_ENQUEUE: Final = _script("enqueue")
_CLAIM: Final = _script("claim")
_RENEW: Final = _script("renew")
_FINISH: Final = _script("finish")
_EXPIRED: Final = _script("expired")
_RECOVER: Final = _script("recover")
_CANCEL: Final = _script("cancel")
_RETRY: Final = _script("retry")


class _Names(NamedTuple):
    """The keys of the queue."""

    keys: keys.QueueKeys
    prefix: str
    is_cluster: bool

    @classmethod
    def of(cls, *, is_cluster: bool) -> _Names:
        prefix = f"{keys.queue_prefix(is_cluster=is_cluster)}item:"
        return cls(keys.queue_keys(is_cluster=is_cluster), prefix, is_cluster)

    def item(self, item_id: str) -> str:
        """The key of an item."""
        return keys.queue_item(item_id, is_cluster=self.is_cluster)


class JobQueue:
    """Puts items into the queue, hands them out, and says how it stands.

    Every method raises redis-py's errors when Redis cannot be reached.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._calls = Calls(redis)
        self._names: _Names | None = None
        self._asking = asyncio.Lock()

    async def close(self) -> None:
        """Wait for what is under way, before its connections are closed."""
        await self._calls.close()

    async def enqueue(
        self,
        operation: str,
        given: bytes,
        *,
        item_id: str = "",
        priority: str = "normal",
        delay_s: float = 0.0,
        max_attempts: int = 3,
        run_id: str = "",
        links: Sequence[str] = (),
        session_id: str = "",
        budget_usd: float | None = None,
    ) -> Enqueued:
        """Take an item in.

        Args:
            operation: Which one is to be run.
            given: Its input, a JSON object.
            item_id: A name of the caller's; the same one again changes nothing. Made up where it is empty.
            priority: One of `PRIORITIES`.
            delay_s: How long it waits at least, in seconds.
            max_attempts: How often it may be claimed before it is given up.
            run_id: The id of its first run. Made up where it is empty.
            links: Spans that it comes from, each as W3C `traceparent`.
            session_id: The user's session.
            budget_usd: What a run of it may spend.

        Raises:
            ValueError: The priority is not known, or a number is out of range.
        """
        if priority not in PRIORITIES:
            raise ValueError(f"priority must be one of {', '.join(PRIORITIES)}, not {priority!r}")
        if max_attempts < 1 or delay_s < 0:
            raise ValueError("max_attempts must be at least 1, and delay_s not negative")
        item_id = item_id or uuid.uuid4().hex
        fields: list[Any] = ["operation", operation, "input", given, "priority", PRIORITIES.index(priority) + 1]
        fields += ["max_attempts", max_attempts, "run_id", run_id or new_run_id(), "links", " ".join(links)]
        fields += ["session_id", session_id, "budget_usd", "" if budget_usd is None else repr(budget_usd)]
        is_new, run, status, queued = await self._call(_ENQUEUE, item_id, round(delay_s * 1000), *fields)
        return Enqueued(item_id, run.decode(), status.decode(), int(queued), bool(is_new))

    async def claim(self, runner_id: str, lease_s: float, count: int = 1) -> Claims:
        """Take at most `count` items for the time of a lease (seconds); the lease is to be renewed while they run."""
        claimed, due_ms = await self._call(_CLAIM, runner_id, round(lease_s * 1000), count)
        return Claims([item_of(fields_of(flat)) for flat in claimed], None if due_ms < 0 else due_ms / 1000)

    async def renew(self, items: Sequence[QueueItem], lease_s: float) -> list[bool | None]:
        """Prolong leases.

        Returns:
            For each item: True, it goes on; False, it was cancelled and is to be stopped; None, it is no longer its
            holder's and has to be stopped without a word.
        """
        pairs = [part for item in items for part in (item.id, item.token)]
        answers = await self._call(_RENEW, round(lease_s * 1000), *pairs) if pairs else []
        return [None if answer == 0 else answer == 1 for answer in answers]

    async def succeed(self, item: QueueItem, result: object = None) -> bool:
        """End a claimed item well; False when it is no longer its holder's: nothing is written then."""
        done, *_ = await self._finish(item, "succeeded", "result", as_json(result, _RESULT_BYTES), "error", "")
        return done

    async def fail(self, item: QueueItem, error: str, *, retry_in_s: float | None = None) -> bool:
        """End an attempt with an error.

        Args:
            item: As it was claimed.
            error: For people, at most 2,000 characters are kept.
            retry_in_s: Try again after so many seconds, if it has attempts left; None gives it up at once.

        Returns:
            False when the item is no longer its holder's: nothing is written then.
        """
        outcome, delay_s = ("failed", 0.0) if retry_in_s is None else ("retry", retry_in_s)
        done, *_ = await self._finish(item, outcome, "error", error[:_ERROR_CHARACTERS], delay_s=delay_s)
        return done

    async def stopped(self, item: QueueItem) -> bool:
        """Say that a claimed item was cancelled; False when it is no longer its holder's."""
        done, *_ = await self._finish(item, "cancelled")
        return done

    async def expired(self, count: int = 100) -> Expired:
        """At most `count` items whose lease has run out."""
        at_us, found = await self._call(_EXPIRED, count)
        return Expired(int(at_us), [item_of(fields_of(flat)) for flat in found])

    async def recover(self, items: Sequence[QueueItem]) -> list[Recovered]:
        """Take back items whose lease has run out; they run again, before all others of their priority.

        One whose holder has renewed its lease, or has finished it meanwhile, stays as it is.
        """
        pairs = [part for item in items for part in (item.id, item.token)]
        taken = await self._call(_RECOVER, *pairs) if pairs else []
        return [Recovered(*(part.decode() for part in one)) for one in taken]

    async def hand_back(self, item: QueueItem) -> str:
        """Have another runner do a claimed item, before all others of its priority; this attempt does not count.

        Returns:
            The run of its next attempt; empty when it was cancelled, or is no longer its holder's.
        """
        _, _, run_id = await self._finish(item, "back")
        return run_id

    async def cancel(self, item_id: str) -> Literal["cancelled", "cancelling", ""]:
        """Cancel an item: `cancelled` where it waited, `cancelling` where its runner will do it.

        Empty when it is over, or not known.
        """
        answer = await self._call(_CANCEL, item_id)
        return "cancelled" if answer == 1 else "cancelling" if answer else ""

    async def retry(self, item_id: str) -> str:
        """Have a failed or cancelled item run again; its new run, empty when it is neither."""
        run_id: bytes = await self._call(_RETRY, item_id)
        return run_id.decode()

    async def get(self, item_id: str) -> QueueItem | None:
        """One item; None where it is not known."""
        fields: Any = await self._redis.hgetall((await self._known()).item(item_id))
        return item_of({name.decode(): value for name, value in fields.items()}) if fields else None

    async def version(self) -> int:
        """Grows with every change of the queue."""
        return int(await self._redis.get((await self._known()).keys.version) or 0)

    async def position(self, item: QueueItem) -> int | None:
        """How many items are served before this one; None when it does not wait in line."""
        index, held = PRIORITIES.index(item.priority), (await self._known()).keys
        pipe = self._redis.pipeline(transaction=True)
        for key in held[:index]:
            pipe.llen(key)
        pipe.lpos(held[index], item.id)
        *before, place = await pipe.execute()
        return None if place is None else sum(before) + place

    async def overview(self, limit: int = 100) -> Overview:
        """Counts, and at most `limit` items of each kind."""
        held = (await self._known()).keys
        pipe = self._redis.pipeline(transaction=True)
        pipe.get(held.version)
        for key in held[:3]:
            pipe.llen(key)
            pipe.lrange(key, 0, limit - 1)
        pipe.zcard(held.delayed)
        pipe.zrange(held.delayed, 0, limit - 1)
        pipe.scard(held.running)
        pipe.srandmember(held.running, limit)
        pipe.zcard(held.failed)
        pipe.zrevrange(held.failed, 0, limit - 1)
        pipe.lrange(held.history, 0, limit - 1)
        said: list[Any] = await pipe.execute()
        waiting = [*said[2], *said[4], *said[6]][:limit]
        ids = list(dict.fromkeys([*said[10], *waiting, *said[8], *said[12], *said[13]]))
        return Overview(
            version=int(said[0] or 0),
            pending=said[1] + said[3] + said[5],
            delayed=said[7],
            running=said[9],
            failed=said[11],
            items=await self._items(ids),
        )

    async def _items(self, ids: Sequence[bytes]) -> list[QueueItem]:
        names = await self._known()
        pipe = self._redis.pipeline(transaction=False)
        for item_id in ids:
            pipe.hgetall(names.item(item_id.decode()))
        hashes: list[Any] = await pipe.execute() if ids else []
        return [item_of({name.decode(): value for name, value in fields.items()}) for fields in hashes if fields]

    async def _finish(
        self, item: QueueItem, outcome: str, *fields: str | bytes, delay_s: float = 0.0
    ) -> tuple[bool, str, str]:
        named = fields or ("error", "")
        done, status, run_id = await self._call(_FINISH, item.id, item.token, outcome, round(delay_s * 1000), *named)
        return bool(done), status.decode(), run_id.decode()

    async def _call(self, script: Script, *arguments: Any) -> Any:
        names = await self._known()
        own = (names.prefix, keys.QUEUE_CHANNEL, keys.QUEUE_READY_CHANNEL, KEEP_S * 1000)
        return await self._calls.call(script, len(names.keys), *names.keys, *own, *arguments)

    async def _known(self) -> _Names:
        """What the keys are called here; Redis is asked once whether it is a cluster."""
        if self._names is None:
            async with self._asking:
                if self._names is None:
                    self._names = _Names.of(is_cluster=await is_cluster(self._redis))
        return self._names
