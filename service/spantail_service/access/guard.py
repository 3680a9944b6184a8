"""What every request and every WebSocket has to pass before anything else sees it.

One question with one answer, `Guard.refusal`: is the request for this host, does it come from our own page, does it
carry the token or a session.

Who polls sends the same request again and again, so what was let in is remembered for a minute, by address and headers:
one look-up instead of every check. That is safe because the answer follows from the client and the headers alone; what
may change any moment (a session, the number of wrong tokens) is never answered from memory.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from spantail_service.access import refusals
from spantail_service.access.hosts import is_own_origin
from spantail_service.access.rate_limits import client_of
from spantail_service.access.refusals import MAX_HEADER_BYTES, MAX_TARGET_BYTES, MOST_HEADERS, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from starlette.types import Scope

    from spantail_service.access.hosts import Hosts
    from spantail_service.access.rate_limits import WrongTokens
    from spantail_service.access.sessions import Sessions

SESSION: Final = "spantail.session"
"""The name in an ASGI scope under which the session stands that let the connection in; absent where the token did."""

_REMEMBERED_S: Final = 60.0
_MOST_REMEMBERED: Final = 2_048
_REMEMBERED_BYTES: Final = 1_024  # of headers; larger ones are checked each time
_NOBODY: Final = ("", 0)  # a Unix socket has no address

_PROBES: Final = frozenset({"/healthz", "/readyz"})
_OPEN: Final = _PROBES | {"/login", "/favicon.svg", "/favicon.ico", "/docs/style.css"}
_OPEN_BELOW: Final = "/assets/"


class Guard:
    """Decides who may come in. Without a token nobody is asked for one; host and origin are checked all the same."""

    def __init__(
        self,
        hosts: Hosts,
        token: str | None,
        sessions: Sessions | None,
        wrong_tokens: WrongTokens,
        *,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.hosts = hosts
        self.sessions = sessions
        self.wrong_tokens = wrong_tokens
        self._token = None if token is None else _digest(token.encode())
        self._now_s = now_s
        self._let_in: dict[tuple[str | tuple[bytes, bytes], ...], float] = {}  # address and headers → until when

    @property
    def wants_token(self) -> bool:
        """Whether a token is set."""
        return self._token is not None

    def refusal(self, scope: Scope) -> Refusal | None:
        """Why this connection (`http` or `websocket`) may not come in; `None` when it may.

        The session that lets it in is put into `scope`, see `SESSION`.
        """
        path, raw_headers = scope["path"], scope["headers"]
        if len(scope.get("raw_path") or path) + len(scope["query_string"]) > MAX_TARGET_BYTES:
            return refusals.LONG_TARGET
        if len(raw_headers) > MOST_HEADERS:
            return refusals.LARGE_HEADERS
        address_and_headers = ((scope.get("client") or _NOBODY)[0], *raw_headers)
        if self._let_in.get(address_and_headers, 0.0) > self._now_s():
            return None
        size = _size(raw_headers)
        if size > MAX_HEADER_BYTES:
            return refusals.LARGE_HEADERS
        if path in _PROBES:
            return None  # a load balancer asks for these by any name or none
        headers: dict[bytes, bytes] = dict(raw_headers)
        refusal = self._host_refusal(raw_headers, headers)
        if refusal is None and self._token is not None:
            if is_open(path):
                return None
            refusal = self._token_refusal(scope, headers)
        # A cookie may stand for a session, which may end; and with a method other than GET, or in a WebSocket's
        # handshake, something is new each time.
        if refusal is None and size <= _REMEMBERED_BYTES and b"cookie" not in headers and scope.get("method") == "GET":
            self._remember(address_and_headers)
        return refusal

    def check_token(self, presented: str | bytes, client: str) -> Refusal | None:
        """Why this token is refused; `None` when it is right or none is set. Wrong ones are counted for `client`.

        For the login page too, and for gRPC, whose metadata carries the same `authorization: Bearer …`. The right token
        is never refused, however many wrong ones came before: else anybody at the same address (behind a proxy,
        everybody) could lock its holders out.
        """
        raw = presented.encode() if isinstance(presented, str) else presented
        # Digests are compared: the time this takes shows neither the bytes nor the length that are right.
        if self._token is None or hmac.compare_digest(_digest(raw), self._token):
            return None
        wait_s = self.wrong_tokens.count(client)
        return refusals.too_many_wrong_tokens(wait_s) if wait_s else refusals.WRONG_TOKEN

    def _host_refusal(
        self, raw_headers: Iterable[tuple[bytes, bytes]], headers: Mapping[bytes, bytes]
    ) -> Refusal | None:
        host = headers.get(b"host")
        # Two hosts: a proxy in front may have decided by the other one.
        if host is None or sum(name == b"host" for name, _ in raw_headers) > 1:
            return refusals.NO_HOST
        if not self.hosts.allows(host):
            return refusals.OTHER_HOST
        if (b"sec-fetch-site" in headers or b"origin" in headers) and not is_own_origin(headers, self.hosts):
            return refusals.OTHER_ORIGIN
        return None

    def _token_refusal(self, scope: Scope, headers: Mapping[bytes, bytes]) -> Refusal | None:
        scheme, _, presented = headers.get(b"authorization", b"").partition(b" ")
        if scheme.lower() == b"bearer":
            return self.check_token(presented.strip(), client_of(scope))
        cookie = headers.get(b"cookie")
        session = self.sessions.read(cookie) if cookie is not None and self.sessions is not None else None
        if session is None:
            return refusals.NO_TOKEN
        scope[SESSION] = session
        return None

    def _remember(self, address_and_headers: tuple[str | tuple[bytes, bytes], ...]) -> None:
        if len(self._let_in) >= _MOST_REMEMBERED:
            self._let_in.clear()
        self._let_in[address_and_headers] = self._now_s() + _REMEMBERED_S


def is_open(path: str) -> bool:
    """Whether a path wants no token: probes, the login page, and the page's static files."""
    return path in _OPEN or path.startswith(_OPEN_BELOW)


def login_address(scope: Scope) -> str:
    """Where a browser is sent that has to sign in first; afterwards it comes back to what it asked for."""
    query = scope["query_string"].decode("latin-1")
    target = quote(scope["path"], safe="/") + (f"?{query}" if query else "")
    return "/login" if target == "/" else f"/login?next={quote(target, safe='/')}"


def _size(headers: Iterable[tuple[bytes, bytes]]) -> int:
    size = 0
    for name, value in headers:
        size += len(name) + len(value)
    return size


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()
