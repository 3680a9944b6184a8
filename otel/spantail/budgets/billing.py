"""Whether a provider bills a call that failed."""

from __future__ import annotations

import socket
from typing import Final

_NOT_CONNECTED: Final = frozenset({"ConnectError", "ConnectTimeout", "ClientConnectorError"})  # of httpx and aiohttp
_TIMEOUTS: Final = frozenset({408, 504, 524})  # of a gateway, mostly: what is behind it may have worked on
_DEEPEST: Final = 10


def is_unbilled(error: BaseException | None) -> bool:
    """Tell whether nothing can have been billed: the provider answered with an HTTP error, or was not reached.

    The errors of the client libraries of OpenAI and Anthropic, of httpx and of requests say so in `status_code`,
    their own or that of their `response`. A time-out, that of a gateway among them, or a broken connection may have
    been billed.
    """
    for _ in range(_DEEPEST):
        if error is None:
            return False
        if isinstance(error, ConnectionRefusedError | socket.gaierror) or type(error).__name__ in _NOT_CONNECTED:
            return True
        for said_by in (error, getattr(error, "response", None)):
            status = getattr(said_by, "status_code", None)
            if isinstance(status, int) and status >= 400:  # noqa: PLR2004 - HTTP: from here on it is an error
                return status not in _TIMEOUTS
        error = error.__cause__
    return False
