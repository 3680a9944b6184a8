"""What every request and every WebSocket has to pass before anything else sees it.

One question with one answer, `Guard.refusal`: is the request for this host, does it come from our own page,
does it carry the token or a session.

Who polls says the same again and again, so what was let in is remembered for a while by all it said: one look-up
instead of every check. That is safe because the answer follows from the client and the headers alone; what may change
any moment (a session, the number of wrong tokens) is never answered from memory.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import time
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote

from spantail_service.access.hosts import is_own_origin
from spantail_service.access.rate_limits import client_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from starlette.types import Scope

    from spantail_service.access.hosts import Hosts
    from spantail_service.access.rate_limits import WrongTokens
    from spantail_service.access.sessions import Sessions

CLOSE_REFUSED: Final = 4401
"""WebSocket close code of a connection that is not allowed (design §7)."""

SESSION: Final = "spantail.session"
"""Where in its scope the session stands that let a connection in; nowhere when it was the token."""

MAX_TARGET_BYTES: Final = 8_192
"""Longest path with its query; a longer one is answered with 414."""
MAX_HEADER_BYTES: Final = 32_768
"""Largest sum of a request's headers; more is answered with 431."""
_MOST_HEADERS: Final = 100

_LET_IN_S: Final = 60.0
_MOST_LET_IN: Final = 2_048
_LET_IN_BYTES: Final = 1_024  # of headers; larger ones are checked each time
_NOBODY: Final = ("", 0)  # a Unix socket has no address

_PROBES: Final = frozenset({"/healthz", "/readyz"})
_OPEN: Final = _PROBES | {"/login", "/favicon.svg", "/favicon.ico", "/docs/style.css"}
_OPEN_BELOW: Final = "/assets/"


class Refusal(NamedTuple):
    """Why somebody may not come in, as a problem (RFC 9457)."""

    status: int
    kind: str
    detail: str
    headers: tuple[tuple[str, str], ...] = ()


