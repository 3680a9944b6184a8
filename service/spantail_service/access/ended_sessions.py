"""Who has signed out; the other processes learn of it by way of Redis."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any, Self

from spantail_exporters.model import keys
from spantail_exporters.redis.errors import REDIS_UNREACHABLE
from spantail_service.access.sessions import MOST_ENDED, Session
from spantail_service.bounds.cancel import cancel

if TYPE_CHECKING:
    from collections.abc import Callable

    from redis.asyncio import Redis

    from spantail_service.access.sessions import Sessions

logger = logging.getLogger(__name__)


class EndedSessions:
    """Exchanges with the other processes who has signed out: each asks Redis every few seconds."""

    def __init__(self, redis: Redis, sessions: Sessions, *, interval_s: float = 5.0) -> None:
        self._redis = redis
        self._sessions = sessions
        self._interval_s = interval_s
        self._stopping = False
        self.tell: Callable[[Session], None] | None = None
        """Tells those who need not wait for Redis: other processes of this service."""
        self._unsent: dict[bytes, int] = {}
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Begin to listen to the others."""
        self._task = asyncio.create_task(self._run(), name="spantail-ended-sessions")
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        self._stopping = True
        await cancel(self._task)

    async def publish(self, session: Session) -> None:
        """Tell the others that a session is over; while Redis is away only this process knows, and sends it later."""
        if self.tell is not None:
            self.tell(session)
        if len(self._unsent) < MOST_ENDED:
            self._unsent[session.id] = session.end_s
        try:
            await self._send()
        except REDIS_UNREACHABLE as error:
            logger.warning("other processes do not know of a sign-out yet, Redis is not reachable: %s", error)

    async def exchange(self) -> None:
        """Publish what could not be, and take over what the others have published."""
        await self._send()
        found: Any = await self._redis.zrange(keys.SESSIONS_ENDED, 0, -1, withscores=True)
        self._sessions.forget([Session(session, int(end)) for session, end in found])

    async def _send(self) -> None:
        if not self._unsent:
            return
        sent = self._unsent.copy()
        pipe = self._redis.pipeline(transaction=True)
        pipe.zadd(keys.SESSIONS_ENDED, sent)
        pipe.zremrangebyscore(keys.SESSIONS_ENDED, "-inf", int(time.time()))
        pipe.zremrangebyrank(keys.SESSIONS_ENDED, 0, -MOST_ENDED - 1)
        pipe.expire(keys.SESSIONS_ENDED, self._sessions.lifetime_s)
        await pipe.execute()
        for session in sent:
            self._unsent.pop(session, None)

    async def _run(self) -> None:
        while not self._stopping:
            try:
                await self.exchange()
            except REDIS_UNREACHABLE:
                pass  # logged by whoever needs Redis; what is known stays known
            except Exception:
                logger.exception("the sessions that have ended could not be read")
            if not self._stopping:
                await asyncio.sleep(self._interval_s)
