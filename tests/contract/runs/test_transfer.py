"""`GET /api/runs/{run_id}/export` and `POST /api/runs/import`: out, and in again with nothing lost."""

from __future__ import annotations

import asyncio
import base64
import gzip
from typing import TYPE_CHECKING, Any

import orjson
import pytest
import redis
from google.protobuf import json_format  # type: ignore[import-untyped]
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

import spantail
from spantail_exporters.model import keys
from spantail_exporters.model.limits import Limits
from spantail_service.ingest.revival import revived
from spantail_service.reaper.abandonment import RUNNER_DIED, Abandonment, abandoned
from spantail_service.transfer.ndjson import folding
from tests.integration.service.harness import ROOT_SPAN, RUN, START, Writer, running_app
from tests.support.redis.faults import faulty_redis, wire_to
from tests.support.runs.live_runs import StoredRun, fold

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

NDJSON = {"content-type": "application/x-ndjson"}
JSON = {"content-type": "application/json"}
MOVING = {"rev", "noted", "runner"}
"""What a writer numbers for itself."""


async def _rich_run(client: httpx.AsyncClient) -> str:
    """A run with layers, progress, attempts, a fallback, money, an error, span events, logs and what is cancelled."""
    app: Any = client.app  # type: ignore[attr-defined]
    sink = app.state.services.launcher._flush

    def work() -> str:
        with spantail.operation("round trip", root=True, layers=["one", "two"]) as scope:
            with spantail.layer("one") as layer:
                layer.progress(1, 2, "half")
                sink(2.0)
                with spantail.llm_call(backend="claude_cli", model="claude-sonnet-4-5") as call:
                    call.usage(input_tokens=120, output_tokens=42)
                    call.cost(0.00099)
                with pytest.raises(RuntimeError), spantail.phase("fails"):
                    raise RuntimeError("on purpose")
            scope.event("decision_point", chosen="b", weights=[1.5, 2.5], big=2**60)
            with spantail.llm_call(backend="langchain", model="unknown-model") as call:
                call.usage(input_tokens=1, output_tokens=2)
            return scope.run_id

    run_id = await asyncio.to_thread(work)
    await asyncio.to_thread(sink, 5.0)
    return run_id


def _plain(states: dict[str, Any]) -> dict[str, Any]:
    return {i: {k: v for k, v in state.items() if k not in MOVING | {"seq"}} for i, state in states.items()}


async def _totals(client: httpx.AsyncClient, run_id: str) -> dict[str, Any]:
    run = (await client.get(f"/api/runs/{run_id}")).json()
    moving = {"epoch", "imported", "next_index", "expected_log_count", "first_index"}
    return {name: value for name, value in run.items() if name not in moving}


async def _export(client: httpx.AsyncClient, run_id: str, as_format: str) -> httpx.Response:
    answer = await client.get(f"/api/runs/{run_id}/export", params={"format": as_format})
    assert answer.status_code == 200, answer.text
    assert run_id in answer.headers["content-disposition"]
    return answer


async def test_ndjson_out_and_in_again(new_redis_url: str) -> None:
    async with running_app(new_redis_url) as client:
        run_id = await _rich_run(client)
        with Writer(new_redis_url) as writer:
            writer.lines(run_id, 3)
        before, totals = StoredRun(new_redis_url, run_id), await _totals(client, run_id)
        file = (await _export(client, run_id, "ndjson")).content
        head, *lines = file.splitlines()
        assert orjson.loads(head)["format"] == "spantail.run"
        sources = [orjson.loads(lines.pop(0)) for _ in before.sources]
        assert {source.pop("source"): source for source in sources} == before.sources
        assert [orjson.loads(line)["seq"] for line in lines] == list(range(before.next_seq))
        refused = await client.post("/api/runs/import", content=file, headers=NDJSON)
        assert (refused.status_code, refused.json()["type"]) == (409, "urn:spantail:problem:run-exists")
        assert (await client.delete(f"/api/runs/{run_id}")).status_code == 204

        taken = await client.post("/api/runs/import", content=file, headers=NDJSON)
        assert taken.json() == {"runs": [run_id], "rejected": 0, "reason": ""}
        after = StoredRun(new_redis_url, run_id)
        assert await _totals(client, run_id) == totals
        assert _plain(after.spans) == _plain(before.spans)
        assert after.names() == before.names()
        assert [e["ts"] for e in after.events] == [e["ts"] for e in before.events]
        assert _plain(fold(after.events)) == _plain(after.spans)
        assert after.layers == before.layers
        assert after.sources == before.sources
        assert "expected" in after.meta
        spend = (await client.get("/api/spend?days=1")).json()
        again = (await _export(client, run_id, "ndjson")).content
    assert spend["cost_nano"] <= totals["cost_nano"]  # counted when it was live at most, never as an import
    # only what a writer numbers for itself differs
    assert len(again.splitlines()) == len(file.splitlines())


