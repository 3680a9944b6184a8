"""Himalayas' public JSON API: remote jobs, by `GET {base}/jobs/api/search?q=&page=` without a key.

The API's documentation and its answers differ in places, so both are understood: dates in milliseconds or
in seconds, countries as objects or as names. A page holds at most 20 jobs and may come back short in the
middle of a result; only an empty page, or the total, ends it.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx

from spantail_service.operations.sources.base import (
    JobPosting,
    JobQuery,
    SourceName,
    SourceUnavailableError,
    plain_text,
    safe_id,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

PAGE_SIZE = 10
PAGES_PER_TITLE = 2
_LOOKUP_PAGES = 3
_MAX_BYTES = 4 * 1024 * 1024
_SECONDS_BELOW = 100_000_000_000
_ANYWHERE = {"", "anywhere", "remote", "worldwide", "global"}


class HimalayasBoard:
    """The source `himalayas`, and the look-up of one job."""

    name = SourceName.HIMALAYAS
    follows_related = True

    def __init__(self, http: httpx.AsyncClient, base_url: str) -> None:
        self._http = http
        self._url = f"{base_url.rstrip('/')}/jobs/api/search"

    def skip_reason(self, query: JobQuery) -> str | None:
        """On-site jobs are not to be found here."""
        return "it lists remote jobs only" if query.remote is False else None

    async def search(self, query: JobQuery) -> AsyncIterator[list[JobPosting]]:
        """Up to `PAGES_PER_TITLE` pages."""
        params: dict[str, str | int] = {"q": query.title}
        if query.location is not None and query.location.lower() not in _ANYWHERE:
            params["country"] = query.location
        left = query.limit
        for page in range(1, PAGES_PER_TITLE + 1):
            jobs, total = await self._page({**params, "limit": min(PAGE_SIZE, query.limit), "page": page})
            if jobs:
                yield jobs[:left]
            left -= len(jobs)
            if not jobs or left <= 0 or (total is not None and page * PAGE_SIZE >= total):
                return

    async def find(self, job_id: str) -> JobPosting | None:
        """The job with this id, or None. The API has no look-up by id: its slug's words are searched."""
        words = " ".join(word for word in job_id.replace("_", "-").split("-") if not word.isdigit())
        for page in range(1, _LOOKUP_PAGES + 1):
            jobs, total = await self._page({"q": words[:200], "limit": PAGE_SIZE, "page": page})
            for job in jobs:
                if job.id == job_id:
                    return job
            if not jobs or (total is not None and page * PAGE_SIZE >= total):
                break
        return None

    async def _page(self, params: Mapping[str, str | int]) -> tuple[list[JobPosting], int | None]:
        try:
            async with self._http.stream("GET", self._url, params=dict(params)) as response:
                if response.status_code != httpx.codes.OK:
                    raise _refused(response)
                body = await _bounded(response)
        except httpx.TimeoutException as error:
            raise SourceUnavailableError("timeout", f"no answer from {response_host(self._url)}") from error
        except httpx.HTTPError as error:
            words = str(error) or type(error).__name__
            raise SourceUnavailableError("unreachable", f"{response_host(self._url)}: {words}") from error
        return read_page(body)


def read_page(body: bytes) -> tuple[list[JobPosting], int | None]:
    """The jobs of one answer and the total it names. A job without title or id is left out.

    Raises:
        SourceUnavailableError: The answer has another form (`bad_response`).
    """
    try:
        data = json.loads(body)
    except ValueError as error:
        raise SourceUnavailableError("bad_response", "the answer is not JSON") from error
    rows = data.get("jobs") if isinstance(data, dict) else None
    if not isinstance(rows, list):
        raise SourceUnavailableError("bad_response", "the answer has no list of jobs")
    total = data.get("totalCount")
    jobs = [job for row in rows if isinstance(row, dict) and (job := read_job(row)) is not None]
    return jobs, total if isinstance(total, int) and not isinstance(total, bool) else None


def read_job(row: Mapping[str, Any]) -> JobPosting | None:
    """One job of the API, or None when it lacks what makes it one."""
    title, guid = _text(row.get("title")), _text(row.get("guid"))
    if not title or not guid:
        return None
    return JobPosting(
        id=safe_id(guid.rstrip("/").rpartition("/")[2]),
        source=SourceName.HIMALAYAS.value,
        title=plain_text(title)[:300],
        company=plain_text(_text(row.get("companyName")))[:200] or "unknown company",
        location=", ".join(_names(row.get("locationRestrictions")))[:300] or "Worldwide",
        url=_link(row.get("applicationLink")) or _link(guid),
        description=plain_text(_text(row.get("description")) or _text(row.get("excerpt"))),
        skills=tuple(name.replace("-", " ") for name in _names(row.get("categories"))[:20]),
        salary=_salary(row),
        published=_date(row.get("pubDate")),
    )


def response_host(url: str) -> str:
    """Host and port of a URL, for messages."""
    return httpx.URL(url).netloc.decode()


async def _bounded(response: httpx.Response) -> bytes:
    body = bytearray()
    async for block in response.aiter_bytes():
        body += block
        if len(body) > _MAX_BYTES:
            raise SourceUnavailableError("bad_response", f"the answer is larger than {_MAX_BYTES} bytes")
    return bytes(body)


def _refused(response: httpx.Response) -> SourceUnavailableError:
    status = response.status_code
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return SourceUnavailableError("rate_limited", "HTTP 429: too many requests")
    if status in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
        return SourceUnavailableError("auth", f"HTTP {status}: {response.reason_phrase}")
    return SourceUnavailableError("unavailable", f"HTTP {status}: {response.reason_phrase}")


def _text(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def _link(value: object) -> str:
    """Only what a browser may safely follow."""
    text = _text(value)
    return text[:2_000] if text.startswith(("https://", "http://")) else ""


def _names(value: object) -> list[str]:
    """A list of names, given as strings or as objects with a `name`."""
    if not isinstance(value, list):
        return []
    names = (_text(item.get("name")) if isinstance(item, dict) else _text(item) for item in value)
    return [name[:100] for name in names if name]


def _salary(row: Mapping[str, Any]) -> str | None:
    amounts = [
        f"{amount:,.0f}"
        for key in ("minSalary", "maxSalary")
        if isinstance(amount := row.get(key), int | float) and not isinstance(amount, bool) and amount > 0
    ]
    if not amounts:
        return None
    period = _text(row.get("salaryPeriod"))
    return " ".join(filter(None, [_text(row.get("currency")), "–".join(amounts), period]))[:100]


def _date(value: object) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    seconds = value if value < _SECONDS_BELOW else value / 1_000
    try:
        return datetime.fromtimestamp(seconds, UTC).date().isoformat()
    except (OverflowError, OSError, ValueError):
        return None
