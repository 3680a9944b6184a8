"""Names that others choose (processes, backends, operations, services) never become a key or a command of their own."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import orjson
import pytest
import redis
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.integration.service.harness import ROOT_SPAN, RUN, START, running_app
from tests.support.otlp.requests import PROTOBUF, add_attributes, logs, traces
from tests.support.redis.keys import odd_keys

NAMES = [
    "{x}:logs", "}{", "a}b{c", "logs:{" + "0" * 32 + "}:meta", "runs:recent", "*", "?", "x\r\nFLUSHALL\r\n",
    "$6\r\nFLUSHALL",
    "x\x00y", " ", "a\nb", "b:claude:nano", ":nano", "w:host:1:1", "'..redis.call('FLUSHALL')..'", "]] return 1 --",
    "%s%n%d",
    "\u2028\u202e", "x" * 5_000, "\U0001f600" * 300, "-1", "1e400", "nan", "next", "epoch", "open", "expected",
]  # fmt: skip


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


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
async def test_a_name_in_a_log_record_is_a_value_and_no_key(new_redis_url: str, name: str) -> None:
    """Starts, updates and heartbeats come as log records, and name processes, parents and reasons."""
    now = START * 1_000

    def record(event: str, attributes: dict[str, Any], *, of_span: bool = True) -> LogRecord:
        made = LogRecord(event_name=event, time_unix_nano=now, flags=1)
        if of_span:
            made.trace_id, made.span_id = bytes.fromhex(RUN), bytes.fromhex(ROOT_SPAN)
        add_attributes(made.attributes, attributes)
        return made

    reported = {
        "spantail.span.name": name, "spantail.span.kind": name, "spantail.span.parent_id": name,
        "spantail.span.start_time_unix_nano": now, "spantail.span.rev": 1, "spantail.layers": [name],
        "spantail.span.events": [{"time_unix_nano": now, "name": name, "attributes": {name: name}}],
        "spantail.span.links": [{"trace_id": name, "span_id": name}], "spantail.backend": name,
    }  # fmt: skip
    beat = {"spantail.runner": name, "spantail.heartbeat.open_spans": 1, "spantail.dropped": {name: 2}}
    records = [
        record("spantail.span.start", reported), record("spantail.span.update", {**reported, "spantail.span.rev": 2}),
        record("spantail.process.heartbeat", beat, of_span=False), record(name, {name: name}),
    ]  # fmt: skip
    async with running_app(new_redis_url) as client:
        for runner in (name, f"{name}:1:1", "host:1:1"):
            request = logs({"service.name": name, "spantail.runner": runner}, records, name)
            answer = await client.post("/v1/logs", content=request.SerializeToString(), headers=PROTOBUF)
            assert answer.status_code == 200, answer.text
        for path in ("/api/runs", f"/api/runs/{RUN}", f"/api/traces/{RUN}", f"/api/logs/{RUN}", "/metrics"):
            assert (await client.get(path)).status_code == 200, path
    assert odd_keys(new_redis_url) == []


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
async def test_a_name_in_an_address_is_no_key(new_redis_url: str, name: str) -> None:
    """Wherever an id of a run or a span, an operation, a job or a tag stands in an address."""
    with redis.Redis.from_url(new_redis_url) as client_:
        before = client_.dbsize()
    async with running_app(new_redis_url) as client:
        word = quote(name[:1_000], safe="")
        for method, path in (
            ("GET", f"/api/runs/{word}"), ("DELETE", f"/api/runs/{word}"), ("POST", f"/api/runs/{word}/pin"),
            ("DELETE", f"/api/runs/{word}/pin"), ("GET", f"/api/runs/{word}/events"), ("GET", f"/api/logs/{word}"),
            ("GET", f"/api/runs/{word}/export?format=otlp"), ("GET", f"/api/traces/{word}"),
            ("GET", f"/api/traces/{RUN}/spans/{word}"), ("POST", f"/api/operations/{word}"),
            ("POST", f"/api/jobs/{word}/generate-annotations"), ("GET", f"/tempo/api/traces/{word}"),
            ("GET", f"/tempo/api/search/tag/{word}/values"), ("GET", f"/api/logs/{RUN}?epoch={word}&since=0"),
            ("GET", f"/api/spend?by={word}"), ("GET", f"/api/runs?environment={word}&version={word}"),
        ):  # fmt: skip
            answer = await client.request(method, path, json={} if method == "POST" else None)
            assert answer.status_code in {200, 202, 204, 400, 404, 405, 409, 422}, (method, path, answer.text)
    assert odd_keys(new_redis_url) == []
    with redis.Redis.from_url(new_redis_url) as client_:
        assert client_.dbsize() <= before + MOST_KEYS_OF_A_SERVICE


MOST_KEYS_OF_A_SERVICE = 30  # with a run of an operation, and what it adds to the sums of its day