async def test_a_file_whose_answer_is_lost_is_stored_once(tmp_path: Path) -> None:
    with faulty_redis(tmp_path) as server, wire_to(server) as wire, Writer(server.url) as writer:
        async with running_app(wire.url) as client:
            writer.lines(RUN, 3, drops={"queue_full": 7})
            writer.span(RUN, end=START + 1)
            file = (await _export(client, RUN, "ndjson")).content
            assert (await client.delete(f"/api/runs/{RUN}")).status_code == 204
            wire.cut_next_replies(1)
            assert (await client.post("/api/runs/import", content=file, headers=NDJSON)).status_code == 200
        assert wire.cuts == 1
        run = StoredRun(server.url, RUN)
    assert run.names() == ["log"] * 3 + ["operation_complete"]
    assert run.drops() == {"queue_full": 7}


async def test_otlp_out_and_in_again(new_redis_url: str) -> None:
    async with running_app(new_redis_url) as client:
        run_id = await _rich_run(client)
        before, totals = StoredRun(new_redis_url, run_id), await _totals(client, run_id)
        answer = await _export(client, run_id, "otlp")
        assert answer.headers["spantail-unfinished-spans"] == "0"
        request = answer.json()
        (group,) = request["resourceSpans"]
        spans = [span for scope in group["scopeSpans"] for span in scope["spans"]]
        assert len(spans) == len(before.spans)
        assert not (await client.delete(f"/api/runs/{run_id}")).content
        zipped = gzip.compress(answer.content)
        for _ in range(2):  # by their ids, spans are stored once
            taken = await client.post("/api/runs/import", content=zipped, headers={**JSON, "content-encoding": "gzip"})
            assert taken.json() == {"runs": [run_id], "rejected": 0, "reason": ""}
        after = StoredRun(new_redis_url, run_id)
        assert await _totals(client, run_id) == totals
    assert _plain(after.spans) == _plain(before.spans)
    assert after.sources == before.sources


async def test_otlp_json_is_what_the_official_classes_read(new_redis_url: str) -> None:
    async with running_app(new_redis_url) as client:
        run_id = await _rich_run(client)
        request = (await _export(client, run_id, "otlp")).json()
    for span in request["resourceSpans"][0]["scopeSpans"][0]["spans"]:
        for holder in (span, *span["links"]):  # hex in OTLP's JSON, base64 in protobuf's
            for name in ("traceId", "spanId", "parentSpanId"):
                if name in holder:
                    holder[name] = base64.b64encode(bytes.fromhex(holder[name])).decode()
    message = json_format.ParseDict(request, ExportTraceServiceRequest())
    assert {span.trace_id.hex() for rs in message.resource_spans for ss in rs.scope_spans for span in ss.spans} == {
        run_id
    }


async def test_perfetto_spans_nest_on_every_lane(new_redis_url: str) -> None:
    with Writer(new_redis_url) as writer:
        writer.span(RUN, end=None)
        times = [(5, 50), (10, 60), (10, 20), (55, 90), (70, None)]
        for n, (start, end) in enumerate(times, 1):
            writer.span(
                RUN, f"{n:016x}", parent_id=ROOT_SPAN, kind="llm_call", start=START + start, cost_nano=1_000,
                end=None if end is None else START + end, span_events=[{"ts": START + start, "name": "e"}],
            )  # fmt: skip
        async with running_app(new_redis_url) as client:
            trace = (await _export(client, RUN, "perfetto")).json()
    events = trace["traceEvents"]
    spans = [event for event in events if event["ph"] == "X"]
    assert len(spans) == len(times) + 1
    assert min(span["ts"] for span in spans) == 0
    assert all(span["dur"] >= 0 and isinstance(span["ts"], int) for span in spans)
    for lane in {(span["pid"], span["tid"]) for span in spans}:
        stack: list[int] = []
        for span in sorted(
            (s for s in spans if (s["pid"], s["tid"]) == lane), key=lambda s: (s["ts"], -s["dur"])
        ):  # fmt: skip
            while stack and stack[-1] <= span["ts"]:
                stack.pop()
            assert not stack or span["ts"] + span["dur"] <= stack[-1], "a span sticks out of the one below it"
            stack.append(span["ts"] + span["dur"])
    assert sum("unfinished" in span["args"] for span in spans) == 2
    assert [event["args"]["usd"] for event in events if event["ph"] == "C"][-1] == pytest.approx(5e-6)
    named = {(event["name"], event["pid"]) for event in events if event["ph"] == "M"}
    assert ("process_name", 1) in named
    assert trace["otherData"]["run_id"] == RUN


