"""Secrets of forty kinds in every field of what others send; none is found in anything that the service keeps or says.

The service is a process of its own with its own Redis. Searched are: every key of Redis, its append-only file and
everything else in the data folder, every answer, the exports, what it logs, and what it sends over OTLP itself.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import grpc
import httpx
import orjson
import pytest
import redis
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.security.canaries import FURTHER_KINDS, HARMLESS, KINDS, Canaries
from tests.support.otlp.receiver import otlp_receiver
from tests.support.otlp.requests import JSON, PROTOBUF, add_attributes, any_value, as_json, logs, traces
from tests.support.redis.dump import dump
from tests.support.service.grpc_address import grpc_address
from tests.support.service.process import running_service
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = "canaries-have-a-long-token"
KIND_NUMBERS = {kind: number for number, kind in enumerate(KINDS, 1)}
RUNS = {name: f"{number:032x}" for number, name in enumerate(("protobuf", "json", "otlp file", "logs"), 7)}
SPAN = "00f067aa0ba902b7"
TIME_NS = 1_795_308_986_000_000_000


def _span(run_id: str, number: int, plant: Any) -> Span:
    """A failed LLM call with a secret in every field that takes a text."""
    texts = {
        "spantail.kind": "llm_call", "spantail.backend": plant("backend"), "spantail.tier": plant("tier"),
        "gen_ai.request.model": plant("model"), "gen_ai.provider.name": plant("provider"), "spantail.attempt": 2,
        "spantail.fallback.from": plant("fallback from"), "spantail.fallback.reason": plant("fallback reason"),
        "spantail.progress.done": 1, "spantail.progress.message": plant("progress"), "spantail.layer": plant("layer"),
        "spantail.run.name": plant("run name"), "spantail.session.id": plant("session"),
        "spantail.user.id": plant("user"), "error.type": plant("error type"), "gen_ai.conversation.id": plant("talk"),
        "spantail.cost.source": plant("cost source"), "url.full": plant("address"), "list": [plant("list"), 1],
        "map": {"deep": {"er": plant("map")}, plant("key in a map"): 1}, "bytes": plant("bytes").encode(),
        plant("attribute key"): 1, "harmless": list(HARMLESS),
    }  # fmt: skip
    span = Span(
        trace_id=bytes.fromhex(run_id), span_id=number.to_bytes(8), name=plant("name"), start_time_unix_nano=TIME_NS,
        end_time_unix_nano=TIME_NS + 10**9, trace_state=f"vendor={plant('trace state')}"[:500],
        status=Status(code=Status.STATUS_CODE_ERROR, message=plant("status")),
    )  # fmt: skip
    add_attributes(span.attributes, texts)
    for name in (plant("event name"), "exception", "llm_call_fallback"):
        event = span.events.add(name=name, time_unix_nano=TIME_NS + 5)
        add_attributes(event.attributes, {
            "text": plant("event attribute"), "exception.type": plant("exception type"),
            "exception.message": plant("exception"), "exception.stacktrace": plant("traceback"),
        })  # fmt: skip
    link = span.links.add(trace_id=b"\7" * 16, span_id=b"\7" * 8, trace_state=f"v={plant('link state')}"[:500])
    add_attributes(link.attributes, {"text": plant("link attribute")})
    span.links.add(trace_id=b"odd", span_id=plant("odd link").encode())
    return span


def _request(run_id: str, number: int, plant: Any) -> Any:
    resource = {"service.name": plant("service"), "service.version": plant("version"), "host.name": plant("host"),
                "deployment.environment.name": plant("environment"), "service.instance.id": plant("instance"),
                "spantail.runner": plant("runner")}  # fmt: skip
    request = traces(resource, [_span(run_id, number, plant)])
    scope = request.resource_spans[0].scope_spans[0].scope
    scope.name, scope.version = plant("scope"), plant("scope version")
    add_attributes(scope.attributes, {"text": plant("scope attribute")})
    return request


def _log_request(plant: Any) -> Any:
    def record(body: Any, **fields: Any) -> LogRecord:
        made = LogRecord(
            trace_id=bytes.fromhex(RUNS["logs"]), span_id=bytes.fromhex(SPAN), time_unix_nano=TIME_NS, **fields
        )
        made.body.CopyFrom(any_value(body))
        add_attributes(made.attributes, {
            "text": plant("log attribute"), plant("log key"): 1, "exception.message": plant("log exception"),
            "exception.stacktrace": plant("log traceback"), "logger.name": plant("logger"),
        })  # fmt: skip
        return made

    records = [
        record(plant("body")), record({"deep": [plant("body map")], "password": plant("body field")}),
        record([plant("body list")]), record(plant("body"), severity_text=plant("level")[:20]),
        record("x", event_name=plant("event")),
    ]  # fmt: skip
    return logs({"service.name": plant("log service")}, records, plant("log scope"))


def _ndjson(run_id: str, plant: Any) -> bytes:
    head = {"run_id": run_id, "span_id": SPAN, "ts": TIME_NS // 1000}
    words = ("name", "service", "runner", "backend", "tier", "model", "cost_source", "attempt", "fallback_from",
             "fallback_reason", "layer")  # fmt: skip
    event = {
        "seq": 0, **head, "rev": 1, "status": "error", "start": TIME_NS // 1000, "noted": 1, "event": "llm_call_error",
        "parent_id": None, "kind": "llm_call", "end": TIME_NS // 1000 + 5, **{name: plant(name) for name in words},
        "progress": {"done": plant("done"), "total": plant("total"), "message": plant("progress")},
        "attributes": {"text": plant("attribute"), plant("key"): 1, "spantail.layers": [plant("layers")]},
        "span_events": [{"ts": 1, "name": plant("event name"), "attributes": {"text": plant("event attribute")}}],
        "links": [{"run_id": "1" * 32, "span_id": "2" * 16, "attributes": {"text": plant("link attribute")}}],
        "error": {"type": plant("error type"), "message": plant("error"), "traceback": plant("traceback")},
        "abandoned": {"reason": plant("abandoned"), "last_heartbeat": plant("heartbeat")},
        "environment": plant("environment"), "version": plant("version"), "trace_state": plant("trace state"),
        "status_message": plant("status message"), "cost_note": plant("cost note"),
    }  # fmt: skip
    start = {**event, "seq": 0, "event": "llm_call_start", "status": "running", "end": None}
    note = {**start, "seq": 1, "event": plant("event"), "noted": 1}
    log = {"seq": 3, **head, "event": "log", "level": plant("level"), "logger": plant("logger"),
           "message": plant("line"), "service": plant("service"), "runner": plant("runner"),
           "error": {"type": plant("type"), "message": plant("message"), "traceback": plant("trace")}}  # fmt: skip
    run = {"run_id": run_id, "operation": plant("operation"), "name": plant("run name"), "maybe_incomplete": True,
           "dropped": {plant("reason"): 1, "ghp_" + "A1" * 18: 2}}  # fmt: skip
    header = {"format": "spantail.run", "version": 1, "run": run}
    said = {"attributes": {"text": plant("source"), plant("source key"): 1}, "schema_url": plant("schema")}
    sources = [{"source": "r:0", **said}, {"source": "s:0", "name": plant("scope"), "version": plant("of"), **said}]
    event |= {"resource": "0", "scope": "0"}
    lines = (header, *sources, start, note, {**event, "seq": 2}, log)
    return b"\n".join(orjson.dumps(line) for line in lines)


def _ndjson_run(kind: str) -> str:
    return f"{KIND_NUMBERS[kind] + 1_000:032x}"


def _send_all(client: httpx.Client, address: str, canaries: Canaries, kind: str) -> None:
    number = KIND_NUMBERS[kind]

    def at(door: str) -> Any:
        return lambda where: canaries.plant(kind, f"{where} by {door}")

    def taken(answer: httpx.Response) -> None:
        assert answer.status_code == 200, answer.text
        if answer.headers["content-type"] == "application/json":
            assert not answer.json().get("rejected"), answer.text
            assert "partialSuccess" not in answer.text

    taken(
        client.post(
            "/v1/traces",
            content=_request(RUNS["protobuf"], number, at("protobuf")).SerializeToString(),
            headers=PROTOBUF,
        )
    )
    taken(client.post("/v1/traces", content=as_json(_request(RUNS["json"], number, at("JSON"))), headers=JSON))
    taken(client.post("/v1/logs", content=_log_request(at("protobuf")).SerializeToString(), headers=PROTOBUF))
    taken(client.post("/v1/logs", content=as_json(_log_request(at("JSON"))), headers=JSON))
    taken(
        client.post("/api/runs/import", content=as_json(_request(RUNS["otlp file"], number, at("file"))), headers=JSON)
    )
    taken(
        client.post(
            "/api/runs/import",
            content=_ndjson(_ndjson_run(kind), at("NDJSON")),
            headers={"content-type": "application/x-ndjson"},
        )
    )
    with grpc.insecure_channel(address) as channel:
        export: Any = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
        body = _request(RUNS["protobuf"], number + 500, at("gRPC")).SerializeToString()
        export(body, metadata=(("authorization", f"Bearer {TOKEN}"),), timeout=30)


def _answers(client: httpx.Client) -> dict[str, bytes]:
    paths = ["/api/runs", "/api/spend", "/metrics", "/api/search?limit=5", "/api/search/tags", "/api/runs?q=zzz"]
    for run_id in (*RUNS.values(), *map(_ndjson_run, KINDS)):
        paths += [
            f"/api/runs/{run_id}",
            f"/api/logs/{run_id}",
            f"/api/traces/{run_id}",
            f"/api/traces/{run_id}?fields=tree",
        ]
        paths += [f"/api/traces/{run_id}/spans/{2:016x}", f"/runs/{run_id}", f"/api/runs/{run_id}/events"]
        paths += [f"/api/runs/{run_id}/export?format={kind}" for kind in ("otlp", "perfetto", "ndjson")]
    found = {}
    for path in paths:
        with client.stream("GET", path) as answer:
            assert answer.status_code < 500, path
            chunks = answer.iter_bytes()
            found[path] = next(chunks, b"") if path.endswith("/events") else b"".join(chunks)
            found[f"headers of {path}"] = repr(answer.headers.raw).encode()
    return found


def test_no_secret_is_kept_or_said(tmp_path: Path) -> None:
    canaries = Canaries()
    data = tmp_path / "data"
    command = [sys.executable, "-m", "spantail_service", "serve", "--port", "0", "--data-dir", str(data)]
    with otlp_receiver() as received:
        environment = {
            "SPANTAIL_TOKEN": TOKEN, "SPANTAIL_OTLP_GRPC_PORT": "0", "SPANTAIL_MAX_HEAVY_PER_MINUTE": "0",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{received.endpoint}", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
            "OTEL_BSP_SCHEDULE_DELAY": "200", "PYTHONPATH": ":".join(sys.path),
        }  # fmt: skip
        bearer = {"authorization": f"Bearer {TOKEN}"}
        with running_service(command, tmp_path, environment) as service:
            address = grpc_address(lambda: (tmp_path / "output.log").read_text(encoding="utf-8"))
            with httpx.Client(base_url=service.url, headers=bearer, timeout=60) as client:
                for kind in KINDS:
                    _send_all(client, address, canaries, kind)
                for name in ("password", "OpenAI key", "Twilio key"):  # in addresses, headers and bodies of the API
                    secret = canaries.plant(name, "a request")
                    client.get("/api/runs", params={"q": secret, "cursor": secret})
                    client.get("/none/" + secret.replace("/", "_"), headers={"x-api-key": secret, "user-agent": secret})
                    client.post("/api/jobs/search", json={"job_titles": [secret], "results": 1})
                contents = _answers(client)
            stored = dict(dump(f"unix://{next(data.rglob('redis.sock'))}"))
            eventually(lambda: received.batches, what="spans of the service itself")
        sent = b"".join(batch.SerializeToString() for batch in received.batches)
    contents |= stored
    contents |= {str(path): path.read_bytes() for path in data.rglob("*") if path.is_file()}
    contents |= {"output": (tmp_path / "output.log").read_bytes(), "sent over OTLP": sent}

    assert len(canaries) > 5_000, "less was planted than there is to plant"
    assert any("appendonly" in path for path in contents)
    kept = b"".join(stored.values())
    assert kept.count(b"[redacted]") > 500
    for harmless in HARMLESS:
        assert harmless.encode() in kept, f"{harmless} is no secret"
    found = {where: canaries.found_in(content) for where, content in contents.items()}
    assert {where: what[:20] for where, what in found.items() if what} == {}


@pytest.mark.parametrize("kind", [*KINDS, *FURTHER_KINDS])
def test_each_kind_is_known_by_itself(kind: str) -> None:
    from spantail.redaction import Redactor

    canaries = Canaries(KINDS | FURTHER_KINDS)
    for before, after in (("", ""), ("it is ", ", they said"), ('{"a": "', '"}'), ("x\n", "\ny"), ("(", ")")):
        masked = Redactor().text(before + canaries.plant(kind, "a text") + after)
        assert canaries.found_in(masked.encode()) == []


@pytest.mark.parametrize(
    "text",
    ["secret_value_of_the_customer_account", "ops_monthly_reporting_pipeline_v2", "jina_embeddings_v3_base_en",
     "all_pass: 12", "tests-pass=3", "run with --token 5", "--max-tokens 4096", "the --token option", "<token>x",

     "a, secret, b", "if token > limit", "csk-short", "dp.pt.short", "fc-00", "pul-request-of-the-day", "phx_airport",
     "--no-password --verbose", "sq0 is odd", "key%3Dvalue"],
)  # fmt: skip
def test_what_looks_like_one_and_is_none_stays(text: str) -> None:
    from spantail.redaction import Redactor

    assert Redactor().text(text) == text


def test_the_search_would_find_them() -> None:
    canaries = Canaries()
    for kind in KINDS:
        text = canaries.plant(kind, "here")
        assert canaries.found_in(text.encode()) == [f"{kind} in here"]
    with pytest.raises(redis.ConnectionError):
        dict(dump("unix:///nowhere.sock"))
