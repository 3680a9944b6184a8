"""The port of the service: taken before anything else is started, so that two services never share one."""

from __future__ import annotations

import contextlib
import errno
import socket
import sys
from typing import Final

if sys.platform != "win32":
    import resource

_BACKLOG: Final = 2_048
_STUCK_MS: Final = 30_000
_OPEN_FILES: Final = 65_536
_ANY_ADDRESS: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - what is shown, not what is bound


class CannotServeError(Exception):
    """The service could not start; the message is for the person who started it."""


class PortTakenError(CannotServeError):
    """Somebody else listens on the port."""


def listen(host: str, port: int) -> socket.socket:
    """Take the port. Connections wait until somebody serves them.

    Raises:
        PortTakenError: somebody else listens on it.
        CannotServeError: the host is no address of this machine, or the port is not allowed.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise CannotServeError(f"{host} is no address to listen on: {error.strerror}.") from None
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            # A viewer that takes nothing for so long is dropped (by the kernel: ASGI has no way to). Connections
            # have it from the listener.
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _STUCK_MS)
        listener.bind(address)
        # From here on nobody else gets the port. Who connects early waits for the answer until we are ready.
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortTakenError(f"Port {port} on {host} is taken.") from None
        raise CannotServeError(f"Cannot listen on {host} port {port}: {error.strerror}.") from None
    listener.setblocking(False)
    return listener


def url_of(listener: socket.socket, host: str) -> str:
    """The address of the service for a browser on this machine."""
    port = listener.getsockname()[1]
    if host in _ANY_ADDRESS:
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def allow_many_connections() -> None:
    """Raise the limit on open files as far as this process may: the usual 1,024 are used up by as many viewers."""
    if sys.platform == "win32":
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _OPEN_FILES if hard == resource.RLIM_INFINITY else min(_OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