async def test_a_trimmed_tail_keeps_the_states(new_redis_url: str) -> None:
    with Writer(new_redis_url) as writer:
        writer.span(RUN, end=None)
        for n in range(1, 6):
            writer.span(RUN, f"{n:016x}", parent_id=ROOT_SPAN, kind="span", end=START + n, start=START)
        writer.lines(RUN, 30, limits=Limits(tail_cap=10))
        writer.span(RUN, end=START + 9)
        async with running_app(new_redis_url) as client:
            before = StoredRun(new_redis_url, RUN)
            assert before.first > 0
            file = (await _export(client, RUN, "ndjson")).content
            await client.delete(f"/api/runs/{RUN}")
            assert (await client.post("/api/runs/import", content=file, headers=NDJSON)).status_code == 200
            after = StoredRun(new_redis_url, RUN)
    assert _plain(after.spans) == _plain(before.spans)
    assert after.names().count("log") == before.names().count("log")


HEAD = b'{"format":"spantail.run","version":1,"run":{"run_id":"%s"}}' % RUN.encode()


@pytest.mark.parametrize(
    ("body", "headers", "status", "word"),
    [
        (b"", JSON, 400, "OTLP"),
        (b"[]", JSON, 400, "OTLP"),
        (b'{"traceEvents":[]}', {"content-type": "text/csv"}, 415, "application/json"),
        (b"x", {**JSON, "content-encoding": "gzip"}, 400, "gzip"),
        (b"x", {**JSON, "content-encoding": "br"}, 415, "gzip"),
        (b'{"format":"spantail.run","version":2}', NDJSON, 400, "Line 1"),
        (b'{"format":"spantail.run","version":1,"run":{"run_id":"*"}}', NDJSON, 400, "Line 1"),
        (HEAD + b"\n{", NDJSON, 400, "Line 2: it is no JSON. Nothing"),
        (HEAD + b"\n{" * 3 + b"\n\n[]", NDJSON, 400, "4 lines are wrong, after that one 3, 4, 6."),
        (HEAD + b"\n{}" * 9_999, NDJSON, 400, "1000 lines or more are wrong"),
        (HEAD + b"\n{}" * 99, NDJSON, 400, "99 lines are wrong, after that one 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, …"),
        (HEAD + b"\n[]", NDJSON, 400, "Line 2"),
        (HEAD + b'\n{"event":"log","ts":1,"run_id":"' + b"1" * 32 + b'","span_id":"' + b"1" * 16 + b'"}', NDJSON, 400,
         "another run"),
        (HEAD + b'\n{"event":"log","ts":-1,"run_id":"' + RUN.encode() + b'","span_id":"x"}', NDJSON, 400, "ts"),
        (b'{"traceEvents":[]}', JSON, 400, "Perfetto"),
        (b'{"resource_spans":[]}', JSON, 400, "resource_spans"),
        (b'[{"traceId":"1"}]', JSON, 400, "array"),
        (b"PK\x03\x04", JSON, 400, "zip"),
        (b"a,b\n1,2\n", JSON, 400, "CSV"),
        (b"", {**JSON, "content-encoding": "gzip"}, 400, "cut off"),
        (b'{"resourceSpans":[' + b"{}," * 200_000 + b"{}]}", JSON, 413, "groups"),
        (HEAD + b'\n{"x":[' + b"[]," * 200_000 + b"[]]}", NDJSON, 413, "parts"),
        (gzip.compress(b" " * 20_000_000), {**JSON, "content-encoding": "gzip"}, 413, "larger"),
        (b" " * 16_777_217, JSON, 413, "larger"),
    ],
)  # fmt: skip
async def test_what_is_no_run_is_refused(
    new_redis_url: str, body: bytes, headers: dict[str, str], status: int, word: str
) -> None:
    async with running_app(new_redis_url) as client:
        answer = await client.post("/api/runs/import", content=body, headers=headers)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
        assert word in answer.json()["detail"]
    with Writer(new_redis_url) as writer:
        assert not writer.redis.exists(*keys.run_keys(RUN))


