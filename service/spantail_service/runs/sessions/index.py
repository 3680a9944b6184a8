"""Sessions as conversations over runs: the list, and one of them with its runs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from spantail.pricing import NANO
from spantail_exporters.model import keys
from spantail_exporters.model.sessions import session_digest
from spantail_service.errors import InputRefusedError, NotFoundError
from spantail_service.runs.sessions.keeper import SessionKeeper

if TYPE_CHECKING:
    from collections.abc import Mapping

    from redis.asyncio import Redis

    from spantail_service.runs.index import RunIndex

MAX_SESSIONS: Final = 100
"""Most sessions on one page."""

MAX_RUNS_OF_SESSION: Final = 200
"""Most runs of a session on one page."""

_LOOKED_AT: Final = 2_000  # sessions that one page looks at, at most, for words
_STEP: Final = 200
_CURSOR: Final = re.compile(r"([0-9]{1,16}):([0-9a-f]{20})")
_RUN_CURSOR: Final = re.compile(r"([0-9]{1,16}):([0-9a-f]{32})")
_LATEST: Final = 2**53 - 1
_NO_DIGEST: Final = "g"  # behind every digest


class SessionsPage(NamedTuple):
    """One page of sessions and where the next one begins (`None`: this was the last)."""

    sessions: list[dict[str, Any]]
    next_cursor: str | None


class SessionIndex:
    """Reads the index over sessions."""

    def __init__(self, redis: Redis, runs: RunIndex) -> None:
        self._redis = redis
        self._runs = runs

    async def page(self, cursor: str | None, limit: int, words: str = "") -> SessionsPage:
        """The sessions that were active before `cursor`, the latest first, at most `limit`.

        Args:
            cursor: time (µs) and digest of the last session of the page before.
            limit: most sessions.
            words: text that has to be in the id.

        Raises:
            InputRefusedError: `cursor` is none.
        """
        before = _parsed(cursor, _CURSOR) or (_LATEST, _NO_DIGEST)
        wanted = words.casefold().strip()
        sessions: list[dict[str, Any]] = []
        looked_at = 0
        while looked_at < _LOOKED_AT:
            some = await self._below(before, _STEP if wanted else limit - len(sessions))
            for (last, digest), session in zip(some, await self._read(some), strict=True):
                before = (last, digest)
                if session is not None and wanted in session["session_id"].casefold():
                    sessions.append(session)
                    if len(sessions) == limit:
                        return SessionsPage(sessions, f"{last}:{digest}")
            looked_at += max(len(some), 1)
            if not some:
                return SessionsPage(sessions, None)
        return SessionsPage(sessions, f"{before[0]}:{before[1]}")

    async def session(self, session_id: str, cursor: str | None, limit: int) -> dict[str, Any]:
        """One session with its runs in their order, at most `limit`, those after `cursor`.

        Raises:
            InputRefusedError: `cursor` is none.
            NotFoundError: no run of it is there.
        """
        after = _parsed(cursor, _RUN_CURSOR) or (0, "")
        digest = session_digest(session_id)
        found: Any = await self._redis.zrangebyscore(
            keys.session_runs(digest), after[0], "+inf", withscores=True, start=0, num=limit + 2
        )
        listed = [(int(start), run_id.decode()) for run_id, start in found]
        listed = [one for one in listed if one > after]
        held = await self._runs.read([run_id for _, run_id in listed[:limit]])
        if gone := [run_id for _, run_id in listed[:limit] if run_id not in held]:
            await SessionKeeper(self._redis).forget(gone)
        last = await self._redis.zscore(keys.SESSIONS_RECENT, digest)
        (session,) = await self._read([(int(last or 0), digest)])
        if session is None:
            raise NotFoundError("No run of this session is here.", kind="unknown-session")
        more = len(listed) > limit
        return {
            **session,
            "items": [held[run_id] for _, run_id in listed[:limit] if run_id in held],
            "next_cursor": f"{listed[limit - 1][0]}:{listed[limit - 1][1]}" if more else None,
        }

    async def _below(self, before: tuple[int, str], count: int) -> list[tuple[int, str]]:
        found: list[tuple[int, str]] = []
        offset = 0
        while len(found) < count:
            some: Any = await self._redis.zrevrangebyscore(
                keys.SESSIONS_RECENT, before[0], "-inf", withscores=True, start=offset, num=count + 1
            )
            pairs = [(int(last), digest.decode()) for digest, last in some]
            found += [pair for pair in pairs if pair < before]
            offset += len(some)
            if len(some) <= count:
                break
        return found[:count]

    async def _read(self, wanted: list[tuple[int, str]]) -> list[dict[str, Any] | None]:
        pipe = self._redis.pipeline(transaction=False)
        for _, digest in wanted:
            pipe.hgetall(keys.session(digest))
            pipe.zrange(keys.session_runs(digest), 0, 0, withscores=True)
        read = await pipe.execute() if wanted else []
        return [
            _session(fields, int(first[0][1]), last) if first and b"id" in fields else None
            for (last, _), fields, first in zip(wanted, read[::2], read[1::2], strict=True)
        ]


def _session(fields: Mapping[bytes, bytes], first: int, last: int) -> dict[str, Any]:
    backends: dict[str, dict[str, int]] = {}
    for field, amount in fields.items():
        if field.startswith(b"b:") and int(amount):
            backend, _, what = field[2:].decode("utf-8", "replace").rpartition(":")
            backends.setdefault(backend, {"calls": 0, "nano": 0})[what] = int(amount)

    def figure(name: bytes) -> int:
        return int(fields.get(name, b"0"))

    nano = figure(b"nano")
    return {
        "session_id": fields[b"id"].decode("utf-8", "replace"),
        "runs": figure(b"runs"),
        "open": figure(b"open"),
        "demo": figure(b"demo"),
        "first": first,
        "last": last,
        "spans": figure(b"spans"),
        "errors": figure(b"errors"),
        "calls": figure(b"calls"),
        "unpriced": figure(b"unpriced"),
        "tokens": {"input": figure(b"input"), "output": figure(b"output")},
        "cost_usd": nano / NANO,
        "cost_nano": nano,
        "backends": {
            backend: {"calls": one["calls"], "cost_usd": one["nano"] / NANO, "cost_nano": one["nano"]}
            for backend, one in sorted(backends.items())
        },
    }


def _parsed(cursor: str | None, shape: re.Pattern[str]) -> tuple[int, str] | None:
    if cursor is None:
        return None
    match = shape.fullmatch(cursor)
    if match is None:
        raise InputRefusedError("This is no cursor that a page of sessions has given out.", kind="malformed-cursor")
    return int(match[1]), match[2]
