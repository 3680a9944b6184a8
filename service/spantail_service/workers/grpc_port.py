"""The port of OTLP/gRPC, on which each worker listens for itself: gRPC takes no socket from others."""

from __future__ import annotations

import logging
import socket
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from spantail_service.settings import ServerSettings

logger = logging.getLogger(__name__)


class GrpcPort(NamedTuple):
    """A port that the workers share."""

    held: socket.socket
    """Keeps it from others while no worker listens."""
    port: int
    address: str
    """`host:port`, for people."""


def reserve_grpc_port(server: ServerSettings) -> GrpcPort | None:
    """Take the port for the workers; None where none is wanted, or where somebody has it, which is logged.

    Linux gives each connection to one of those who listen. A socket that is bound and does not listen gets none.
    """
    host, port = server.host, server.otlp_grpc_port
    if port is None:
        return None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as alone:
            # Fails where anybody listens, another service of the same user included: with it the port could be shared.
            alone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            alone.bind(address)
        held = socket.socket(family, kind, protocol)
        try:
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            held.bind(address)
        except OSError:
            held.close()
            raise
    except OSError:
        logger.warning(
            "no OTLP/gRPC: port %d on %s is taken, perhaps by a Collector. OTLP/HTTP is there all the same. "
            "SPANTAIL_OTLP_GRPC_PORT names another port, or `off`",
            port,
            host,
        )
        return None
    taken = held.getsockname()[1]
    return GrpcPort(held, taken, f"[{host}]:{taken}" if ":" in host else f"{host}:{taken}")
