"""Why a request or a WebSocket is refused, as problems (RFC 9457)."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

CLOSE_REFUSED: Final = 4401
"""WebSocket close code of a connection that is not allowed, or not any more."""

MAX_TARGET_BYTES: Final = 8_192
"""Longest path with its query; a longer one is answered with 414."""
MAX_HEADER_BYTES: Final = 32_768
"""Largest sum of a request's headers; more is answered with 431."""
MOST_HEADERS: Final = 100


class Refusal(NamedTuple):
    """Why somebody may not come in."""

    status: int
    kind: str
    detail: str
    headers: tuple[tuple[str, str], ...] = ()


LONG_TARGET: Final = Refusal(414, "address-too-long", f"Path and query are longer than {MAX_TARGET_BYTES} bytes.")
LARGE_HEADERS: Final = Refusal(
    431,
    "headers-too-large",
    f"The headers are larger than {MAX_HEADER_BYTES} bytes or more than {MOST_HEADERS}.",
)
NO_HOST: Final = Refusal(400, "no-host", "An HTTP/1.1 request needs one Host header (RFC 9112 §3.2).")
OTHER_HOST: Final = Refusal(
    421,
    "unknown-host",
    "This service does not answer to the host name that was asked for. Use localhost or its own address, or name it "
    "in SPANTAIL_ALLOWED_HOSTS where the service is started.",
)
OTHER_ORIGIN: Final = Refusal(
    403,
    "other-origin",
    "Browsers may use this service from its own page only. Behind a proxy that changes the Host header, name the "
    "public host in SPANTAIL_ALLOWED_HOSTS.",
)
_CHALLENGE: Final = 'Bearer realm="spantail"'
NO_TOKEN: Final = Refusal(
    401,
    "token-wanted",
    "This service wants its token: send the header Authorization: Bearer TOKEN, or sign in at /login.",
    (("www-authenticate", _CHALLENGE),),
)
WRONG_TOKEN: Final = Refusal(
    401,
    "wrong-token",
    "This is not the token of this service: it is the value of SPANTAIL_TOKEN where the service is started.",
    (("www-authenticate", f'{_CHALLENGE}, error="invalid_token"'),),  # RFC 6750 §3.1
)


def too_many_wrong_tokens(wait_s: float) -> Refusal:
    """The refusal of a wrong token after too many of them; `wait_s` is in seconds."""
    seconds = math.ceil(wait_s)
    return Refusal(
        429,
        "too-many-failures",
        "This is not the token of this service, and too many wrong ones came in. Try again in "
        f"{seconds} s; the right one is let in at any time.",
        (("retry-after", str(seconds)),),
    )
