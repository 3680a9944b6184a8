"""`/tempo`: Tempo's HTTP API over real runs, those that go on included."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

import spantail
from spantail_exporters.model import keys
from spantail_service.tempo import recent, regex, search
from spantail_service.tempo.schemas import TempoSearch
from spantail_service.tempo.tags import Value
from tests.integration.service.harness import OTHER_RUN, ROOT_SPAN, RUN, START, Writer, running_app
from tests.support.cpu_time import cpu_s

if TYPE_CHECKING:
    import httpx

PROTOBUF = {"accept": "application/protobuf"}
CALL = "00f067aa0ba902b8"
SHORT_ID = "0000000000000000a3ce929d0e0e4736"
GONE = "0af7651916cd43dd8448eb211c80319d"
UNKNOWN = "0af7651916cd43dd8448eb211c80319e"
SECOND = 1_000_000


def _call(writer: Writer, run_id: str, **fields: Any) -> None:
    attributes = {"gen_ai.request.model": "gpt-4o", "tokens": 42, "ratio": 0.5, "cached": True, "tags": ["x", "y"]}
    writer.span(
        run_id, CALL, **{"parent_id": ROOT_SPAN, "name": "chat gpt-4o", "kind": "llm_call", "start": START + SECOND,
                         "end": START + 3 * SECOND, "attributes": attributes, "account": "0 0 1 2 3 x\n", **fields}
    )  # fmt: skip


def _runs(writer: Writer) -> None:
    """The newest goes on, then one that took 5 s and failed in part, then a short one with a short id."""
    writer.span(SHORT_ID, start=START - 100 * SECOND, end=START - 99 * SECOND, name="import", service="importer")
    writer.span(RUN, end=START + 5 * SECOND, runner="host:1:2")
    _call(writer, RUN, status="error", error={"type": "E", "message": "rate limited"})
    writer.span(OTHER_RUN, start=START + 10 * SECOND)


async def _search(client: httpx.AsyncClient, **params: Any) -> Any:
    answer = await client.get("/tempo/api/search", params=params)
    assert answer.status_code == 200, answer.text
    TempoSearch.model_validate_json(answer.content)
    return answer.json()


async def _found(client: httpx.AsyncClient, **params: Any) -> list[str]:
    return [trace["traceID"] for trace in (await _search(client, **params))["traces"]]


def _of_query(query: str) -> dict[str, str]:
    return {"q": f"{{ {query} }}"}


# ------------------------------------------------------------------------------------------------------------ a trace


async def test_a_live_operation_is_a_trace_while_it_runs_and_after(new_redis_url: str) -> None:
    """What Grafana's backend does: protobuf, the second version of the route first."""
    go_on, run_ids = threading.Event(), []
    async with running_app(new_redis_url) as client:
        app: Any = client.app  # type: ignore[attr-defined]
        flush = app.state.services.launcher._flush
        flushed = asyncio.Event()
        loop = asyncio.get_running_loop()

        def work() -> None:
            with spantail.operation("live search", root=True) as scope:
                run_ids.append(scope.run_id)
                with spantail.layer("fetch"):
                    pass
                flush(5.0)
                loop.call_soon_threadsafe(flushed.set)
                go_on.wait(20)
            flush(5.0)

        working = asyncio.create_task(asyncio.to_thread(work))
        try:
            await asyncio.wait_for(flushed.wait(), 20)
            spans = await _spans_of(client, run_ids[0])
            assert {name: _text(span, "spantail.status") for name, span in spans.items()} == {
                "live search": "running", "fetch": "",
            }  # fmt: skip
            assert spans["live search"].end_time_unix_nano >= spans["fetch"].end_time_unix_nano
            assert await _found(client, **_of_query('span.spantail.status = "running" && name = "live search"'))
        finally:
            go_on.set()
            await working
        spans = await _spans_of(client, run_ids[0])
        assert not any(_text(span, "spantail.status") for span in spans.values())
        assert not await _found(client, **_of_query('span.spantail.status = "running"'))


