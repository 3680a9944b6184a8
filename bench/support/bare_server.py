"""A bare ASGI application on the server that the service runs on: what there is to compare with."""

from __future__ import annotations

import contextlib
import http.client
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import Receive, Scope, Send


@contextlib.contextmanager
def bare_server(body: bytes) -> Iterator[str]:
    """The same server with an application that does nothing but answer; yields `host:port`."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        command = [sys.executable, "-m", "bench.support.bare_server", str(listener.fileno())]
        with subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=[listener.fileno()]) as process:
            try:
                if process.stdin is None:
                    raise RuntimeError("no pipe")
                process.stdin.write(body)
                process.stdin.close()
                address = f"127.0.0.1:{listener.getsockname()[1]}"
                connection = http.client.HTTPConnection(address, timeout=30)
                connection.request("GET", "/")  # waits in the backlog until the server has started
                connection.getresponse().read()
                yield address
            finally:
                process.kill()


def _serve_bare(listener: socket.socket) -> None:
    import uvicorn

    body = sys.stdin.buffer.read()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]

    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    listener.listen(2_048)
    config = uvicorn.Config(
        app, http="httptools", loop="uvloop", ws="none", lifespan="off", access_log=False, log_config=None,
        server_header=False,
    )  # fmt: skip
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    _serve_bare(socket.socket(fileno=int(sys.argv[1])))
