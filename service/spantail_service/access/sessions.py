"""Sessions of people who have signed in: a signed value in a cookie, so that every process knows it at once.

The cookie says an id and an end, signed with a key that is made from the token. The token itself cannot be read from
it, and scrypt makes guessing a weak one from a stolen cookie slow. Another token ends every session.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

COOKIE = "spantail_session"
_COOKIE_BYTES = COOKIE.encode()
_VALUE = re.compile(rb"([0-9a-f]{32})\.([0-9]{10,12})\.([A-Za-z0-9_-]{43})")
MOST_ENDED = 10_000
"""Sessions that were signed out of and have not run out by themselves: how many are remembered."""
_MOST_HEADER_BYTES = 8_192


class Session(NamedTuple):
    """Who has signed in."""

    id: bytes
    end_s: int
    """When it ends by itself, in seconds since the epoch."""


class Sessions:
    """Gives out session values and knows them again."""

    def __init__(self, token: str, lifetime_s: int, *, now_s: Callable[[], float] = time.time) -> None:
        self.lifetime_s = lifetime_s
        self._now_s = now_s
        # 2**14 rounds of 1 KiB: 16 MiB and some 40 ms, once per process.
        self._key = hashlib.scrypt(token.encode(), salt=b"spantail session 1", n=2**14, r=8, p=1, dklen=32)
        self._ended: dict[bytes, int] = {}

    def issue(self) -> str:
        """A new session's value for the cookie."""
        head = f"{secrets.token_hex(16)}.{int(self._now_s()) + self.lifetime_s}".encode()
        return (head + b"." + self._signature(head)).decode()

    def is_valid(self, cookie_header: bytes) -> bool:
        """Whether a `Cookie` header carries a session that is signed by us, not over and not signed out of."""
        return self.read(cookie_header) is not None

    def is_over(self, session: Session) -> bool:
        """Whether a session that was valid once is not any more."""
        return session.end_s <= self._now_s() or session.id in self._ended

    def end(self, cookie_header: bytes) -> Session | None:
        """Sign out: the session, which is the answer, is refused by this process from now on."""
        session = self.read(cookie_header)
        if session is not None:
            self.forget([session])
        return session

    def forget(self, ended: list[Session]) -> None:
        """Refuse these sessions from now on."""
        now = self._now_s()
        self._ended.update(ended)
        if len(self._ended) > MOST_ENDED:
            latest = sorted(self._ended.items(), key=lambda item: item[1])[-MOST_ENDED:]
            self._ended = {session: end for session, end in latest if end > now}

    def read(self, cookie_header: bytes) -> Session | None:
        """The session in a `Cookie` header, if it is valid."""
        if len(cookie_header) > _MOST_HEADER_BYTES:
            return None
        for pair in cookie_header.split(b";"):
            name, _, value = pair.strip().partition(b"=")
            if name != _COOKIE_BYTES:
                continue
            match = _VALUE.fullmatch(value)
            if match is None:
                continue
            session = Session(match[1], int(match[2]))
            is_ours = hmac.compare_digest(match[3], self._signature(b"%b.%b" % match.group(1, 2)))
            if is_ours and not self.is_over(session):
                return session
        return None

    def _signature(self, head: bytes) -> bytes:
        return base64.urlsafe_b64encode(hmac.digest(self._key, head, "sha256")).rstrip(b"=")
