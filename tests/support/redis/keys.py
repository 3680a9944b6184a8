"""Every Redis key that may come to be, whatever is sent: those that the design names."""

from __future__ import annotations

import re

import redis

_ID = rb"[0-9a-f]{32}"
_DAY = rb"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_KEYS = re.compile(
    rb"logs:\{" + _ID + rb"\}:(?:buffer|spans|meta|layers|wraps|sources|cancel|came:[0-9a-f]+)"
    rb"|run:\{" + _ID + rb"\}|logs:owner:\{" + _ID + rb"\}"
    rb"|runs:(?:recent|open)|\{runs:recent\}:(?:facts|operations|expired|pinned|changes|unbooked|status:[a-z]+"
    rb"|operation:[0-9a-f]{20})"
    rb"|\{spend\}:(?:lease|booked:" + _ID + rb"|(?:(?:model|operation):)?day:(?:demo:)?" + _DAY + rb")"
    rb"|\{sessions\}:(?:recent|due|(?:session|runs):[0-9a-f]{20}|run:" + _ID + rb")|sessions:ended"
    rb"|queue:(?:pending(?::high|:low)?|delayed|running|lease|failed|history|version|item:\{[A-Za-z0-9._:-]+\})"
    rb"|\{jobs\}:(?:postings|used|imports|imported|same)|jobs:[0-9a-z:._-]+|cache:[0-9a-z:._-]+"
    rb"|budget:\{(?:run:" + _ID + rb"|(?:demo:)?(?:day:" + _DAY + rb"|(?:session|operation):[!-z|~]+))\}(?::held)?"
    rb"|budget:scopes:[a-z]+|breakers|\{notices\}:(?:rules|items|recent|pending|dead|seen|spend|position|lease)"
    rb"|runners|runners:seen|runner:[\w.-]+:\d+:\d+(?::runs|:about)?|reaper:lease"
)


def odd_keys(url: str) -> list[bytes]:
    """Every key that is none of those."""
    with redis.Redis.from_url(url) as client:
        return [key for key in client.scan_iter(count=1_000) if not _KEYS.fullmatch(key)]
