"""Requests that no service takes: as bytes, and as method, path, header lines and body. `noise` is 300 bytes of it."""

from __future__ import annotations

from typing import Final

from bench.support.http_client import request

UNKNOWN_RUN: Final = "f" * 32
_PROTOBUF: Final = "Content-Type: application/x-protobuf\r\n"
_JSON: Final = "Content-Type: application/json\r\n"


def refused(noise: bytes) -> list[tuple[str, str, str, bytes]]:
    """Requests that are HTTP, and wrong."""
    return [
        ("POST", "/v1/traces", _PROTOBUF, noise), ("POST", "/v1/logs", _JSON, b'{"resourceLogs":[{"x"'),
        ("POST", "/v1/traces", _PROTOBUF + "Content-Encoding: gzip\r\n", noise),
        ("POST", "/v1/traces", _JSON, b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"1"}]}]}]}'),
        ("POST", "/api/runs/import", "Content-Type: application/x-ndjson\r\n", noise.hex().encode()),
        ("POST", "/api/jobs/search", _JSON, b"{}"), ("GET", f"/api/logs/{UNKNOWN_RUN}?since=1", "", b""),
        ("GET", f"/api/logs/{noise.hex()}", "", b""), ("GET", f"/api/traces/{noise[:16].hex()}", "", b""),
        ("PUT", "/api/runs", "", b""), ("GET", f"/{noise.hex()}?{noise.hex()}", "", b""),
    ]  # fmt: skip


def broken(noise: bytes, address: str, token: str) -> list[bytes]:
    """What is no HTTP, names another host, has another token, or does not end."""
    return [
        noise, b"GET / HTTP/1.1\r\n\r\n", request("GET", "/api/runs", "evil.example", token),
        request("GET", "/api/runs", address, noise.hex()),
        request("POST", "/v1/traces", address, token, f"{_PROTOBUF}Content-Length: 5000\r\n"),
        request("GET", f"/api/runs/{noise[:16].hex()}/events", address, token),
    ]  # fmt: skip
