"""Resources and instrumentation scopes: by every way in, once per run, and out again by every way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest
from google.protobuf import json_format  # type: ignore[import-untyped]
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span, TracesData
from opentelemetry.sdk.resources import Resource as SdkResource
from opentelemetry.sdk.trace import TracerProvider

from spantail.attributes import CHANGED
from spantail.live import LiveSpanProcessor
from spantail_exporters.livetail import create_sink
from spantail_exporters.model import keys
from spantail_exporters.otlp import records as key
from tests.integration.service.harness import RUN, START, Writer, running_app
from tests.support.otlp.requests import JSON, PROTOBUF, add_attributes, any_value, as_base64, as_json, logs
from tests.support.runs.live_runs import StoredRun

if TYPE_CHECKING:
    import httpx

ROOT, CHILD, OTHER, BARE = (f"00f067aa0ba902b{digit}" for digit in "789a")
SCHEMA = "https://opentelemetry.io/schemas/1.30.0"
WEB: dict[str, Any] = {
    "service.name": "web", "service.version": "1.4.2", "deployment.environment.name": "test", "host.cpus": 4,
    "process.command_args": ["a", "b"],
}  # fmt: skip
RESOURCE = {"attributes": WEB, "schema_url": SCHEMA, "dropped": 3}
SCOPE = {"name": "lib", "version": "2.0", "attributes": {"mode": "quick"}, "schema_url": SCHEMA + "1", "dropped": 1}
NDJSON = {"content-type": "application/x-ndjson"}


def _span(span_id: str, parent: str | None, start: int = 0) -> Span:
    return Span(
        trace_id=bytes.fromhex(RUN), span_id=bytes.fromhex(span_id), name="work", kind=Span.SPAN_KIND_SERVER,
        parent_span_id=bytes.fromhex(parent) if parent else b"", start_time_unix_nano=(START + start) * 1_000,
        end_time_unix_nano=(START + 100) * 1_000,
    )  # fmt: skip


def _request() -> ExportTraceServiceRequest:
    """Two spans of a whole resource by two scopes, one of another resource without scope, one of nothing."""
    request = ExportTraceServiceRequest()
    web = request.resource_spans.add(schema_url=SCHEMA)
    add_attributes(web.resource.attributes, WEB)
    web.resource.dropped_attributes_count = 3
    by_lib = web.scope_spans.add(schema_url=SCHEMA + "1")
    by_lib.scope.name, by_lib.scope.version, by_lib.scope.dropped_attributes_count = "lib", "2.0", 1
    add_attributes(by_lib.scope.attributes, {"mode": "quick"})
    by_lib.spans.append(_span(ROOT, None))
    plain = web.scope_spans.add()
    plain.scope.name = "plain"
    plain.spans.append(_span(CHILD, ROOT, 1))
    shop = request.resource_spans.add()
    add_attributes(shop.resource.attributes, {"service.name": "shop", "password": "hush"})
    shop.scope_spans.add().spans.append(_span(OTHER, ROOT, 2))
    request.resource_spans.add().scope_spans.add().spans.append(_span(BARE, ROOT, 3))
    return request


def _assert_stored(run: StoredRun) -> None:
    assert run.come_from(ROOT) == (RESOURCE, SCOPE)
    assert run.come_from(CHILD) == (RESOURCE, {"name": "plain"})
    shop = {"attributes": {"service.name": "shop", "password": "[redacted]"}, "changed": ["password"]}
    assert run.come_from(OTHER) == (shop, None)
    assert run.come_from(BARE) == (None, None)
    assert {"resource", "scope"}.isdisjoint(run.spans[BARE])
    assert len(run.sources) == 4, "once per run, not per span"
    for event in run.events:
        names = list(event)
        if "resource" in names:
            assert names.index("resource") < names.index("attributes")


async def _post(client: httpx.AsyncClient, path: str, content: bytes, headers: dict[str, str]) -> None:
    answer = await client.post(path, content=content, headers=headers)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("way", ["protobuf", "json", "import"])
async def test_every_way_in(new_redis_url: str, way: str) -> None:
    request = _request()
    async with running_app(new_redis_url) as client:
        match way:
            case "protobuf":
                await _post(client, "/v1/traces", request.SerializeToString(), PROTOBUF)
            case "json":
                await _post(client, "/v1/traces", as_json(request), JSON)
            case _:
                await _post(client, "/api/runs/import", as_json(request), JSON)
    _assert_stored(StoredRun(new_redis_url, RUN))


async def test_what_is_remembered_of_earlier_requests_is_the_same(new_redis_url: str) -> None:
    """Groups are known again by their bytes; nothing that differs in any of them is mixed up."""
    first = _request()
    second = _request()
    second.resource_spans[0].schema_url = "other"
    second.resource_spans[0].scope_spans[0].scope.version = "2.1"
    del second.resource_spans[0].scope_spans[1:], second.resource_spans[1:]
    third = _request()
    del third.resource_spans[0].scope_spans[1:], third.resource_spans[1:]
    third.resource_spans[0].scope_spans[0].schema_url = ""
    run_ids = ["1" * 32, "2" * 32]
    for request, run_id in zip((second, third), run_ids, strict=True):
        request.resource_spans[0].scope_spans[0].spans[0].trace_id = bytes.fromhex(run_id)
    async with running_app(new_redis_url) as client:
        for request in (first, second, third, first, second, third):
            await _post(client, "/v1/traces", request.SerializeToString(), PROTOBUF)
            await _post(client, "/v1/traces", as_json(request), JSON)
    _assert_stored(StoredRun(new_redis_url, RUN))
    assert StoredRun(new_redis_url, run_ids[0]).come_from(ROOT) == (
        {**RESOURCE, "schema_url": "other"}, {**SCOPE, "version": "2.1"},
    )  # fmt: skip
    assert StoredRun(new_redis_url, run_ids[1]).come_from(ROOT) == (
        RESOURCE, {name: held for name, held in SCOPE.items() if name != "schema_url"},
    )  # fmt: skip


async def test_every_way_out(new_redis_url: str) -> None:
    async with running_app(new_redis_url) as client:
        await _post(client, "/v1/traces", _request().SerializeToString(), PROTOBUF)
        stored = StoredRun(new_redis_url, RUN)
        for fields in ("all", "tree"):
            snapshot = (await client.get(f"/api/traces/{RUN}", params={"fields": fields})).json()
            spans = {span["span_id"]: span for span in snapshot["spans"]}
            assert snapshot["resources"][spans[ROOT]["resource"]] == RESOURCE
            assert snapshot["scopes"][spans[ROOT]["scope"]] == SCOPE
            assert (len(snapshot["resources"]), len(snapshot["scopes"])) == (2, 2)
        one = (await client.get(f"/api/traces/{RUN}/spans/{ROOT}")).json()
        assert (one["resource_details"], one["scope_details"]) == (RESOURCE, SCOPE)

        for query in ("resource.host.cpus = 4", 'instrumentation:name = "lib"', 'instrumentation.mode = "quick"'):
            found = await client.get("/tempo/api/search", params={"q": f"{{ {query} }}"})
            assert [trace["traceID"] for trace in found.json()["traces"]] == [RUN], query
        tempo = TracesData.FromString(
            (await client.get(f"/tempo/api/traces/{RUN}", headers={"accept": "application/protobuf"})).content
        )
        otlp = (await client.get(f"/api/runs/{RUN}/export?format=otlp")).content
        ndjson = (await client.get(f"/api/runs/{RUN}/export?format=ndjson")).content
        wanted = _described(_request())
        assert _described(tempo) == {
            span_id: (_named(resource), scope) for span_id, (resource, scope) in wanted.items()
        }
        assert _described(_parsed(otlp)) == wanted
        for file, headers in ((otlp, JSON), (ndjson, NDJSON)):
            assert (await client.delete(f"/api/runs/{RUN}")).status_code == 204
            assert StoredRun(new_redis_url, RUN).sources == {}
            await _post(client, "/api/runs/import", file, headers)
            again = StoredRun(new_redis_url, RUN)
            _assert_stored(again)
            assert again.sources == stored.sources


def _parsed(body: bytes) -> TracesData:
    return json_format.ParseDict(as_base64(orjson.loads(body)), TracesData())  # type: ignore[no-any-return]


def _described(request: Any) -> dict[str, tuple[Any, Any]]:
    """Of each span what is said of its resource and its scope; a password is masked, and the mark says so."""
    found: dict[str, tuple[Any, Any]] = {}
    for group in request.resource_spans:
        held = {pair.key: pair.value for pair in group.resource.attributes}
        if "password" in held and CHANGED not in held:
            held["password"].string_value = "[redacted]"
            add_attributes(group.resource.attributes, {CHANGED: ["password"]})
        group.resource.attributes.sort(key=lambda pair: pair.key)  # the order means nothing
        resource = json_format.MessageToDict(group.resource), group.schema_url
        for part in group.scope_spans:
            scope = json_format.MessageToDict(part.scope), part.schema_url
            found |= {span.span_id.hex(): (resource, scope) for span in part.spans}
    return found


def _named(resource: tuple[dict[str, Any], str]) -> tuple[dict[str, Any], str]:
    """Tempo's answers name a service always."""
    held, schema = resource
    unknown = [{"key": "service.name", "value": {"stringValue": "unknown_service"}}]
    return held or {"attributes": unknown}, schema


