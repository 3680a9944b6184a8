"""What is kept of notices in Redis: the rules as they were set, and every notice until newer ones take its place.

A notice about the same thing is taken in once, however many processes notice it. One that is to be sent is handed out
to one sender at a time, and is kept as `dead` where it could not be sent.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, cast

import orjson

from spantail_exporters.model import keys
from spantail_service.notices.rules import RULES, Kind, Rule, changed
from spantail_service.storage.scripts import Script

if TYPE_CHECKING:
    from collections.abc import Mapping

    from redis.asyncio import Redis

_ADD, _CLAIM, _DONE = (Script(__package__, name) for name in ("add", "claim", "done"))
KEPT: Final = 200
"""How many notices are kept, those that are to be sent and dead ones among them."""
_CLAIM_MS: Final = 60_000
_ERROR_CHARACTERS: Final = 300

State = Literal["sent", "pending", "dead", "unsent"]
Outcome = Literal["sent", "again", "dead"]


class Notice(NamedTuple):
    """One notice."""

    id: str
    rule: Kind
    time: int
    """Microseconds since the epoch."""
    title: str
    detail: str
    run_id: str | None = None
    tries: int = 0
    """How often it was sent, or tried to be."""
    state: State = "unsent"
    """`unsent`: there was no webhook to send it to."""


class Delivery(NamedTuple):
    """How the notices of a rule are delivered."""

    last_sent: int | None
    """Microseconds since the epoch."""
    last_error: str | None
    pending: int
    dead: int


class NoticeStore:
    """Rules and notices. Every method raises redis-py's errors when Redis is away."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def rules(self) -> dict[Kind, Rule]:
        """Every rule as it is set."""
        stored: Any = await self._redis.hgetall(keys.NOTICE_RULES)
        return {kind: _with_changes(rule, stored.get(kind.encode())) for kind, rule in RULES.items()}

    async def change(self, kind: Kind, change: Mapping[str, Any]) -> Rule:
        """Change a rule.

        Raises:
            ValueError: As `rules.changed` does.
        """
        rule = changed((await self.rules())[kind], change)
        body = {"enabled": rule.enabled, "threshold": rule.threshold, "window_s": rule.window_s}
        await self._redis.hset(keys.NOTICE_RULES, kind, orjson.dumps(body))
        return rule

    async def add(
        self,
        notice: Notice,
        about: str,
        *,
        to_send: bool,
        remember_only: bool = False,
        again_after_s: int | None = None,
    ) -> bool:
        """Take a notice in.

        Args:
            notice: The notice.
            about: What it is about: one about the same is not taken in again until a week after it was met last.
            to_send: Whether there is somebody to send it to.
            remember_only: Only remember what it is about, and tell nobody.
            again_after_s: So long after the last one that was taken in there may be another about the same, in seconds;
                not at all without it.

        Returns:
            Whether it is new.
        """
        body = notice._replace(state="pending" if to_send else "unsent")
        arguments = (
            f"{notice.rule}:{about}", notice.id, orjson.dumps(body._asdict()), notice.time // 1000, int(to_send),
            int(remember_only), KEPT, 1_000 * (again_after_s or 0),
        )  # fmt: skip
        named = (keys.NOTICES_SEEN, keys.NOTICES, keys.NOTICES_RECENT, keys.NOTICES_PENDING, keys.NOTICES_DEAD)
        return bool(await _ADD.run(self._redis, named, arguments))

    async def claim(self, now_us: int) -> Notice | None:
        """A notice that is due to be sent, for a minute to this sender alone; None where none is."""
        item = await _CLAIM.run(self._redis, (keys.NOTICES, keys.NOTICES_PENDING), (now_us // 1000, _CLAIM_MS))
        return None if item is None else _notice(item)

    async def done(
        self, notice: Notice, outcome: Outcome, now_us: int, *, error: str = "", again_in_s: float = 0.0
    ) -> None:
        """Say how a try to send a notice ended; `again_in_s` is when it is due again, in seconds."""
        state: dict[Outcome, State] = {"sent": "sent", "again": "pending", "dead": "dead"}
        body = notice._replace(tries=notice.tries + 1, state=state[outcome])
        arguments = (
            notice.id, orjson.dumps(body._asdict()), outcome, now_us // 1000 + round(again_in_s * 1000),
            now_us // 1000, notice.rule, error[:_ERROR_CHARACTERS],
        )  # fmt: skip
        named = (keys.NOTICES, keys.NOTICES_PENDING, keys.NOTICES_DEAD, keys.NOTICE_RULES)
        await _DONE.run(self._redis, named, arguments)

    async def recent(self, count: int = 100) -> list[Notice]:
        """The latest notices, the newest first."""
        ids: Any = await self._redis.zrevrange(keys.NOTICES_RECENT, 0, count - 1)
        items: Any = await self._redis.hmget(keys.NOTICES, ids) if ids else []
        return [_notice(item) for item in items if item is not None]

    async def deliveries(self) -> dict[Kind, Delivery]:
        """How the notices of each rule are delivered."""
        stored: Any = await self._redis.hgetall(keys.NOTICE_RULES)
        notices = await self.recent(KEPT)
        found: dict[Kind, Delivery] = {}
        for kind in RULES:
            states = [notice.state for notice in notices if notice.rule == kind]
            sent_ms, error = stored.get(f"{kind}:last_sent".encode()), stored.get(f"{kind}:last_error".encode())
            found[kind] = Delivery(
                int(sent_ms) * 1000 if sent_ms else None,
                error.decode() if error else None,
                states.count("pending"),
                states.count("dead"),
            )
        return found


def new_notice(rule: Kind, now_us: int, title: str, detail: str, run_id: str | None = None) -> Notice:
    """Make a notice, with an id of its own."""
    return Notice(f"msg_{uuid.uuid4().hex}", rule, now_us, title, detail, run_id)


def _notice(item: bytes) -> Notice:
    return Notice(**orjson.loads(item))


def _with_changes(rule: Rule, stored: bytes | None) -> Rule:
    if stored is None:
        return rule
    try:
        return changed(rule, cast("dict[str, Any]", orjson.loads(stored)))
    except (ValueError, TypeError):  # written by another version
        return rule
