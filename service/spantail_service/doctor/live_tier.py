"""The Redis that this environment writes to: is it there, is it the one that the service reads, is it fit for it?"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any, Final

from redis.exceptions import RedisError

from spantail.setup.live_sink import URL_VARIABLES
from spantail.setup.trace_exporters import shown_url
from spantail_exporters.model import keys
from spantail_exporters.redis import client as redis_client
from spantail_service.client.service_redis import export_line, redis_url_from_here
from spantail_service.doctor.finding import Finding, note, ok, wrong
from spantail_service.doctor.reach import clock_finding

if TYPE_CHECKING:
    from collections.abc import Sequence

LIVE_VARIABLE: Final = URL_VARIABLES[0]

_TIMEOUT_S: Final = 3.0
_CHANNEL_OF_NO_RUN: Final = keys.channel("0" * 32)
_OLDEST: Final = (6, 2)
_CREDENTIALS: Final = re.compile(r"NOAUTH|WRONGPASS|invalid username-password|Authentication required", re.IGNORECASE)


def redis_findings(url: str, about: dict[str, Any] | None) -> list[Finding]:
    """Ask the Redis at `url`, which has been found to be a readable URL; blocks for some seconds at most.

    `about` is the service's own account of itself, where there is one.
    """
    shown = shown_url(url)
    try:
        client = redis_client.connect(url, _TIMEOUT_S)
        try:
            # By itself first: the clock is not to wait for a connection that is being made.
            (pong,) = client.execute([("PING",)])
            asked = time.time_ns() // 1_000
            (clock,) = client.execute([("TIME",)])
            answered = time.time_ns() // 1_000
            server, memory = client.execute([("INFO", "server"), ("INFO", "memory")])
            published = client.execute(
                [("PUBLISH", channel, "") for channel in (keys.RUNS_CHANNEL, _CHANNEL_OF_NO_RUN)]
            )
        finally:
            client.close()
    except (RedisError, OSError, ValueError) as error:
        return [_unreachable(shown, str(error).replace(url, shown).rstrip("."))]
    if isinstance(pong, Exception):
        return [_unreachable(shown, str(pong))]
    found = [ok("Redis", f"{shown} answers")]
    match clock:
        case [seconds, microseconds]:
            found.append(clock_finding("Redis", int(seconds) * 1_000_000 + int(microseconds), asked, answered))
    found += _server_findings(_info(server), about)
    found += _memory_findings(_info(memory))
    found += _channel_findings(published)
    return found


def connect_finding(url: str, about: dict[str, Any] | None) -> Finding:
    """The very line that makes an application's spans come to this service; asks its Redis, which may block."""
    redis_url = redis_url_from_here(about)
    if redis_url is not None:
        return note(
            "way in",
            "This environment leads to no service yet; this one's Redis can be reached from here.",
            f"Paste where your application starts:\n{export_line(LIVE_VARIABLE, redis_url)}",
        )
    return note(
        "way in",
        "The service's Redis cannot be reached from here as it is told (a password, another machine).",
        f"Over OTLP, paste where your application starts:\n{export_line('OTEL_EXPORTER_OTLP_ENDPOINT', url)}",
    )


def _same_redis(about: dict[str, Any] | None) -> str:
    redis_url = redis_url_from_here(about)
    if redis_url is not None:
        return f"Paste where your application starts:\n{export_line(LIVE_VARIABLE, redis_url)}"
    return (
        "Give both the same SPANTAIL_REDIS_URL: start the service with --redis-url; or send spans to the service over "
        "OTLP."
    )


def _info(reply: object) -> dict[str, str]:
    """Read the reply to INFO; empty when the user may not ask."""
    if not isinstance(reply, bytes):
        return {}
    lines = reply.decode("utf-8", "replace").splitlines()
    return {name: value for name, sep, value in (line.partition(":") for line in lines) if sep}


def _unreachable(shown: str, words: str) -> Finding:
    if _CREDENTIALS.search(words):
        return wrong(
            "Redis",
            f"{shown} refuses the user or the password.",
            "Write them into SPANTAIL_REDIS_URL: redis://user:password@host:6379/0.",
        )
    return wrong(
        "Redis",
        f"{shown} cannot be reached ({words}).",
        "Start it, or mend SPANTAIL_REDIS_URL; the application keeps its events on disk meanwhile.",
    )


def _server_findings(server: dict[str, str], about: dict[str, Any] | None) -> list[Finding]:
    found = []
    version = server.get("redis_version", "")
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:2])
    if numbers and numbers < _OLDEST:
        found.append(wrong("Redis", f"It is Redis {version}.", "Spantail needs 6.2 or newer, or Valkey."))
    theirs = (about or {}).get("redis") or {}
    ours_id, their_id = server.get("run_id"), theirs.get("id")
    if ours_id and their_id and server.get("redis_mode") == "standalone":
        if ours_id != their_id:
            found.append(
                wrong(
                    "Redis",
                    f"This environment writes to another Redis than the service reads ({theirs.get('url')}).",
                    _same_redis(about),
                )
            )
        else:
            found.append(ok("Redis", f"it is the one that the service reads (Redis {version})"))
    return found


def _memory_findings(memory: dict[str, str]) -> list[Finding]:
    policy = memory.get("maxmemory_policy", "noeviction")
    limit = int(memory.get("maxmemory") or 0)
    if limit and policy != "noeviction":
        return [
            note(
                "Redis",
                f"maxmemory-policy is {policy}: when memory is short Redis throws away runs, in the middle too.",
                "Set noeviction: events then wait in the application's spool.",
            )
        ]
    return []


def _channel_findings(published: Sequence[object]) -> list[Finding]:
    """Say what the replies to PUBLISH say: a new user of Redis 7 may use no channel."""
    if not any(isinstance(reply, Exception) for reply in published):
        return []
    return [
        note(
            "Redis",
            "The user may not publish: all is stored, but who watches a run learns of it seconds later.",
            f"Give it the channels: ACL SETUSER … '&run_logs:*' '&{keys.RUNS_CHANNEL}'.",
        )
    ]