_LONG_TARGET: Final = Refusal(414, "address-too-long", f"Path and query are longer than {MAX_TARGET_BYTES} bytes.")
_LARGE_HEADERS: Final = Refusal(
    431,
    "headers-too-large",
    f"The headers are larger than {MAX_HEADER_BYTES} bytes or more than {_MOST_HEADERS}.",
)
_NO_HOST: Final = Refusal(400, "no-host", "An HTTP/1.1 request needs one Host header (RFC 9112 §3.2).")
_OTHER_HOST: Final = Refusal(
    421,
    "unknown-host",
    "This service does not answer to the host name that was asked for. Use localhost or its own address, or name it "
    "in SPANTAIL_ALLOWED_HOSTS where the service is started.",
)
_OTHER_ORIGIN: Final = Refusal(
    403,
    "other-origin",
    "Browsers may use this service from its own page only. Behind a proxy that changes the Host header, name the "
    "public host in SPANTAIL_ALLOWED_HOSTS.",
)
_CHALLENGE: Final = 'Bearer realm="spantail"'
_NO_TOKEN: Final = Refusal(
    401,
    "token-wanted",
    "This service wants its token: send the header Authorization: Bearer TOKEN, or sign in at /login.",
    (("www-authenticate", _CHALLENGE),),
)
_WRONG_TOKEN: Final = Refusal(
    401,
    "wrong-token",
    "This is not the token of this service: it is the value of SPANTAIL_TOKEN where the service is started.",
    (("www-authenticate", f'{_CHALLENGE}, error="invalid_token"'),),  # RFC 6750 §3.1
)


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
        path, raw = scope["path"], scope["headers"]
        if len(scope.get("raw_path") or path) + len(scope["query_string"]) > MAX_TARGET_BYTES:
            return _LONG_TARGET
        if len(raw) > _MOST_HEADERS:
            return _LARGE_HEADERS
        said = ((scope.get("client") or _NOBODY)[0], *raw)
        if self._let_in.get(said, 0.0) > self._now_s():
            return None
        size = _size(raw)
        if size > MAX_HEADER_BYTES:
            return _LARGE_HEADERS
        if path in _PROBES:
            return None  # a load balancer asks for these by any name or none
        headers: dict[bytes, bytes] = dict(raw)
        # two hosts: whoever stands in front may have gone by the other one
        refusal = _NO_HOST if _count(raw, b"host") > 1 else self._misled(headers)
        if refusal is None and self._token is not None:
            if is_open(path):
                return None
            refusal = self._token_refusal(scope, headers)
        # A cookie may stand for a session, which may end; and with a method other than GET, or in a WebSocket's
        # handshake, something is new each time.
        if refusal is None and size <= _LET_IN_BYTES and b"cookie" not in headers and scope.get("method") == "GET":
            self._remember(said)
        return refusal

    def check_token(self, presented: str | bytes, client: str) -> Refusal | None:
        """Why this token is refused; `None` when it is right or none is set. Wrong ones are counted for `client`.

        For the login page too, and for the doors that are not HTTP: gRPC's metadata carries the same
        `authorization: Bearer …`. The right token is never refused, however many wrong ones came before: else
        anybody at the same address (behind a proxy, everybody) could lock its holders out.
        """
        raw = presented.encode() if isinstance(presented, str) else presented
        # digests: neither the bytes nor the length that are right show in the time this takes
        if self._token is None or hmac.compare_digest(_digest(raw), self._token):
            return None
        wait_s = self.wrong_tokens.count(client)
        return _too_many_wrong_tokens(wait_s) if wait_s else _WRONG_TOKEN

    def _misled(self, headers: Mapping[bytes, bytes]) -> Refusal | None:
        host = headers.get(b"host")
        if host is None:
            return _NO_HOST
        if not self.hosts.allows(host):
            return _OTHER_HOST
        if (b"sec-fetch-site" in headers or b"origin" in headers) and not is_own_origin(headers, self.hosts):
            return _OTHER_ORIGIN
        return None

    def _remember(self, said: tuple[str | tuple[bytes, bytes], ...]) -> None:
        if len(self._let_in) >= _MOST_LET_IN:
            self._let_in.clear()
        self._let_in[said] = self._now_s() + _LET_IN_S

    def _token_refusal(self, scope: Scope, headers: Mapping[bytes, bytes]) -> Refusal | None:
        scheme, _, presented = headers.get(b"authorization", b"").partition(b" ")
        if scheme.lower() == b"bearer":
            return self.check_token(presented.strip(), client_of(scope))
        cookie = headers.get(b"cookie")
        session = self.sessions.read(cookie) if cookie is not None and self.sessions is not None else None
        if session is None:
            return _NO_TOKEN
        scope[SESSION] = session
        return None


def is_open(path: str) -> bool:
    """Whether a path wants no token: probes, the login page, and the page's static files."""
    return path in _OPEN or path.startswith(_OPEN_BELOW)


def _count(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> int:
    return sum(held == name for held, _ in headers)


def _size(headers: Iterable[tuple[bytes, bytes]]) -> int:
    size = 0
    for name, value in headers:
        size += len(name) + len(value)
    return size


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()


def _too_many_wrong_tokens(wait_s: float) -> Refusal:
    seconds = math.ceil(wait_s)
    return Refusal(
        429,
        "too-many-failures",
        "This is not the token of this service, and too many wrong ones came in. Try again in "
        f"{seconds} s; the right one is let in at any time.",
        (("retry-after", str(seconds)),),
    )


def login_address(scope: Scope) -> str:
    """Where a browser is sent that has to sign in first; afterwards it comes back to what it asked for."""
    query = scope["query_string"].decode("latin-1")
    target = quote(scope["path"], safe="/") + (f"?{query}" if query else "")
    return "/login" if target == "/" else f"/login?next={quote(target, safe='/')}"