async def test_secrets_in_a_file_stay_out(new_redis_url: str) -> None:
    line = {"seq": 0, "rev": 1, "status": "ok", "start": START, "noted": 0, "ts": START, "event": "operation_complete",
            "run_id": RUN, "span_id": ROOT_SPAN, "parent_id": None, "name": "n", "kind": "operation", "end": START,
            "attributes": {"api_key": "sk-verysecret"}, "unknown": 1}  # fmt: skip
    async with running_app(new_redis_url) as client:
        body = HEAD + b"\n" + orjson.dumps(line)
        assert (await client.post("/api/runs/import", content=body, headers=NDJSON)).status_code == 200
        whole = (await client.get(f"/api/traces/{RUN}")).text
    assert "verysecret" not in whole
    assert "unknown" not in whole


async def test_an_unknown_run_is_not_exported(new_redis_url: str) -> None:
    async with running_app(new_redis_url) as client:
        assert (await client.get(f"/api/runs/{RUN}/export")).status_code == 404
        assert (await client.get(f"/api/runs/{RUN}/export?format=csv")).status_code == 422


def _told(seq: int, event: str, *, span_id: str = ROOT_SPAN, **fields: Any) -> bytes:
    body = {
        "seq": seq, "rev": 1, "status": "running", "start": START, "noted": 0, "ts": START + seq, "event": event,
        "run_id": RUN, "span_id": span_id, "parent_id": None if span_id == ROOT_SPAN else ROOT_SPAN, "name": "x",
        "kind": "span", "end": None, "attributes": {}, **fields,
    }  # fmt: skip
    return orjson.dumps(body)


