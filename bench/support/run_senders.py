"""Whoever sends finished runs of 100 spans, over HTTP and over gRPC, as part of a crowd."""

from __future__ import annotations

import asyncio
import gzip
import time
from collections import Counter, deque
from typing import TYPE_CHECKING, Final

import grpc
import redis.asyncio

from bench.support.http_client import Connection
from bench.support.otlp_requests import make_requests
from bench.support.workload import SPANS_PER_RUN
from spantail_exporters.model import keys

if TYPE_CHECKING:
    from collections.abc import Callable

REQUESTS_PER_S: Final = 5
"""Over each of both, a run each: 1,000 spans/s."""
_RUN_KEPT_S: Final = 60  # a run's data goes so long after it came: hours in a minute
_TIMEOUT_S: Final = 15.0
_GRPC_TRACES: Final = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


class Senders:
    """Both of them. `counts` says what they sent, and `runs` has the ids of the last runs."""

    def __init__(self, address: str, grpc_port: int, redis_url: str, token: str) -> None:
        self.counts: Counter[str] = Counter()
        self.runs: deque[str] = deque(maxlen=200)
        self._host, port = address.rsplit(":", 1)
        self._port = int(port)
        self._grpc_port = grpc_port
        self._redis_url = redis_url
        self._token = token
        self._seeds = iter(range(10**9))

    async def over_http(self) -> None:
        """Send without end, every other request gzipped."""
        async with (
            Connection(self._host, self._port, self._token) as connection,
            redis.asyncio.Redis.from_url(self._redis_url) as client,
        ):
            while True:
                begun = time.monotonic()
                for number in range(REQUESTS_PER_S):
                    body, run = self._request()
                    headers = "Content-Type: application/x-protobuf\r\n"
                    if number % 2:
                        body, headers = gzip.compress(body, 1), headers + "Content-Encoding: gzip\r\n"
                    connection.send("POST", "/v1/traces", f"{headers}Content-Length: {len(body)}\r\n", body)
                    async with asyncio.timeout(_TIMEOUT_S):
                        status, _ = await connection.answer()
                    self.counts[f"answers {status}"] += 1
                    await self._let_expire(client, run)
                await asyncio.sleep(max(0.0, 1 - (time.monotonic() - begun)))

    async def over_grpc(self) -> None:
        """Send without end."""
        metadata = (("authorization", f"Bearer {self._token}"),)
        async with redis.asyncio.Redis.from_url(self._redis_url) as client:
            with grpc.insecure_channel(f"{self._host}:{self._grpc_port}") as channel:
                export: Callable[..., bytes] = channel.unary_unary(_GRPC_TRACES)
                while True:
                    begun = time.monotonic()
                    for _ in range(REQUESTS_PER_S):
                        body, run = self._request()
                        await asyncio.to_thread(export, body, timeout=_TIMEOUT_S, metadata=metadata)
                        self.counts["requests over gRPC"] += 1
                        await self._let_expire(client, run)
                    await asyncio.sleep(max(0.0, 1 - (time.monotonic() - begun)))

    def _request(self) -> tuple[bytes, str]:
        """One run in one request."""
        bodies, run = make_requests(next(self._seeds), SPANS_PER_RUN, SPANS_PER_RUN)
        self.counts["spans"] += SPANS_PER_RUN
        return bodies[0], run

    async def _let_expire(self, client: redis.asyncio.Redis, run: str) -> None:
        self.runs.append(run)
        pipe = client.pipeline(transaction=False)
        for key in keys.run_keys(run):
            pipe.expire(key, _RUN_KEPT_S)
        await pipe.execute()