async def test_runs_are_found_by_what_otlp_said(new_redis_url: str) -> None:
    async with running_app(new_redis_url) as client:
        await _post(client, "/v1/traces", _request().SerializeToString(), PROTOBUF)
        for params, count in (
            ({"environment": "test"}, 1), ({"version": "1.4.2"}, 1), ({"environment": "test", "version": "1"}, 0),
        ):  # fmt: skip
            runs = (await client.get("/api/runs", params=params)).json()["runs"]
            assert len(runs) == count, params
        run = (await client.get(f"/api/runs/{RUN}")).json()
        facets = (await client.get("/api/runs/facets")).json()
    assert (run["environment"], run["version"]) == ("test", "1.4.2")
    assert facets["environments"] == [{"name": "test", "runs": 1}]
    assert facets["versions"] == [{"name": "1.4.2", "runs": 1}]


async def test_runs_are_found_by_what_the_sdk_said(new_redis_url: str) -> None:
    provider = TracerProvider(resource=SdkResource(WEB), shutdown_on_exit=False)
    provider.add_span_processor(LiveSpanProcessor(create_sink(new_redis_url)))
    with provider.get_tracer("lib", "2.0").start_as_current_span("root") as root:
        pass
    provider.shutdown()
    run_id = f"{root.get_span_context().trace_id:032x}"
    async with running_app(new_redis_url) as client:
        for params in ({"environment": "test"}, {"version": "1.4.2"}):
            assert [run["run_id"] for run in (await client.get("/api/runs", params=params)).json()["runs"]] == [run_id]
        assert (await client.get("/api/runs", params={"version": "1"})).json()["runs"] == []
        snapshot = (await client.get(f"/api/traces/{run_id}")).json()
    (span,) = snapshot["spans"]
    assert snapshot["resources"] == {span["resource"]: {"attributes": WEB}}
    assert snapshot["scopes"] == {span["scope"]: {"name": "lib", "version": "2.0"}}


