"""Makes what operations work with: HTTP client, sources, cache, job store."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import cache
from typing import TYPE_CHECKING

import httpx

from spantail_service.operations.base import Tools
from spantail_service.operations.cache import TtlCache
from spantail_service.operations.job_store import JobStore
from spantail_service.operations.sources import HimalayasBoard, JobspySource, SourceName

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator

    from redis.asyncio import Redis

    from spantail_service.llm.registry import Llm
    from spantail_service.settings import OperationSettings

_USER_AGENT = "spantail-service"
_CONNECTIONS = 32


@asynccontextmanager
async def open_tools(settings: OperationSettings, llm: Llm, redis: Redis, *, demo: bool) -> AsyncIterator[Tools]:
    """The tools of a process, for the time of its life; opening them reaches nothing outside.

    Args:
        settings: The part of the settings that is about operations.
        llm: The LLM backends.
        redis: Where jobs are kept.
        demo: Sources that cannot be pointed at loopback are skipped, with the reason `demo`.
    """
    limits = httpx.Limits(max_connections=_CONNECTIONS)
    # Redirects are not followed: the base URL is a setting, and an answer must not lead elsewhere.
    async with httpx.AsyncClient(
        timeout=settings.source_timeout_s, limits=limits, headers={"user-agent": _USER_AGENT}, verify=_trust()
    ) as http:
        himalayas = HimalayasBoard(http, settings.himalayas_url)
        others = [
            JobspySource(name, demo=demo, proxies=settings.jobspy_proxies)
            for name in (SourceName.INDEED, SourceName.BAYT)
        ]
        yield Tools(
            settings=settings,
            http=http,
            llm=llm.chain,
            embedder=llm.embedder,
            sources={SourceName.HIMALAYAS: himalayas, **{source.name: source for source in others}},
            board=himalayas,
            cache=TtlCache(ttl_s=settings.cache_ttl_s),
            jobs=JobStore(redis, size=settings.stored_jobs),
            demo=demo,
        )


@cache
def _trust() -> ssl.SSLContext:
    """The certificates that this process trusts: reading them takes tens of milliseconds."""
    return httpx.create_ssl_context()
