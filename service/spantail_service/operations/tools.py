"""Wires what operations work with: HTTP, sources, backends, memory."""

from __future__ import annotations

import os
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from spantail_service.llm import ClaudeCli, LangChain, LangChainEmbedder, LlmChain
from spantail_service.llm.base import models_by_tier
from spantail_service.llm.langchain.backend import OpenAiLibrary
from spantail_service.operations.base import Tools
from spantail_service.operations.cache import JobStore, TtlCache
from spantail_service.operations.sources import HimalayasBoard, JobspySource, SourceName

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from spantail_service.settings import LlmSettings, OperationSettings

_USER_AGENT = "spantail-service"
_CONNECTIONS = 32


@asynccontextmanager
async def open_tools(settings: OperationSettings, llm_settings: LlmSettings, *, demo: bool) -> AsyncIterator[Tools]:
    """The tools of a process, for the time of its life; opening them reaches nothing outside."""
    limits = httpx.Limits(max_connections=_CONNECTIONS)
    # Redirects are not followed: the base URL is a setting, and an answer must not lead elsewhere.
    async with httpx.AsyncClient(
        timeout=settings.source_timeout_s, limits=limits, headers={"user-agent": _USER_AGENT}
    ) as http:
        library = OpenAiLibrary(
            base_url=llm_settings.openai_base_url,
            api_key=llm_settings.openai_api_key,
            timeout_s=llm_settings.llm_timeout_s,
        )
        with tempfile.TemporaryDirectory(prefix="spantail-", ignore_cleanup_errors=True) as scratch:
            try:
                yield _tools(settings, llm_settings, http, library, Path(scratch), demo=demo)
            finally:
                await library.close()


def _tools(
    settings: OperationSettings,
    llm_settings: LlmSettings,
    http: httpx.AsyncClient,
    library: OpenAiLibrary,
    scratch: Path,
    *,
    demo: bool,
) -> Tools:
    board = HimalayasBoard(http, settings.himalayas_url)
    boards = [
        JobspySource(name, demo=demo, proxies=settings.jobspy_proxies) for name in (SourceName.INDEED, SourceName.BAYT)
    ]
    chat = LangChain(library, models=models_by_tier(llm_settings.fallback_model, llm_settings.fallback_small_model))
    return Tools(
        settings=settings,
        http=http,
        llm=LlmChain(
            [_claude(llm_settings, scratch, demo=demo), chat],
            concurrency=llm_settings.llm_concurrency,
            timeout_s=llm_settings.llm_timeout_s,
        ),
        embedder=LangChainEmbedder(library, model=llm_settings.embedding_model, timeout_s=llm_settings.llm_timeout_s),
        sources={SourceName.HIMALAYAS: board, **{source.name: source for source in boards}},
        board=board,
        cache=TtlCache(ttl_s=settings.cache_ttl_s),
        jobs=JobStore(size=settings.stored_jobs),
        demo=demo,
    )


def _claude(settings: LlmSettings, scratch: Path, *, demo: bool) -> ClaudeCli:
    work_dir = scratch / "work"
    home = settings.claude_home or (scratch / "home" if demo else Path.home())
    for folder in (work_dir, home):
        folder.mkdir(parents=True, exist_ok=True)
    key = settings.anthropic_api_key
    return ClaudeCli(
        command=settings.claude_command,
        models=models_by_tier(settings.claude_model, settings.claude_small_model),
        home=home,
        work_dir=work_dir,
        environment=os.environ,
        base_url=settings.anthropic_base_url,
        api_key=None if key is None else key.get_secret_value(),
    )
