"""The `fetch` layer of a job search: all sources side by side, jobs handed on as they arrive."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from typing import TYPE_CHECKING, Any

from spantail import Scope, event, layer, retrieval
from spantail_service.bounds.concurrency import together
from spantail_service.llm import ChainError
from spantail_service.operations.base import OperationError, Tools
from spantail_service.operations.job_search import prompts
from spantail_service.operations.job_search.ranking import Seen
from spantail_service.operations.sources import JobPosting, JobQuery, JobSource, SourceUnavailableError
from spantail_service.operations.sources.reading import within

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from spantail_service.operations.asking import Asking
    from spantail_service.operations.job_search.input import JobSearchInput

logger = logging.getLogger(__name__)

_MAX_RELATED = 2
_MAX_PER_SOURCE = 75


class Fetching:
    """One run's fetching. `found` is what it hands on; None ends it."""

    def __init__(self, request: JobSearchInput, tools: Tools, asking: Asking) -> None:
        self._request = request
        self._tools = tools
        self._asking = asking
        # More than asked for, so that the ranking has something to leave out.
        self._per_source = min(request.max_results + max(4, request.max_results // 2), _MAX_PER_SOURCE)
        self._seen = Seen()
        self.found: asyncio.Queue[JobPosting | None] = asyncio.Queue()
        self.total = 0
        """Different jobs found so far."""
        self.expansion: asyncio.Future[prompts.Expansion] = asyncio.get_running_loop().create_future()
        """What the LLM adds to the search; empty when it could not."""
        self.reports: dict[str, dict[str, Any]] = {}
        """Per source: status, jobs, cache, reason."""

    async def run(self) -> None:
        """The `fetch` layer; `found` ends with None, whatever happens.

        Raises:
            OperationError: No source could be read at all.
        """
        wanted = [self._tools.sources[name] for name in dict.fromkeys(self._request.sources)]
        try:
            with layer("fetch") as stage:

                def report() -> None:
                    jobs = f"{self.total} job{'' if self.total == 1 else 's'} found" if self.total else None
                    stage.progress(len(self.reports), len(wanted), jobs)

                report()
                await together(self._expand(), *(self._read(source, report) for source in wanted))
                failed = {name: report["message"] for name, report in self.reports.items() if "message" in report}
                if not self.total and failed and not any(s["status"] == "ok" for s in self.reports.values()):
                    raise OperationError(
                        "no source could be read: " + "; ".join(f"{name}: {why}" for name, why in failed.items())
                    )
        finally:
            self.found.put_nowait(None)

    async def _expand(self) -> None:
        """Related titles and demanded skills; the search goes on without them when no backend answers."""
        expansion = prompts.Expansion()
        try:
            answer = await self._asking.ask(
                prompts.expand(self._request.job_titles, self._request.locations),
                prompts.read_expansion,
                name="expand search",
                tier="low",
            )
            expansion = answer.value
            logger.info("related titles: %s", "; ".join(expansion.related_titles) or "none")
        except ChainError as error:
            self._asking.warn(f"searched without related titles: {error}")
        finally:
            if not self.expansion.done():  # a cancelled run has cancelled it too
                self.expansion.set_result(expansion)

    async def _read(self, source: JobSource, report: Callable[[], None]) -> None:
        name = source.name.value
        event("source_search_start", source=name)
        try:
            with retrieval(f"source {name}", attributes={"spantail.source": name}) as span:
                await self._read_source(source, span, report)
        except SourceUnavailableError as error:
            # On the span it stands with its traceback already; the other sources go on.
            logger.warning("source %s is unavailable, %s: %s", name, error.reason, error)
            self.reports[name] = {
                **self.reports.get(name, {"jobs": 0}),
                "status": "error",
                "reason": error.reason,
                "message": str(error),
            }
        self._say_how_it_ended(name)
        report()

    def _say_how_it_ended(self, name: str) -> None:
        """On the layer, beside the source's start; the source's own span has the particulars."""
        outcome = self.reports[name]
        reason = outcome.get("reason")
        if outcome["status"] == "skipped":
            event("source_search_skip", source=name, reason=reason)
        elif outcome["status"] == "error":
            event("source_search_error", source=name, reason=reason, jobs=outcome["jobs"])
        else:
            event("source_search_complete", source=name, jobs=outcome["jobs"], cache_hit=outcome["cache"] == "hit")

    async def _read_source(self, source: JobSource, span: Scope, report: Callable[[], None]) -> None:
        name = source.name.value
        reason = source.skip_reason(self._query(self._request.job_titles[0], self._per_source))
        if reason is not None:
            logger.info("source %s is skipped: %s", name, reason)
            span.skip(reason)
            self.reports[name] = {"status": "skipped", "reason": reason, "jobs": 0}
            return
        key = self._cache_key(source)
        cached = self._tools.cache.get(key)
        span.set("spantail.cache", "miss" if cached is None else "hit")
        span.event("cache_miss" if cached is None else "cache_hit", key=key)
        outcome: dict[str, Any] = {"jobs": 0, "cache": "miss" if cached is None else "hit"}
        jobs: list[JobPosting] = []
        pages = self._pages(source) if cached is None else _one_page(cached)
        try:
            async for page in pages:
                jobs += page
                new = self._offer(page)
                span.event("page_read", jobs=len(page), new=new)
                span.progress(len(jobs), self._per_source, "jobs")
                report()
        except SourceUnavailableError:
            self.reports[name] = {**outcome, "jobs": len(jobs)}
            raise
        finally:
            span.set("spantail.results", len(jobs))
        if cached is None:
            self._tools.cache.put(key, tuple(jobs))
        self.reports[name] = {**outcome, "status": "ok", "jobs": len(jobs)}
        logger.info("source %s gave %d jobs, cache %s", name, len(jobs), outcome["cache"])

    async def _pages(self, source: JobSource) -> AsyncIterator[list[JobPosting]]:
        """All pages of the titles asked for, then of the related ones, up to the source's share."""
        left = self._per_source
        titles = list(self._request.job_titles)
        # Each title gets its part, or the first one would take all of it.
        share = max(5, left // (len(titles) + (_MAX_RELATED if source.follows_related else 0)))
        asked: set[str] = set()
        for related in (False, True):
            if related:
                if not source.follows_related:
                    return
                titles = (await self.expansion).related_titles[:_MAX_RELATED]
            for title in titles:
                if title.lower() in asked or left <= 0:
                    continue
                asked.add(title.lower())
                query = self._query(title, min(share, left))
                async for page in within(source.search(query), self._tools.settings.source_timeout_s):
                    left -= len(page)
                    yield page

    def _query(self, title: str, limit: int) -> JobQuery:
        """A source can be asked for one location; with several, the LLM judges."""
        locations = self._request.locations
        location = locations[0] if len(locations) == 1 else None
        return JobQuery(title, location, self._request.remote, limit)

    def _cache_key(self, source: JobSource) -> str:
        asked = self._request.model_dump(mode="json", exclude={"sources"})
        digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:16]
        return f"{source.name.value}:{digest}"

    def _offer(self, jobs: list[JobPosting]) -> int:
        new = [job for job in jobs if self._seen.is_new(job)]
        self.total += len(new)
        for job in new:
            self.found.put_nowait(job)
        return len(new)


async def _one_page(jobs: tuple[JobPosting, ...]) -> AsyncIterator[list[JobPosting]]:
    yield list(jobs)
