"""The service's HTTP API as the commands use it. What goes wrong becomes one of three exceptions, in words."""

from __future__ import annotations

import ipaddress
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import quote, urlsplit

import httpx
import orjson

from spantail_service.client.service_url import shown_url
from spantail_service.client.terminal import harmless

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

WAIT_S: Final = 20.0
"""How long a long poll is held: under the 30 s that the service allows, and under the time limit of most proxies."""
PAGE: Final = 1_000
"""Events asked for at a time, the most that the service gives."""

_CONNECT_S: Final = 5.0
_ANSWER_S: Final = 15.0
_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _GONE, _TOO_MANY = 401, 403, 404, 410, 429
_SERVER_ERROR: Final = 500
_LONGEST_DETAIL: Final = 500


class ServiceError(Exception):
    """A request came to nothing; the message is for the person at the terminal and says what to do."""


class NoAnswerError(ServiceError):
    """The service does not answer now: worth another try. `retry_after_s` is what it asked for, if anything."""

    def __init__(self, message: str, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class RefusedError(ServiceError):
    """The service refuses, and would do so again."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class NoRunError(RefusedError):
    """The service does not have the run (any more)."""


class ServiceClient:
    """One service. Every method raises `ServiceError`."""

    def __init__(self, url: str, token: str | None) -> None:
        self.url = url
        self._has_token = token is not None
        self._http = httpx.AsyncClient(
            base_url=url,
            headers={"accept": "application/json", **({"authorization": f"Bearer {token}"} if token else {})},
            timeout=httpx.Timeout(_ANSWER_S, connect=_CONNECT_S),
            # A proxy of the environment does not lead to this machine.
            trust_env=not _is_loopback(url),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def healthz(self) -> dict[str, Any]:
        """The service's sign of life, which wants no token."""
        return await self._json("/healthz")

    async def about(self) -> dict[str, Any]:
        """What the service says of itself: version, clock, Redis."""
        return await self._json("/api/about")

    async def runs(self, **filters: str | int | None) -> dict[str, Any]:
        """One page of runs, newest first: `{runs, next_cursor}`."""
        return await self._json("/api/runs", **filters)

    async def run(self, run_id: str) -> dict[str, Any]:
        """One run with its totals."""
        return await self._json(f"/api/runs/{run_id}")

    async def snapshot(self, run_id: str) -> dict[str, Any]:
        """Latest state of every span, without details: `{run, spans, next_index, epoch}`."""
        return await self._json(f"/api/traces/{run_id}", fields="tree")

    async def frame(
        self, run_id: str, since: int, epoch: str | None, *, wait_s: float = WAIT_S, limit: int = PAGE
    ) -> dict[str, Any]:
        """The events from `since` on; held back for at most `wait_s` while there are none."""
        return await self._json(f"/api/logs/{run_id}", since=since, epoch=epoch, wait=wait_s, limit=limit)

    async def delete_run(self, run_id: str) -> None:
        """Remove a run."""
        async with self._answer("DELETE", f"/api/runs/{run_id}", {}) as answer:
            await answer.aread()

    async def queue(self) -> dict[str, Any]:
        """The job queue: `{version, counts, items}`."""
        return await self._json("/api/queue")

    async def enqueue(self, item: dict[str, Any]) -> dict[str, Any]:
        """Put an operation into the queue: `{run_id, status, item_id}`."""
        return await self._posted("/api/queue", item)

    async def retry_item(self, item_id: str) -> dict[str, Any]:
        """Have an item run again: `{run_id, status, item_id}`."""
        return await self._posted(f"/api/queue/{quote(item_id, safe='')}/retry")

    async def cancel_item(self, item_id: str) -> dict[str, Any]:
        """Cancel an item: `{item_id, status}`."""
        return await self._posted(f"/api/queue/{quote(item_id, safe='')}/cancel")

    async def runners(self) -> dict[str, Any]:
        """The processes that run operations: `{runners}`."""
        return await self._json("/api/runners")

    @asynccontextmanager
    async def export(self, run_id: str, kind: str) -> AsyncIterator[httpx.Response]:
        """A run in one of the formats of `/api/runs/{run_id}/export`, its body not yet read."""
        path = f"/api/runs/{run_id}/export"
        async with self._answer("GET", path, {"format": kind}, {"accept": "*/*"}) as answer:
            yield answer

    async def _json(self, path: str, **query: str | float | None) -> dict[str, Any]:
        async with self._answer("GET", path, query) as answer:
            return self._object_in(await answer.aread())

    async def _posted(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        async with self._answer("POST", path, {}, body=body) as answer:
            return self._object_in(await answer.aread())

    def _object_in(self, body: bytes) -> dict[str, Any]:
        found = orjson_object(body)
        if found is None:
            raise RefusedError(f"What answers at {shown_url(self.url)} is not Spantail: check --url.", 200)
        return found

    @asynccontextmanager
    async def _answer(
        self,
        method: str,
        path: str,
        query: dict[str, Any],
        headers: dict[str, str] | None = None,
        *,
        body: dict[str, Any] | None = None,
    ) -> AsyncIterator[httpx.Response]:
        wait_s = float(query.get("wait") or 0)
        timeout = httpx.Timeout(_ANSWER_S + wait_s, connect=_CONNECT_S)
        given = {name: value for name, value in query.items() if value is not None}
        try:
            async with self._http.stream(
                method, path, params=given, headers=headers, json=body, timeout=timeout
            ) as answer:
                if not answer.is_success:
                    raise self._refusal(answer.status_code, answer.headers, await answer.aread(), path)
                yield answer
        except httpx.TimeoutException:
            raise NoAnswerError(f"{shown_url(self.url)} does not answer in time.") from None
        except httpx.HTTPError as error:
            words = harmless(error).rstrip(".") or type(error).__name__
            raise NoAnswerError(f"{shown_url(self.url)} cannot be reached ({words}).") from None

    def _refusal(self, status: int, headers: httpx.Headers, body: bytes, path: str) -> ServiceError:
        problem = orjson_object(body) or {}
        kind = str(problem.get("type", "")).rpartition(":")[2]
        detail = harmless(problem.get("detail") or problem.get("title") or "")[:_LONGEST_DETAIL]
        if status >= _SERVER_ERROR or status == _TOO_MANY:
            retry_after = headers.get("retry-after", "")
            return NoAnswerError(
                f"The service answers {status}: {detail or 'no reason given'}",
                float(retry_after) if retry_after.isdecimal() else 0.0,
            )
        if status in (_UNAUTHORIZED, _FORBIDDEN):
            if status == _FORBIDDEN and detail:
                return RefusedError(f"The service refuses: {detail}", status)
            wrong = "another token than the one given" if self._has_token else "a token"
            return RefusedError(f"The service wants {wrong}: set SPANTAIL_TOKEN to the service's own.", status)
        if kind in ("unknown-run", "run-expired") or (status == _GONE and path.startswith("/api/")):
            why = " `spantail doctor` tells why a run is missing." if kind == "unknown-run" else ""
            return NoRunError(f"{detail or 'The service does not have this run.'}{why}", status)
        if status == _NOT_FOUND and not kind:
            return RefusedError(
                f"{shown_url(self.url)} has no {path}: another program, or another version of Spantail. "
                "`spantail doctor` tells which.",
                status,
            )
        fields = "; ".join(
            f"{'.'.join(str(part) for part in found.get('loc', [])[1:])}: {found.get('msg')}"
            for found in problem.get("errors", ())
            if isinstance(found, dict)
        )
        words = " ".join(part for part in (detail, harmless(fields)) if part)
        return RefusedError(f"The service answers {status}: {words or 'no reason given'}", status)


def orjson_object(body: bytes) -> dict[str, Any] | None:
    """The JSON object in `body`; `None` when it is none."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