async def test_starts_and_log_lines_say_it_too(new_redis_url: str) -> None:
    said = {key.SPAN_NAME: "work", key.SPAN_KIND: "client", key.SPAN_START: START * 1_000, key.SPAN_REV: 1}
    start = LogRecord(
        trace_id=bytes.fromhex(RUN), span_id=bytes.fromhex(ROOT), flags=1, event_name=key.EVENT_START,
        time_unix_nano=START * 1_000,
    )  # fmt: skip
    add_attributes(start.attributes, said)
    line = LogRecord(
        trace_id=bytes.fromhex(RUN), span_id=bytes.fromhex(ROOT), flags=1, body=any_value("hello"),
        time_unix_nano=START * 1_000,
    )  # fmt: skip
    request = logs(WEB, [start, line], scope="lib")
    request.resource_logs[0].schema_url = SCHEMA
    request.resource_logs[0].scope_logs[0].scope.version = "2.0"
    async with running_app(new_redis_url) as client:
        await _post(client, "/v1/logs", request.SerializeToString(), PROTOBUF)
    run = StoredRun(new_redis_url, RUN)
    assert run.come_from(ROOT) == ({"attributes": WEB, "schema_url": SCHEMA}, {"name": "lib", "version": "2.0"})
    assert run.spans[ROOT]["span_kind"] == "client"
    (reported,) = [event for event in run.events if event["event"] == "log"]
    assert (reported["resource"], reported["scope"]) == (run.spans[ROOT]["resource"], run.spans[ROOT]["scope"])