async def test_span_events_are_told_in_their_order_and_stand_in_the_state(new_redis_url: str) -> None:
    other = "00f067aa0ba902b8"
    lines = [_told(0, "span_start"), _told(1, "span_start", span_id=other)]
    lines += [_told(2 + n, f"note {n}", span_id=other if n % 2 else ROOT_SPAN, noted=n // 2 + 1) for n in range(10)]
    lines += [_told(12, "span_complete", span_id=other, status="ok", end=START + 20, rev=9)]
    async with running_app(new_redis_url) as client:
        answer = await client.post("/api/runs/import", content=b"\n".join([HEAD, *lines]), headers=NDJSON)
        assert answer.json() == {"runs": [RUN], "rejected": 0, "reason": ""}, answer.text
        run = StoredRun(new_redis_url, RUN)
    assert run.names() == ["span_start", "span_start", *(f"note {n}" for n in range(10)), "span_complete"]
    for span_id, first in ((ROOT_SPAN, 0), (other, 1)):
        reported = run.spans[span_id]
        assert [note["name"] for note in reported["span_events"]] == [f"note {n}" for n in range(first, 10, 2)]
        assert reported["noted"] == 5


async def test_a_span_that_came_back_says_so_out_and_in_again(new_redis_url: str) -> None:
    runner = "web-1:1:1"
    async with running_app(new_redis_url) as client:
        with Writer(new_redis_url) as writer:
            writer.span(RUN, runner=runner)
            died = abandoned(StoredRun(new_redis_url, RUN).spans[ROOT_SPAN], Abandonment(RUNNER_DIED, START + 9))
            back = revived(orjson.loads(died.events[0]), runner, START + 20)
            assert back is not None
            for change in (died, back):
                writer.write(RUN, [change])
            writer.span(RUN, runner=runner, end=START + 30)
        before = StoredRun(new_redis_url, RUN)
        file = (await _export(client, RUN, "ndjson")).content
        assert (await client.delete(f"/api/runs/{RUN}")).status_code == 204
        assert (await client.post("/api/runs/import", content=file, headers=NDJSON)).status_code == 200
        run = StoredRun(new_redis_url, RUN)
    assert before.spans[ROOT_SPAN]["corrected"] is True
    assert _plain(run.spans) == _plain(before.spans)
    assert fold(run.events) == run.spans
    assert run.meta["corrected"] == before.meta["corrected"] == "1"


async def test_an_update_changes_what_it_names_and_leaves_the_rest(new_redis_url: str) -> None:
    lines = [
        _told(0, "llm_call_start", kind="llm_call", tier="high", attributes={"a": 1, "b": 1}),
        _told(1, "llm_call_update", kind="llm_call", tokens={"input": 7}, attributes={"b": 2}),
        _told(2, "llm_call_update", kind="llm_call", tokens={"input": 7, "output": 3}),
    ]
    async with running_app(new_redis_url) as client:
        answer = await client.post("/api/runs/import", content=b"\n".join([HEAD, *lines]), headers=NDJSON)
        assert answer.json() == {"runs": [RUN], "rejected": 0, "reason": ""}, answer.text
        run = StoredRun(new_redis_url, RUN)
    state = run.spans[ROOT_SPAN]
    assert (state["rev"], state["tier"], state["attributes"]) == (3, "high", {"a": 1, "b": 2})
    assert state["tokens"] == {"input": 7, "output": 3}
    assert run.names() == ["llm_call_start", "llm_call_update", "llm_call_update"]


async def test_spans_whose_start_was_never_told_come_back_too(new_redis_url: str) -> None:
    late, open_one = "00f067aa0ba902b8", "00f067aa0ba902b9"
    notes = [{"ts": START + 1, "name": name, "attributes": {"n": 1}} for name in ("", "log")]
    long_name = "b" * 3_000
    lines = [
        # over when it came: its span events stand before its only state
        _told(0, "", span_id=late, kind="llm_call", noted=1, attributes={"n": 1}),
        _told(1, "log", span_id=late, kind="llm_call", noted=2, attributes={"n": 1}),
        _told(2, "llm_call_complete", span_id=late, kind="llm_call", status="ok", end=START + 20, noted=2,
              fallback_from=long_name, span_events=notes),
        # known by an update alone, which is its whole state then
        _told(3, "span_update", span_id=open_one, rev=2, attributes={"a": 1}),
        _told(4, "span_complete", status="ok", end=START + 30),
    ]  # fmt: skip
    async with running_app(new_redis_url) as client:
        for _ in range(2):  # a file that is not ours, then our own
            file = b"\n".join([HEAD, *lines])
            answer = await client.post("/api/runs/import", content=file, headers=NDJSON)
            assert answer.json() == {"runs": [RUN], "rejected": 0, "reason": ""}, answer.text
            run = StoredRun(new_redis_url, RUN)
            assert run.names() == ["", "log", "llm_call_complete", "span_update", "span_complete"]
            assert run.spans[late]["span_events"] == notes
            assert run.spans[late]["fallback_from"] == long_name
            assert run.spans[open_one]["attributes"] == {"a": 1}
            assert run.meta["spans"] == "3"
            lines = (await _export(client, RUN, "ndjson")).content.splitlines()[1:]
            with redis.Redis.from_url(new_redis_url) as server:
                server.flushdb()


LAYERS = {"spantail.layers": ["fetch"]}


@pytest.mark.parametrize(
    ("event", "more", "status"),
    [("note", {}, 200), ("span_update", {}, 200), ("span_update", LAYERS, 413)],
    ids=["span events", "updates", "updates that announce layers, which cannot wait"],
)
async def test_states_of_a_file_are_bounded_together(
    new_redis_url: str, monkeypatch: pytest.MonkeyPatch, event: str, more: dict[str, Any], status: int
) -> None:
    monkeypatch.setattr(folding, "_STATE_BYTES", 10_000)
    monkeypatch.setattr(folding, "_STATE_BYTES_A_BYTE", 0)
    lines = [_told(0, "span_start"), *(_told(n, event, attributes={f"k{n}": "v", **more}) for n in range(1, 40))]
    async with running_app(new_redis_url) as client:
        answer = await client.post("/api/runs/import", content=b"\n".join([HEAD, *lines]), headers=NDJSON)
        assert answer.status_code == status, answer.text
    if status == 200:
        run = StoredRun(new_redis_url, RUN)
        assert run.names() == ["span_start"] + 39 * [event]
        assert len(run.spans[ROOT_SPAN]["span_events" if event == "note" else "attributes"]) == 39
