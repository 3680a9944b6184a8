"""Indeed and Bayt through python-jobspy, which is blocking: each search runs in a thread."""

from __future__ import annotations

import hashlib
import importlib
import logging
from typing import TYPE_CHECKING, Any

from spantail_service.bounds.concurrency import in_thread
from spantail_service.operations.sources.base import (
    JobPosting,
    JobQuery,
    SourceName,
    SourceUnavailableError,
    UnavailableReason,
    plain_text,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

logger = logging.getLogger(__name__)

_REASONS: tuple[tuple[str, UnavailableReason], ...] = (
    ("status code 429", "rate_limited"),
    ("status code 403", "auth"),
    ("status code 401", "auth"),
    ("status code", "unavailable"),
    ("timed out", "timeout"),
    ("timeout", "timeout"),
    ("resolve", "unreachable"),
    ("connect", "unreachable"),
    ("proxy", "unreachable"),
)


class JobspySource:
    """One board that python-jobspy reads."""

    follows_related = False

    def __init__(self, name: SourceName, *, demo: bool, proxies: Sequence[str] = ()) -> None:
        self.name = name
        self._demo = demo
        self._proxies = list(proxies)

    def skip_reason(self, query: JobQuery) -> str | None:
        """`demo` in demo mode."""
        return "demo" if self._demo else None  # the library cannot be pointed at loopback

    async def search(self, query: JobQuery) -> AsyncIterator[list[JobPosting]]:
        """All jobs as one page."""
        rows, error = await in_thread(lambda: self._scrape(query), name=f"jobspy-{self.name.value}")
        jobs = [job for row in rows if (job := read_row(row, self.name)) is not None]
        if jobs:
            yield jobs
        if error is not None:
            raise SourceUnavailableError(reason_of(error), error)

    def _scrape(self, query: JobQuery) -> tuple[list[dict[str, Any]], str | None]:
        """Rows, and what went wrong: jobspy reports a board's failure beside the rows, not by raising."""
        try:
            jobspy = importlib.import_module("jobspy")  # with pandas: on first use only
        except ImportError as error:
            raise SourceUnavailableError(
                "not_installed", "python-jobspy is not installed: pip install 'spantail[jobs]'"
            ) from error
        arguments: dict[str, Any] = {
            "site_name": self.name.value,
            "search_term": query.title,
            "location": query.location,
            "is_remote": bool(query.remote),
            "results_wanted": query.limit,
            "proxies": self._proxies or None,
            "verbose": None,
        }
        country = _indeed_country(query.location) if self.name is SourceName.INDEED else None
        if country is not None:
            arguments["country_indeed"] = country
        try:
            frame = jobspy.scrape_jobs(**arguments)
        except Exception as error:
            # It reads the pages of others and may fail in any way: the other sources go on.
            raise SourceUnavailableError("unavailable", f"{type(error).__name__}: {error}"[:500]) from error
        errors: Mapping[str, str] = frame.attrs.get("errors", {})
        for warning in frame.attrs.get("warnings", {}).get(self.name.value, []):
            logger.warning("%s: %s", self.name.value, warning)
        # Through `object`, or a missing number would arrive as NaN, which is no JSON.
        rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
        return rows, errors.get(self.name.value)


def read_row(row: Mapping[str, Any], source: SourceName) -> JobPosting | None:
    """One row of jobspy's table as a job, or None when it lacks a title or a link."""
    title, url = _text(row.get("title")), _text(row.get("job_url"))
    if not title or not url.startswith(("https://", "http://")):
        return None
    # The boards' own ids differ in shape and length; a digest of the link is stable and fits everywhere.
    digest = hashlib.sha256(url.encode()).hexdigest()[:16]
    published = row.get("date_posted")
    return JobPosting(
        id=f"{source.value}-{digest}",
        source=source.value,
        title=plain_text(title)[:300],
        company=plain_text(_text(row.get("company")))[:200] or "unknown company",
        location=_text(row.get("location"))[:300] or ("Remote" if row.get("is_remote") else "unknown"),
        url=url[:2_000],
        description=plain_text(_text(row.get("description"))),
        skills=tuple(part.strip()[:100] for part in _text(row.get("skills")).split(",")[:20] if part.strip()),
        salary=_salary(row),
        published=str(published)[:10] if published else None,
    )


def reason_of(message: str) -> UnavailableReason:
    """The machine's word for jobspy's sentence."""
    words = message.lower()
    return next((reason for part, reason in _REASONS if part in words), "unavailable")


def _indeed_country(location: str | None) -> str | None:
    """The country in a location, where jobspy knows it; it refuses a country it does not know."""
    if not location:
        return None
    country_type = importlib.import_module("jobspy.model").Country
    try:
        return str(country_type(location.rpartition(",")[2].strip()).value)
    except ValueError:
        return None


def _salary(row: Mapping[str, Any]) -> str | None:
    amounts = [f"{amount:,.0f}" for key in ("min_amount", "max_amount") if (amount := row.get(key))]
    if not amounts:
        return None
    return " ".join(filter(None, [_text(row.get("currency")), "–".join(amounts), _text(row.get("interval"))]))


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""
