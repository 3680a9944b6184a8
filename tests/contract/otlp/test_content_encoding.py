"""How bodies may be packed: gzip, whole and right to its last byte; anything else is refused in plain words."""

from __future__ import annotations

import gzip

import orjson
import pytest

from tests.integration.service.harness import ROOT_SPAN, RUN, START, running_app
from tests.support.otlp.requests import JSON
from tests.support.runs.live_runs import StoredRun

SPAN = {"traceId": RUN, "spanId": ROOT_SPAN, "name": "x", "startTimeUnixNano": str(START * 1_000)}
TRACES = orjson.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [SPAN]}]}]})
RECORD = {"traceId": RUN, "spanId": ROOT_SPAN, "flags": 1}
LOGS = orjson.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": [RECORD]}]}]})
WAYS = {"/v1/traces": TRACES, "/v1/logs": LOGS, "/api/runs/import": TRACES}
ways = pytest.mark.parametrize("path", WAYS)


@ways
async def test_gzip_that_is_not_whole_is_never_taken(new_redis_url: str, path: str) -> None:
    zipped = gzip.compress(WAYS[path], mtime=0)
    head, crc, size = zipped[:-8], zipped[-8:-4], zipped[-4:]
    wrong = [zipped[:cut] for cut in range(len(zipped))]
    wrong += [zipped + more for more in (b"x", b"\x1f\x8b", zipped[:-1], b"\0" * 20)]
    wrong += [head + bytes([crc[0] ^ 1]) + crc[1:] + size, head + crc + bytes([size[0] ^ 1]) + size[1:]]
    async with running_app(new_redis_url) as client:
        for body in wrong:
            answer = await client.post(path, content=body, headers={**JSON, "content-encoding": "gzip"})
            assert answer.status_code == 400, (body[-20:], answer.text)
            assert "gzip" in answer.text
    assert not StoredRun(new_redis_url, RUN).meta


@ways
@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", " GZip ", "identity, gzip", "identity", "", ","])
async def test_what_is_taken(new_redis_url: str, path: str, encoding: str) -> None:
    body = gzip.compress(WAYS[path]) if "gzip" in encoding.lower() else WAYS[path]
    async with running_app(new_redis_url) as client:
        answer = await client.post(path, content=body, headers={**JSON, "content-encoding": encoding})
        assert answer.status_code == 200, answer.text
    assert StoredRun(new_redis_url, RUN).names()


@ways
@pytest.mark.parametrize("encoding", ["gzip, gzip", "deflate", "br", "zstd", "gzip;q=1", "compress", "x" * 5_000, "ü"])
async def test_what_is_not_taken(new_redis_url: str, path: str, encoding: str) -> None:
    async with running_app(new_redis_url) as client:
        for headers in (
            [("content-encoding", encoding)],
            [("content-encoding", part) for part in encoding.split(", ")],
        ):
            said = [*JSON.items(), *((name, value.encode("latin-1")) for name, value in headers)]
            answer = await client.post(path, content=gzip.compress(WAYS[path]), headers=said)  # type: ignore[arg-type]
            assert answer.status_code == 415, answer.text
            assert "must be gzip (once) or identity" in answer.text