async def _spans_of(client: httpx.AsyncClient, run_id: str) -> dict[str, Any]:
    answer = await client.get(f"/tempo/api/v2/traces/{run_id}", headers=PROTOBUF)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/protobuf")
    plain = await client.get(f"/tempo/api/traces/{run_id}", headers=PROTOBUF)
    trace = TracesData.FromString(plain.content)
    assert answer.content.endswith(plain.content[-100:])  # wrapped as its last field
    assert {span.trace_id.hex() for one in trace.resource_spans for span in one.scope_spans[0].spans} == {run_id}
    assert all(one.resource.attributes[0].key == "service.name" for one in trace.resource_spans)
    return {span.name: span for one in trace.resource_spans for span in one.scope_spans[0].spans}


def _text(span: Any, key: str) -> str:
    return next((pair.value.string_value for pair in span.attributes if pair.key == key), "")


async def test_json_and_packing(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        _runs(writer)
        for n in range(20):
            writer.span(RUN, f"{n + 1:016x}", parent_id=ROOT_SPAN, end=START + n, runner="host:1:2")
    async with running_app(redis_url) as client:
        answer = await client.get(f"/tempo/api/traces/{RUN}", headers={"accept-encoding": "gzip"})
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.headers["vary"] == "accept, accept-encoding"
        assert answer.headers["cache-control"] == "no-store"
        batches = answer.json()["batches"]
        assert sorted(len(batch["scopeSpans"][0]["spans"]) for batch in batches) == [1, 21]  # one for each source
        second = (await client.get(f"/tempo/api/v2/traces/{RUN}", headers={"accept": "*/*"})).json()
        assert second["trace"]["resourceSpans"] == batches


async def test_some_spans_of_a_trace(redis_url: str) -> None:
    step, other = "00000000000000aa", "00000000000000bb"
    with Writer(redis_url) as writer:
        writer.span(RUN, end=START + 9)
        writer.span(RUN, step, parent_id=ROOT_SPAN, end=START + 8, name="step")
        writer.span(RUN, other, parent_id=ROOT_SPAN, end=START + 8, name="step")
        _call(writer, RUN, parent_id=step, status="error", error={"type": "E", "message": "rate limited"})
    async with running_app(redis_url) as client:

        async def names(version: str = "v2/traces", **params: Any) -> list[str]:
            answer = await client.get(f"/tempo/api/{version}/{RUN}", params=params, headers=PROTOBUF)
            assert answer.status_code == 200, answer.text
            whole = (await client.get(f"/tempo/api/{version}/{RUN}", params=params)).json()
            batches = whole["batches"] if version == "traces" else whole["trace"]["resourceSpans"]
            return [span["name"] for batch in batches for part in batch["scopeSpans"] for span in part["spans"]]

        everything = ["job search", "step", "step", "chat gpt-4o"]
        for nothing in ("", "{}", "{ true }"):
            assert await names(q=nothing) == everything
        assert await names(q="{ status = error }") == ["job search", "step", "chat gpt-4o"]
        assert await names(q="{ status = error }", keep_hierarchy="false") == ["chat gpt-4o"]
        assert await names(q='{ trace:rootName = "job search" && name = "step" }', keep_hierarchy="false") == [
            "step", "step",
        ]  # fmt: skip
        assert await names(q='{ name = "nothing" }') == []
        assert await names("traces", q="{ status = error }") == everything  # the first version takes no filter
        refused = await client.get(f"/tempo/api/v2/traces/{RUN}", params={"q": "{ status = error } | count() > 1"})
        assert (refused.status_code, refused.json()["type"]) == (400, "urn:spantail:problem:traceql-not-understood")


async def test_which_ids_are_found(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        _runs(writer)
        writer.span(GONE)
        writer.redis.delete(*keys.run_keys(GONE))
        writer.lines(UNKNOWN, 1)  # a run of log lines only
    expected = {
        RUN: 200, RUN.upper(): 200, SHORT_ID: 200, SHORT_ID.lstrip("0"): 200,
        GONE: 404, UNKNOWN: 404, "1": 404, "0": 404, "0" * 32: 404,
        "g": 400, RUN + "0": 400, "*": 400, "{x}": 400,
    }  # fmt: skip
    async with running_app(redis_url) as client:
        for version in ("", "v2/"):
            for trace_id, status in expected.items():
                answer = await client.get(f"/tempo/api/{version}traces/{trace_id}", headers=PROTOBUF)
                assert answer.status_code == status, trace_id
                if status >= 400:
                    assert answer.headers["content-type"] == "application/problem+json"
                    assert answer.json()["detail"]


# ------------------------------------------------------------------------------------------------------------- search


async def test_an_answer_in_tempos_shape(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        _runs(writer)
    async with running_app(redis_url) as client:
        body = await _search(client, **_of_query('status = error && .tokens > 40 && name =~ "chat.*"'))
    call = {
        "spanID": CALL, "name": "chat gpt-4o", "startTimeUnixNano": str((START + SECOND) * 1_000),
        "durationNanos": "2000000000",
        "attributes": [{"key": "status", "value": {"stringValue": "error"}},
                       {"key": "tokens", "value": {"intValue": "42"}}],
    }  # fmt: skip
    found = {"spans": [call], "matched": 1}
    assert body["traces"] == [{
        "traceID": RUN, "rootServiceName": "test", "rootTraceName": "job search", "durationMs": 5_000,
        "startTimeUnixNano": str(START * 1_000), "spanSet": found, "spanSets": [found],
    }]  # fmt: skip
    metrics = body["metrics"]
    assert (metrics["inspectedTraces"], metrics["totalJobs"], metrics["completedJobs"]) == (3, 3, 3)
    assert int(metrics["inspectedBytes"]) > 500


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({}, [OTHER_RUN, RUN, SHORT_ID]),
        ({"q": "{}"}, [OTHER_RUN, RUN, SHORT_ID]),
        ({"limit": 2}, [OTHER_RUN, RUN]),
        (_of_query('span.spantail.status = "running"'), [OTHER_RUN]),
        (_of_query('resource.service.name = "importer"'), [SHORT_ID]),
        (_of_query('resource.service.name =~ "imp.*|other"'), [SHORT_ID]),
        (_of_query('rootName = "import"'), [SHORT_ID]),
        (_of_query('statusMessage = "rate limited"'), [RUN]),
        (_of_query("traceDuration > 4s && duration < 3s"), [RUN]),
        (_of_query('resource.spantail.runner = "host:1:2"'), [RUN]),
        (_of_query('.tags = "y" && .cached = true && .ratio <= 0.5'), [RUN]),
        (_of_query(f'trace:id = "{RUN}"'), [RUN]),
        ({"tags": "service.name=IMP"}, [SHORT_ID]),
        ({"tags": "gen_ai.request.model=4o error=true"}, [RUN]),
        ({"tags": "name=chat", "minDuration": "6s"}, []),
        ({"maxDuration": "2s"}, [SHORT_ID]),
        ({"minDuration": "2s", "maxDuration": "10s", "tags": "name=chat"}, [RUN]),
        (_of_query('name = "nothing"'), []),
    ],
)  # fmt: skip
async def test_what_is_found(redis_url: str, params: dict[str, Any], found: list[str]) -> None:
    with Writer(redis_url) as writer:
        _runs(writer)
    async with running_app(redis_url) as client:
        assert await _found(client, **params) == [trace_id.lstrip("0") for trace_id in found]


async def test_the_time_that_is_asked_for(redis_url: str) -> None:
    """A run counts when it touches the time; one that still goes on does, however long ago it began."""
    begun = START // SECOND
    with Writer(redis_url) as writer:
        _runs(writer)
        old = "1" * 32
        writer.span(old, start=START - 2 * recent.LONGEST_US, name="old and running")
    async with running_app(redis_url) as client:
        assert await _found(client, start=begun + 2, end=begun + 5) == [RUN, old]
        assert await _found(client, start=begun - 50, end=begun - 40) == [old]
        assert await _found(client, start=begun - 99, end=begun - 90) == [SHORT_ID.lstrip("0"), old]
        assert await _found(client, end=begun - 80) == [SHORT_ID.lstrip("0"), old]
        assert await _found(client, start=begun + 11) == [OTHER_RUN.lstrip("0"), old]


async def test_spans_that_are_shown(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        writer.span(RUN, end=START + 9)
        for n in range(150):
            writer.span(RUN, f"{n + 1:016x}", parent_id=ROOT_SPAN, start=START + n, end=START + n + 1, name="step")
    async with running_app(redis_url) as client:
        for spss, shown in ((None, 3), (1, 1), (100, 100), (0, 100), (1_000_000, 100)):
            params = {} if spss is None else {"spss": spss}
            [trace] = (await _search(client, **_of_query('name = "step"'), **params))["traces"]
            [spans] = trace["spanSets"]
            assert (len(spans["spans"]), spans["matched"]) == (shown, 150)


async def test_an_answer_stays_small(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "MAX_SHOWN", 3)
    with Writer(redis_url) as writer:
        for run_id in ("1" * 32, "2" * 32, "3" * 32):
            writer.span(run_id, end=START + 1)
            _call(writer, run_id, attributes={"prompt": "x" * 10_000, "list": ["y", 1]})
    async with running_app(redis_url) as client:
        traces = (await _search(client, **_of_query('.prompt != "" && .list = "y" || name != ""')))["traces"]
        assert [len(trace["spanSet"]["spans"]) for trace in traces] == [2, 1, 1]
        [trace] = (await _search(client, **_of_query('.prompt != "" && .list = "y"'), limit=1))["traces"]
    shown = {pair["key"]: pair["value"]["stringValue"] for pair in trace["spanSet"]["spans"][0]["attributes"]}
    assert shown == {"prompt": "x" * 199 + "…", "list": '["y",1]'}


async def test_a_search_is_bounded_and_says_how_far_it_got(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Writer(redis_url) as writer:
        for n in range(60):
            writer.span(f"{n + 1:032x}", start=START + n, end=START + n + 1)
            writer.span(f"{n + 1:032x}", CALL, parent_id=ROOT_SPAN, start=START + n, end=START + n + 1, name="x")
    async with running_app(redis_url) as client:

        async def jobs(**params: Any) -> tuple[int, int, int]:
            body = await _search(client, **params)
            metrics = body["metrics"]
            return len(body["traces"]), metrics["totalJobs"], metrics["completedJobs"]

        assert await jobs(limit=1_000_000) == (60, 60, 60)
        assert await jobs(limit=7) == (7, 7, 7)
        monkeypatch.setattr(recent, "MAX_RUNS", 40)
        assert await jobs(limit=100) == (40, 41, 40)
        monkeypatch.setattr(search, "MAX_SPANS", 20)
        assert await jobs(limit=100) == (10, 11, 10)
        monkeypatch.setattr(recent, "MAX_SPANS_A_RUN", 1)
        monkeypatch.setattr(recent, "read_states", _one_state)
        assert await jobs(limit=100) == (20, 21, 0)


async def _one_state(redis: Any, run_id: str, most: int) -> list[bytes]:
    """What is read of a run larger than Redis hands out in one step."""
    states: Any = await redis.hvals(keys.run_keys(run_id).spans)
    return list(states[:most])


@pytest.mark.parametrize(
    ("params", "status", "kind"),
    [
        ({"q": "{ } | count() > 1"}, 400, "traceql-not-understood"),
        ({"q": "{ nonsense"}, 400, "traceql-not-understood"),
        ({"tags": 'a="x'}, 400, "traceql-not-understood"),
        ({"q": "{}", "tags": "a=b"}, 400, "two-queries"),
        ({"minDuration": "x"}, 400, "malformed-duration"),
        ({"maxDuration": "-1s"}, 400, "malformed-duration"),
        ({"minDuration": "2s", "maxDuration": "1s"}, 400, "malformed-duration"),
        ({"start": 5, "end": 5}, 400, "malformed-period"),
        ({"limit": 0}, 422, "invalid-input"),
        ({"limit": "x"}, 422, "invalid-input"),
        ({"start": -1}, 422, "invalid-input"),
        ({"spss": 2**40}, 422, "invalid-input"),
    ],
)  # fmt: skip
async def test_what_cannot_be_searched_says_why(redis_url: str, params: dict[str, Any], status: int, kind: str) -> None:
    async with running_app(redis_url) as client:
        answer = await client.get("/tempo/api/search", params=params)
    assert answer.status_code == status
    assert answer.json()["type"] == f"urn:spantail:problem:{kind}"
    assert answer.json()["detail"]
    if kind == "traceql-not-understood":
        assert answer.json()["part"] in answer.json()["detail"]
        assert "=~" in " ".join(answer.json()["understood"])


async def test_a_pattern_that_takes_too_much_is_given_up(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(regex, "MAX_SECONDS", 0.02)
    with Writer(redis_url) as writer:
        writer.span(RUN, end=START + 1)
        for n in range(50):
            writer.span(RUN, f"{n + 1:016x}", parent_id=ROOT_SPAN, end=START + 1, name=chr(0x3042 + n) * 3_000)
    async with running_app(redis_url) as client:
        answer = await client.get("/tempo/api/search", params=_of_query('name =~ ".*(?:.?.?){490}x"'))
        assert answer.status_code == 400
        assert answer.json()["type"] == "urn:spantail:problem:traceql-too-costly"
        assert ".*(?:.?.?){490}x" in answer.json()["detail"]


# --------------------------------------------------------------------------------------------------------------- tags


async def test_names_of_attributes(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        _runs(writer)
    async with running_app(redis_url) as client:

        async def scopes(**params: Any) -> dict[str, list[str]]:
            body = (await client.get("/tempo/api/v2/search/tags", params=params)).json()
            assert int(body["metrics"]["inspectedBytes"]) >= 0
            return {scope["name"]: scope["tags"] for scope in body["scopes"]}

        own = ["cached", "gen_ai.request.model", "ratio", "spantail.status", "tags", "tokens"]
        everything = await scopes()
        assert everything["span"] == own
        assert everything["resource"] == ["service.name", "spantail.runner"]
        assert {"name", "status", "span:status", "trace:rootName", "traceDuration"} <= set(everything["intrinsic"])
        assert await scopes(scope="none") == await scopes(scope="all") == everything
        assert await scopes(scope="span", limit=2) == {"span": own[:2]}
        assert await scopes(scope="event") == {}
        assert await scopes(scope="span", q='{ resource.service.name = "importer" }') == {"span": []}
        assert await scopes(scope="span", q="{ resource.service.name = ") == {"span": own}  # still being typed
        for scope, names in (("", sorted(own + everything["resource"])), ("resource", everything["resource"]),
                             ("intrinsic", everything["intrinsic"])):  # fmt: skip
            plain = await client.get("/tempo/api/search/tags", params={"scope": scope})
            assert plain.json()["tagNames"] == names
        assert (await client.get("/tempo/api/search/tags?scope=x")).status_code == 422


async def test_what_spans_come_from_is_found_and_offered(redis_url: str) -> None:
    resource = {"service.name": "test", "service.version": "1.2", "host.cpus": 8}
    library = {"name": "my.library", "version": "0.3", "attributes": {"team": "search"}}
    with Writer(redis_url) as writer:
        writer.span(RUN, resource="0", scope="0", span_kind="server", end=START + SECOND, status_code="ok")
        writer.span(OTHER_RUN, start=START + 10 * SECOND, resource="0")
        writer.redis.hset(keys.run_keys(RUN).sources, "r:0", orjson.dumps({"attributes": resource}))
        writer.redis.hset(keys.run_keys(RUN).sources, "s:0", orjson.dumps(library))
    async with running_app(redis_url) as client:
        for query in (
            "kind = server", 'resource.service.version = "1.2"', ".host.cpus > 7", "status = ok",
            'instrumentation:name = "my.library"', 'instrumentation:version =~ "0.*"',
            'instrumentation.team = "search"', '.team = "search"',
        ):  # fmt: skip
            assert await _found(client, **_of_query(query)) == [RUN], query
        assert await _found(client, **_of_query("kind = unspecified && instrumentation:name = nil")) == [
            OTHER_RUN.lstrip("0")
        ]
        (trace,) = (await _search(client, **_of_query("kind = server && resource.host.cpus != nil")))["traces"]
        assert trace["spanSet"]["spans"][0]["attributes"] == [
            {"key": "kind", "value": {"stringValue": "server"}},
            {"key": "host.cpus", "value": {"intValue": "8"}},
        ]
        body = (await client.get("/tempo/api/v2/search/tags")).json()
        tags = {scope["name"]: scope["tags"] for scope in body["scopes"]}
        assert tags["resource"] == ["host.cpus", "service.name", "service.version"]
        assert tags["instrumentation"] == ["team"]
        assert {"instrumentation:name", "instrumentation:version"} <= set(tags["intrinsic"])
        one = (await client.get("/tempo/api/v2/search/tags", params={"scope": "instrumentation"})).json()
        assert one["scopes"] == [{"name": "instrumentation", "tags": ["team"]}]
        for tag, reported in (
            ("instrumentation:name", "my.library"), ("instrumentation.team", "search"),
            ("resource.service.version", "1.2"),
        ):  # fmt: skip
            answer = await client.get(f"/tempo/api/v2/search/tag/{tag}/values")
            assert answer.json()["tagValues"] == [{"type": "string", "value": reported}]


async def test_values_of_attributes(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        _runs(writer)
        _call(writer, OTHER_RUN, attributes={"path/with slash": "a/b", "tokens": 7, "long": "x" * 5_000})
    async with running_app(redis_url) as client:

        async def values(tag: str, **params: Any) -> Any:
            answer = await client.get(f"/tempo/api/v2/search/tag/{tag}/values", params=params)
            assert answer.status_code == 200, answer.text
            return [(value["type"], value["value"]) for value in answer.json()["tagValues"]]

        services = [("string", "importer"), ("string", "test")]
        assert await values("resource.service.name") == services
        assert await values(".service.name") == services
        assert await values("rootServiceName", q='{ name = "import" }') == services[:1]
        assert await values("resource.service.name", limit=1) == services[1:]  # the newest
        assert await values(".tokens") == [("int", "42"), ("int", "7")]
        assert await values("span.ratio") == [("float", "0.5")]
        assert await values("span.cached") == [("bool", "true")]
        assert await values("span.tags") == [("string", "x"), ("string", "y")]
        assert await values("span.spantail.status") == [("string", "running")]
        assert await values('span."path%2Fwith slash"') == [("string", "a/b")]
        assert await values("status") == [("keyword", "ok"), ("keyword", "error"), ("keyword", "unset")]
        kinds = ("unspecified", "internal", "server", "client", "producer", "consumer")
        assert await values("span:kind") == [("keyword", kind) for kind in kinds]
        assert await values("name") == [("string", "chat gpt-4o"), ("string", "import"), ("string", "job search")]
        for nothing in ("duration", "trace:id", "span.none", "span.long"):
            assert await values(nothing) == []
        plain = await client.get("/tempo/api/search/tag/service.name/values")
        assert plain.json()["tagValues"] == ["importer", "test"]
        assert (await client.get("/tempo/api/search/tag/name/values")).json()["tagValues"][0] == "chat gpt-4o"
        refused = await client.get("/tempo/api/v2/search/tag/service.name x/values")
        assert (refused.status_code, refused.json()["type"]) == (400, "urn:spantail:problem:traceql-not-understood")


# -------------------------------------------------------------------------------------------------------- the service


async def test_what_grafana_asks_first(redis_url: str) -> None:
    async with running_app(redis_url, token="secret") as client:
        assert (await client.get("/tempo/api/echo")).status_code == 401
        client.headers["authorization"] = "Bearer secret"
        echo = await client.get("/tempo/api/echo")
        assert (echo.text, echo.headers["content-type"].partition(";")[0]) == ("echo", "text/plain")
        build = orjson.loads((await client.get("/tempo/api/status/buildinfo")).content)
        major, minor, _ = map(int, build["version"].split("."))
        assert (major, minor) < (2, 2), "from then on Grafana may ask over gRPC"
        assert (await client.get("/tempo/api/v2/search/tags")).status_code == 200
        assert (await client.get("/tempo/api/metrics/query_range")).status_code == 404


async def test_very_many_values_of_a_tag_do_not_hold_the_others_up(new_redis_url: str) -> None:
    values = [f"value {number:06}" for number in range(200_000)]
    values = values[::2] + values[1::2]
    with Writer(new_redis_url) as writer:
        writer.span(RUN, end=START + 5, attributes={"many": values})
    async with running_app(new_redis_url) as client:
        begun = time.thread_time()
        answer = await client.get("/tempo/api/search/tag/many/values")
        taken = time.thread_time() - begun
    assert answer.json()["tagValues"] == sorted(values)[:5_000]
    assert taken < cpu_s(lambda: sorted(Value("string", value) for value in values)) / 2
