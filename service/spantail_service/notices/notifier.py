"""Looks for what the rules are about, and sends notices: in one process at a time."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Self

from spantail_exporters.model import keys
from spantail_exporters.redis.errors import will_be_back
from spantail_service.bounds.cancel import cancel
from spantail_service.notices.store import new_notice
from spantail_service.storage.lease import Lease
from spantail_service.storage.run_writes import now_us

if TYPE_CHECKING:
    from collections.abc import Callable

    from redis.asyncio import Redis

    from spantail_service.notices.conditions import Conditions
    from spantail_service.notices.rules import Rule
    from spantail_service.notices.store import NoticeStore
    from spantail_service.notices.webhook import Webhook

logger = logging.getLogger(__name__)

_LEASE_INTERVALS: Final = 5  # a process that missed so many rounds is replaced
_MOST_AT_ONCE: Final = 20  # notices of a rule in one round; more come with the next
_BEGUN: Final = "begun"


class Notifier:
    """Works while its `async with` block lasts.

    Args:
        redis: Where its lease is.
        store: Rules and notices.
        conditions: What the rules are about.
        webhook: Where notices are sent; None keeps them to be looked at.
        interval_s: Seconds between two rounds.
        clock: The time, in microseconds since the epoch.
    """

    def __init__(
        self,
        redis: Redis,
        store: NoticeStore,
        conditions: Conditions,
        webhook: Webhook | None,
        *,
        interval_s: float = 2.0,
        clock: Callable[[], int] = now_us,
    ) -> None:
        self._redis = redis
        self._store = store
        self._conditions = conditions
        self._webhook = webhook
        self._interval_s = interval_s
        self._clock = clock
        self._lease = Lease(keys.NOTICES_LEASE)
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()

    async def __aenter__(self) -> Self:
        """Begin."""
        self._task = asyncio.create_task(self._run(), name="spantail-notices")
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop."""
        self._stopping.set()
        await cancel(self._task)

    async def _run(self) -> None:
        lease_ms = int(self._interval_s * _LEASE_INTERVALS * 1_000)
        while not self._stopping.is_set():
            try:
                if await self._redis.execute_command(*self._lease.claim(lease_ms)):  # type: ignore[no-untyped-call]
                    await self.look()
                    await self.send()
            except Exception as error:
                if will_be_back(error):
                    logger.info("notices: Redis cannot be used at the moment: %s", error)
                else:
                    logger.exception("notices: a round failed")
            with suppress(TimeoutError):
                async with asyncio.timeout(self._interval_s):
                    await self._stopping.wait()

    async def look(self) -> None:
        """Make notices of what the rules are about. What was so before the first look gets no notice."""
        for rule in (await self._store.rules()).values():
            await self._look(rule)

    async def _look(self, rule: Rule) -> None:
        now = self._clock()
        first = new_notice(rule.kind, now, "", "")
        is_first = await self._store.add(first, _BEGUN, to_send=False, remember_only=True)
        findings = await self._conditions.findings(rule, now)  # of a rule that is off, too: it keeps what it looks at
        if not rule.enabled and rule.window_s is not None:
            return
        quiet = not rule.enabled or (is_first and rule.window_s is None)
        made = 0
        for found in findings:
            notice = new_notice(rule.kind, now, found.title, found.detail, found.run_id)
            made += await self._store.add(
                notice, found.about, to_send=self._webhook is not None, remember_only=quiet, again_after_s=rule.window_s
            )
            if made >= _MOST_AT_ONCE and not quiet:
                return
        await self._conditions.taken(rule)

    async def send(self) -> None:
        """Send what is due."""
        if self._webhook is None:
            return
        for _ in range(_MOST_AT_ONCE):
            claimed = await self._store.claim(self._clock())
            if claimed is None:
                return
            done = await self._webhook.send(claimed, self._clock())
            if done.error:
                logger.warning("notice %s was not taken (%s): %s", claimed.id, done.outcome, done.error)
            await self._store.done(claimed, done.outcome, self._clock(), error=done.error, again_in_s=done.again_in_s)
