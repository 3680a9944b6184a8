"""Names that others choose (processes, backends, operations, services) never become a key or a command of their own."""

from __future__ import annotations

import re
from typing import Any

import orjson
import pytest
import redis
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.integration.service.harness import ROOT_SPAN, RUN, START, running_app
from tests.support.otlp_requests import PROTOBUF, add_attributes, traces

NAMES = [
    "{x}:logs", "}{", "a}b{c", "logs:{" + "0" * 32 + "}:meta", "runs:recent", "*", "?", "x\r\nFLUSHALL\r\n",
    "$6\r\nFLUSHALL",
    "x\x00y", " ", "a\nb", "b:claude:nano", ":nano", "w:host:1:1", "'..redis.call('FLUSHALL')..'", "]] return 1 --",
    "%s%n%d",
    "\u2028\u202e", "x" * 5_000, "\U0001f600" * 300, "-1", "1e400", "nan", "next", "epoch", "open", "expected",
]  # fmt: skip
OURS = re.compile(
    rb"logs:\{[0-9a-f]{32}\}:(?:buffer|spans|meta|layers|wraps|sources|came:[0-9a-f]+)|run:\{[0-9a-f]{32}\}|runs:\w+"
    rb"|\{runs:recent\}:(?:facts|operations|expired|pinned|changes|unbooked|status:[a-z]+|operation:[0-9a-f]{20})"
    rb"|\{spend\}:(?:lease|day:[0-9-]+|run:[0-9a-f]{32})|reaper:lease|runners:seen|runner:[\w.-]+:\d+:\d+(?::runs)?"
    rb"|sessions:ended"
)


def odd_keys(url: str) -> list[bytes]:
    """Every key that is none of those that the design names."""
    with redis.Redis.from_url(url) as client:
        return [key for key in client.scan_iter() if not OURS.fullmatch(key)]


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
async def test_a_name_over_otlp_is_a_value_and_no_key(new_redis_url: str, name: str) -> None:
    span = Span(
        trace_id=bytes.fromhex(RUN), span_id=bytes.fromhex(ROOT_SPAN), name=name, start_time_unix_nano=START * 1000,
        end_time_unix_nano=START * 1000 + 5_000_000,
    )  # fmt: skip
    add_attributes(span.attributes, {
        "spantail.kind": "llm_call", "spantail.backend": name, "spantail.fallback.from": name,
        "gen_ai.usage.input_tokens": 5,
        "spantail.layers": [name], "spantail.layer": name, "gen_ai.request.model": name, name: name,
    })  # fmt: skip
    async with running_app(new_redis_url) as client:
        for runner in (name, f"{name}:1:1", f"{{{name}}}:1:1"):
            request = traces({"service.name": name, "spantail.runner": runner}, [span])
            answer = await client.post("/v1/traces", content=request.SerializeToString(), headers=PROTOBUF)
            assert answer.status_code == 200
        run = (await client.get(f"/api/runs/{RUN}")).json()
        assert len(run["backends"]) <= 2  # itself, and what it fell back from
        assert sum(held["calls"] for held in run["backends"].values()) == 1
        assert sum(held["tokens"]["input"] for held in run["backends"].values()) == 5
        for path in ("/api/runs", f"/api/traces/{RUN}", f"/api/logs/{RUN}", "/api/spend", "/metrics"):
            assert (await client.get(path)).status_code == 200, path
        for query in ("operation", "service", "backend", "q", "status", "cursor"):
            assert (await client.get("/api/runs", params={query: name})).status_code in (200, 400, 422), query
        for path in ("/api/runs/", "/api/logs/", "/api/traces/"):
            assert (await client.get(path + RUN[:-1] + "%7D%0A")).status_code in (400, 404, 422)
    assert odd_keys(new_redis_url) == []


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
async def test_a_name_in_a_file_is_a_value_and_no_key(new_redis_url: str, name: str) -> None:
    word = name[:1_000]
    event: dict[str, Any] = {
        "seq": 0, "rev": 1, "status": "running", "start": START, "noted": 0, "ts": START, "event": "llm_call_start",
        "run_id": RUN, "span_id": ROOT_SPAN, "parent_id": None, "name": name, "kind": "llm_call", "end": None,
        "service": word, "runner": word, "backend": word, "tier": word, "model": word, "layer": word,
        "fallback_from": word,
    }  # fmt: skip
    summary = {"run_id": RUN, "operation": name, "dropped": {name: 1}}
    body = b"\n".join(orjson.dumps(one) for one in ({"format": "spantail.run", "version": 1, "run": summary}, event))
    async with running_app(new_redis_url) as client:
        answer = await client.post("/api/runs/import", content=body, headers={"content-type": "application/x-ndjson"})
        assert answer.status_code == 200, answer.text
        assert (await client.get(f"/api/runs/{RUN}")).status_code == 200
        assert (await client.delete(f"/api/runs/{RUN}")).status_code == 409  # it is running
    assert odd_keys(new_redis_url) == []