async def test_the_tables_live_and_die_with_their_run(new_redis_url: str) -> None:
    body = _request().SerializeToString()
    names = keys.run_keys(RUN)
    async with running_app(new_redis_url) as client:
        with Writer(new_redis_url) as writer:
            await _post(client, "/v1/traces", body, PROTOBUF)
            assert 0 < writer.redis.ttl(names.sources) <= 6 * 3600
            assert (await client.post(f"/api/runs/{RUN}/pin")).status_code == 204
            assert writer.redis.ttl(names.sources) == -1
            await _post(client, "/v1/traces", body, PROTOBUF)
            assert writer.redis.ttl(names.sources) == -1
            assert (await client.delete(f"/api/runs/{RUN}/pin")).status_code == 204
            assert 0 < writer.redis.ttl(names.sources) <= 6 * 3600
            writer.redis.flushdb()
            await _post(client, "/v1/traces", body, PROTOBUF)
            _assert_stored(StoredRun(new_redis_url, RUN))
            assert (await client.delete(f"/api/runs/{RUN}")).status_code == 204
            assert not writer.redis.exists(names.sources)


async def test_what_cannot_be_read_says_nothing(new_redis_url: str) -> None:
    """The spans are taken all the same, and it is counted."""
    request = {
        "resourceSpans": [
            {"resource": {"attributes": [{"key": 1}]}, "schemaUrl": 7, "scopeSpans": [
                {"scope": {"name": 5}, "spans": [_json_span(ROOT)]},
                {"scope": {"name": "lib"}, "schemaUrl": "x", "spans": [_json_span(CHILD)]},
            ]},
        ]
    }  # fmt: skip
    async with running_app(new_redis_url) as client:
        await _post(client, "/v1/traces", orjson.dumps(request), JSON)
        app: Any = client.app  # type: ignore[attr-defined]
        counts = app.state.services.receiver.counts
    run = StoredRun(new_redis_url, RUN)
    assert run.come_from(ROOT) == (None, None)
    assert run.come_from(CHILD) == (None, {"name": "lib", "schema_url": "x"})
    assert {name: count for name, count in counts.items() if "unreadable" in name} == {
        "traces.passed_over.resource_unreadable": 1, "traces.passed_over.scope_unreadable": 1,
    }  # fmt: skip


def _json_span(span_id: str) -> dict[str, Any]:
    return {"traceId": RUN, "spanId": span_id, "name": "x", "startTimeUnixNano": str(START * 1_000),
            "endTimeUnixNano": str(START * 1_000)}  # fmt: skip
