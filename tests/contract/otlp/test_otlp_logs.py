"""`POST /v1/logs`: log lines of spans, span starts and heartbeats."""

from __future__ import annotations

import asyncio
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import orjson
import redis
import redis.asyncio
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spantail_exporters.model import keys
from spantail_exporters.model.changes import Change
from spantail_exporters.model.heartbeat import LEASE_S
from spantail_exporters.otlp import records as key
from spantail_service.ingest.revival import Revival
from spantail_service.reaper.abandonment import RUNNER_DIED, Abandonment, abandoned
from spantail_service.storage.run_writes import RunChanges, RunStore
from tests.integration.service.harness import OTHER_RUN, RUN, START, Writer, line, running_app, state
from tests.support.otlp.requests import PROTOBUF, add_attributes, any_value, logs, traces
from tests.support.redis.faults import faulty_redis, wire_to
from tests.support.runs.live_runs import StoredRun, fold

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import httpx
    import pytest

ROOT, CHILD = "00f067aa0ba902b7", "00f067aa0ba902b8"
RUNNER = "web-1:4242:1795308000"
RESOURCE = {"service.name": "shop", "spantail.runner": RUNNER}


def _record(span_id: str = ROOT, at: int = 0, *, run_id: str = RUN, flags: int = 1, **fields: Any) -> LogRecord:
    attributes = fields.pop("attributes", {})
    body = fields.pop("body", None)
    record = LogRecord(
        trace_id=bytes.fromhex(run_id), span_id=bytes.fromhex(span_id), flags=flags,
        time_unix_nano=(START + at) * 1_000, body=None if body is None else any_value(body), **fields,
    )  # fmt: skip
    add_attributes(record.attributes, attributes)
    return record


def _start(rev: int = 1, span_id: str = ROOT, parent: str | None = None, **said: Any) -> LogRecord:
    """A start, or an update when it is not the first."""
    attributes = {
        key.SPAN_NAME: "work", key.SPAN_KIND: "internal", key.SPAN_START: START * 1_000, key.SPAN_REV: rev,
        **({key.SPAN_PARENT: parent} if parent else {}), **said.pop("also", {}),
    }  # fmt: skip
    name = said.pop("event_name", key.EVENT_START if rev == 1 else key.EVENT_UPDATE)
    return _record(span_id, rev - 1, event_name=name, attributes=attributes | said)


def _span_events(*names: str, count: int) -> dict[str, Any]:
    events = [{"time_unix_nano": START * 1_000, "name": name, "attributes": {"n": 1}} for name in names]
    return {key.SPAN_EVENTS: events, key.SPAN_EVENT_COUNT: count}


async def _send(client: httpx.AsyncClient, *records: LogRecord, resource: dict[str, Any] = RESOURCE) -> Any:
    answer = await client.post("/v1/logs", content=logs(resource, records).SerializeToString(), headers=PROTOBUF)
    assert answer.status_code == 200, answer.text
    return ExportLogsServiceResponse.FromString(answer.content).partial_success


async def _end(client: httpx.AsyncClient, span_id: str = ROOT, **fields: Any) -> None:
    span = Span(
        trace_id=bytes.fromhex(RUN), span_id=bytes.fromhex(span_id), name="work",
        start_time_unix_nano=START * 1_000, end_time_unix_nano=(START + 9) * 1_000, **fields,
    )  # fmt: skip
    body = traces(RESOURCE, [span]).SerializeToString()
    assert (await client.post("/v1/traces", content=body, headers=PROTOBUF)).status_code == 200


async def test_a_log_record_of_a_span_is_a_log_event_of_it(redis_url: str) -> None:
    async with running_app(redis_url) as client:
        await _send(
            client,
            _record(
                body="declined: password=hunter2", severity_number=17, severity_text="error",
                attributes={"logger.name": "shop.cart", "exception.type": "ValueError", "exception.message": "no",
                            "order": 7, "api_key": "sk-1"},
            ),
            _record(body="plain", severity_text="warn"),
            _record(event_name="cart.emptied", severity_number=9),
        )  # fmt: skip
    stored = StoredRun(redis_url, RUN)
    first, second, third = stored.events
    keys_of_both = {first.pop("resource"): "r", first.pop("scope"): "s"}
    assert [stored.sources[f"{table}:{name}"] for name, table in keys_of_both.items()] == [
        {"attributes": {"service.name": "shop"}}, {"name": "app"},
    ]  # fmt: skip
    assert first == {
        "ts": START, "event": "log", "run_id": RUN, "span_id": ROOT, "level": "ERROR", "logger": "shop.cart",
        "message": "declined: password=[redacted]", "service": "shop", "runner": RUNNER,
        "error": {"type": "ValueError", "message": "no"}, "attributes": {"order": 7, "api_key": "[redacted]"},
        "changed": ["api_key"],
    }  # fmt: skip
    assert (second["level"], second["logger"], second["message"]) == ("WARNING", "app", "plain")
    assert (third["level"], third["message"], third["attributes"]) == (
        "INFO", "cart.emptied", {"event.name": "cart.emptied"}
    )  # fmt: skip
    assert stored.spans == {}


async def test_prompts_in_genai_events_stay_out(new_redis_url: str) -> None:
    async with running_app(new_redis_url) as client:
        await _send(client, _record(event_name="gen_ai.user.message", body={"content": "a secret plan"}))
    (event,) = StoredRun(new_redis_url, RUN).events
    assert "secret plan" not in orjson.dumps(event).decode()


async def test_a_request_that_comes_again_stores_its_lines_once(redis_url: str) -> None:
    records = [_start(), *(_record(at=n, body=f"line {n}") for n in range(600))]
    async with running_app(redis_url) as client:
        for _ in range(2):
            await _send(client, *records)
        await _send(client, *records, resource={"service.name": "another"})
        untimed = _record(body="again and again")
        untimed.time_unix_nano = 0
        for _ in range(2):
            await _send(client, untimed)
    messages = [event["message"] for event in StoredRun(redis_url, RUN).events if event["event"] == "log"]
    assert messages == [f"line {n}" for n in range(600)] * 2 + ["again and again"] * 2


async def test_lines_whose_answer_is_lost_are_stored_once(tmp_path: Path) -> None:
    nobody = {"service.name": "shop"}  # no runner: nothing but the request's mark tells that they came before
    with faulty_redis(tmp_path) as server, wire_to(server) as wire:
        async with running_app(wire.url) as client:
            await _send(client, _record(body="first"), resource=nobody)
            wire.cut_next_replies(1)
            await _send(client, *(_record(at=n, body=f"line {n}") for n in range(5)), resource=nobody)
        assert wire.cuts == 1
        messages = [event["message"] for event in StoredRun(server.url, RUN).events]
    assert messages == ["first", *(f"line {n}" for n in range(5))]


async def test_lines_that_are_sent_as_redis_pauses_are_stored_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = logs({"service.name": "shop"}, [_record(body="line")]).SerializeToString()
    evaluate = RunStore._evaluate
    with faulty_redis(tmp_path) as server, ExitStack() as pause:

        async def as_it_pauses(self: RunStore, calls: Any) -> list[object]:
            monkeypatch.setattr(RunStore, "_evaluate", evaluate)
            pause.enter_context(server.hanging())
            asyncio.get_running_loop().call_later(0.75, pause.close)  # too late for an answer, in time for a second try
            return await evaluate(self, calls)

        async with running_app(server.url, redis_timeout_s=0.5) as client:
            await _send(client, _record(run_id=OTHER_RUN, body="the script is known"))
            monkeypatch.setattr(RunStore, "_evaluate", as_it_pauses)
            for status in (503, 200):
                assert (await client.post("/v1/logs", content=body, headers=PROTOBUF)).status_code == status
        assert [event["message"] for event in StoredRun(server.url, RUN).events] == ["line"]


async def test_a_mark_stands_for_lines_that_are_stored(redis_url: str) -> None:
    run = RunChanges(RUN, [Change("", "", [line(RUN, 1)])], mark="a request")
    with redis.Redis.from_url(redis_url) as client:
        client.script_flush()
        client.execute_command("ACL", "SETUSER", "default", "-del")  # a mark that is too early cannot be taken back
        try:
            async with redis.asyncio.Redis.from_url(redis_url) as connection:
                store = RunStore(connection)
                for _ in range(2):
                    await asyncio.wait({asyncio.ensure_future(store.append([run]))})
        finally:
            client.execute_command("ACL", "SETUSER", "default", "+del")
    assert len(StoredRun(redis_url, RUN).events) == 1


async def test_a_request_of_which_a_part_was_stored_is_stored_to_its_end(redis_url: str) -> None:
    lines = [Change("", "", [line(RUN, number)]) for number in range(600)]
    span = Change(ROOT, "", [state(RUN, ROOT)])

    async def append(*changes: Change) -> None:
        await store.append([RunChanges(RUN, changes, mark="a request")])

    async with redis.asyncio.Redis.from_url(redis_url) as connection:
        store = RunStore(connection)
        await append(*lines[:300])
        with redis.Redis.from_url(redis_url) as client:
            client.delete(keys.RUNS_RECENT)  # whoever stored it did not come to tell the index
            await append(*lines[:400], span, *lines[400:])  # the parts are cut at other places
            assert client.zcard(keys.RUNS_RECENT) == 1
        await append(*lines)
    stored: Sequence[dict[str, Any]] = StoredRun(redis_url, RUN).events
    assert [event["message"] for event in stored if event["event"] == "log"] == [f"line {n}" for n in range(600)]
    assert len(stored) == 601


async def test_records_without_a_span_are_counted_and_make_no_run(redis_url: str) -> None:
    lonely = LogRecord(body=any_value("hello"))
    async with running_app(redis_url) as client:
        partial = await _send(client, lonely, LogRecord(trace_id=bytes.fromhex(RUN), body=any_value("no span")))
        await _send(client, _record(body="ours"), resource={"spantail.live": True})
        runs = (await client.get("/api/runs")).json()["runs"]
        counts = client.app.state.services.receiver.counts  # type: ignore[attr-defined]
    assert (partial.rejected_log_records, runs) == (0, [])
    assert (counts["logs.passed_over.no_span"], counts["logs.passed_over.live"]) == (2, 1)


async def test_lines_of_an_unsampled_trace_make_no_run_but_join_one(redis_url: str) -> None:
    async with running_app(redis_url) as client:
        await _send(client, _record(body="nobody sees this", flags=0), _record(run_id=OTHER_RUN, body="sampled"))
        assert {run["run_id"] for run in (await client.get("/api/runs")).json()["runs"]} == {OTHER_RUN}
        await _end(client)
        await _send(client, _record(body="a source that sets no flags", flags=0))
    assert StoredRun(redis_url, RUN).names() == ["span_complete", "log"]


async def test_a_span_appears_with_its_start_changes_and_ends(redis_url: str) -> None:
    async with running_app(redis_url) as client:
        await _send(
            client, _start(also={"spantail.kind": "layer", "spantail.layer": "fetch"}, **_span_events("a", count=1))
        )
        await _send(client, _start(span_id=CHILD, parent=ROOT, also={"model": "m"}))
        live = (await client.get(f"/api/traces/{RUN}")).json()
        await _send(
            client,
            _start(
                2, **{key.SPAN_NAME: "work on"}, also={"spantail.kind": "layer", "n": 1}, **_span_events("b", count=2)
            ),
        )
        running = StoredRun(redis_url, RUN)
        await _end(client, CHILD, parent_span_id=bytes.fromhex(ROOT))
        await _end(client)
        await _send(client, _start(3, also={"late": True}))  # the batch with it was slower than the end
        (item,) = (await client.get("/api/runs")).json()["runs"]
    spans = {span["span_id"]: span for span in live["spans"]}
    assert {span_id: (span["status"], span["parent_id"]) for span_id, span in spans.items()} == {
        ROOT: ("running", None), CHILD: ("running", ROOT)
    }  # fmt: skip
    assert spans[CHILD]["attributes"] == {"model": "m"}
    assert spans[ROOT]["runner"] == RUNNER
    root = running.spans[ROOT]
    assert (root["name"], root["rev"], root["noted"]) == ("work on", 2, 2)
    assert [note["name"] for note in root["span_events"]] == ["a", "b"]
    assert running.names() == ["a", "layer_start", "span_start", "b", "layer_update"]
    stored = StoredRun(redis_url, RUN)
    assert stored.names()[5:] == ["span_complete", "span_complete"]
    assert {span["status"] for span in stored.spans.values()} == {"ok"}
    assert item["status"] == "completed"


async def test_snapshot_and_tail_agree_while_a_span_changes(redis_url: str) -> None:
    async with running_app(redis_url) as client:
        await _send(client, _start(also={"a": 1}), _start(2, also={"a": 1, "b": 2}, **_span_events("x", count=1)))
        await _send(client, _start(3, also={"a": 5, "b": 2}, **_span_events("y", "z", count=3)))
        await _send(client, _start(4, also={"a": 5, "b": 2}, **_span_events(count=3)))  # nothing new
        await _send(client, _start(7, also={"a": 6, "b": 2}, **_span_events(count=3)))  # some were lost on the way
    stored = StoredRun(redis_url, RUN)
    held = stored.spans[ROOT]
    assert held["attributes"] == {"a": 6, "b": 2}
    assert [note["name"] for note in held["span_events"]] == ["x", "y", "z"]
    folded = fold(stored.events)[ROOT]
    for name in ("rev", "status", "name", "attributes", "noted"):
        assert folded[name] == held[name]
    assert [name for name in stored.names() if name in "xyz"] == ["x", "y", "z"], "each span event once"


async def test_starts_that_are_not_in_shape_are_rejected(redis_url: str) -> None:
    wrong = [
        _start(0), _start(also={key.SPAN_REV: "1"}), _start(also={key.SPAN_START: -5}), _start(parent="xyz"),
        _start(also={key.SPAN_START: "soon"}),
    ]  # fmt: skip
    odd = _start(also={key.SPAN_EVENTS: [5, {"name": 7}], key.SPAN_LINKS: "none", key.SPAN_EVENT_COUNT: "many"})
    async with running_app(redis_url) as client:
        partial = await _send(client, *wrong)
        assert StoredRun(redis_url, RUN).spans == {}
        await _send(client, odd)
    assert partial.rejected_log_records == len(wrong)
    assert partial.error_message
    assert StoredRun(redis_url, RUN).names() == ["7", "span_start"]


async def test_heartbeats_keep_the_runner_alive_and_tell_of_losses(redis_url: str) -> None:
    def beat(dropped: int, runner: str = RUNNER) -> LogRecord:
        said = {"spantail.runner": runner, key.HEARTBEAT_OPEN: 1, key.DROPPED: {"queue_full": dropped}}
        record = LogRecord(event_name=key.EVENT_HEARTBEAT, time_unix_nano=START * 1_000)
        add_attributes(record.attributes, said)
        return record

    async with running_app(redis_url) as client:
        await _send(client, beat(3))
        await _send(client, beat(5), beat(1, "no runner:at all"), resource={})
        counts = client.app.state.services.receiver.counts  # type: ignore[attr-defined]
        with redis.Redis.from_url(redis_url) as store:
            assert 0 < store.ttl(keys.runner(RUNNER)) <= LEASE_S
            assert store.zscore(keys.RUNNERS_SEEN, RUNNER) is not None
            assert [name for name in store.keys("runner:*") if not name.endswith((b":runs", b":about"))] == [
                keys.runner(RUNNER).encode()
            ]
        assert counts["sender_dropped.queue_full"] == 5
        assert counts["heartbeats"] == 3
        for late_or_again in (4, 5):
            await _send(client, beat(late_or_again), resource={})
        assert counts["sender_dropped.queue_full"] == 5


async def test_a_run_is_known_by_its_runner_to_the_reaper(redis_url: str) -> None:
    async with running_app(redis_url) as client:
        await _send(client, _start())
    fields = StoredRun(redis_url, RUN).meta
    assert any(name.startswith(f"w:{RUNNER}:") for name in fields), "else its death is not noticed in time"
    with redis.Redis.from_url(redis_url) as store:
        assert store.exists(keys.runner(RUNNER)), "a start that comes before the first heartbeat is a sign of life"


async def test_a_condemned_process_that_is_heard_again_runs_on(redis_url: str) -> None:
    beat = LogRecord(event_name=key.EVENT_HEARTBEAT, time_unix_nano=START * 1_000)
    async with running_app(redis_url) as client:
        await _send(client, beat, _start(also={"a": 1}), _start(span_id=CHILD, parent=ROOT))
        with Writer(redis_url) as writer, redis.Redis.from_url(redis_url) as store:
            abandonment = Abandonment(RUNNER_DIED, time.time_ns() // 1_000, START)
            for span_id in (CHILD, ROOT):
                writer.write(RUN, [abandoned(StoredRun(redis_url, RUN).spans[span_id], abandonment)])
            store.delete(keys.runner(RUNNER))
        assert {span["status"] for span in StoredRun(redis_url, RUN).spans.values()} == {"abandoned"}
        await _send(client, beat)
        back = StoredRun(redis_url, RUN)
        await _send(client, _start(2, also={"a": 2}))
        (item,) = (await client.get("/api/runs")).json()["runs"]
    assert sorted(back.names()[-2:]) == ["span_revived", "span_revived"]
    assert {span["status"] for span in back.spans.values()} == {"running"}
    assert all("abandoned" not in span and span["end"] is None for span in back.spans.values())
    assert StoredRun(redis_url, RUN).spans[ROOT]["attributes"] == {"a": 2}
    assert item["status"] == "running"


async def test_what_was_heard_again_while_redis_failed_runs_on_later(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    beat = LogRecord(event_name=key.EVENT_HEARTBEAT, time_unix_nano=START * 1_000)
    revive = Revival.of

    async def fails_once(self: Revival, runner: str) -> None:
        monkeypatch.setattr(Revival, "of", revive)
        raise redis.ConnectionError

    async with running_app(redis_url) as client:
        await _send(client, beat, _start())
        with Writer(redis_url) as writer, redis.Redis.from_url(redis_url) as store:
            abandonment = Abandonment(RUNNER_DIED, time.time_ns() // 1_000, START)
            writer.write(RUN, [abandoned(StoredRun(redis_url, RUN).spans[ROOT], abandonment)])
            store.delete(keys.runner(RUNNER))
        monkeypatch.setattr(Revival, "of", fails_once)
        body = logs(RESOURCE, [beat]).SerializeToString()
        assert (await client.post("/v1/logs", content=body, headers=PROTOBUF)).status_code == 503
        await _send(client, beat)  # the sender comes again; the lease that had run out stands by now
    assert StoredRun(redis_url, RUN).spans[ROOT]["status"] == "running"


async def test_what_an_update_does_not_say_is_unchanged_and_what_is_new_is_told(redis_url: str) -> None:
    without = {"service.name": "shop"}
    async with running_app(redis_url) as client:
        await _send(client, _start(also={"a": 1}))
        await _send(client, _start(2, also={"b": 1}), resource=without)  # a Collector has removed who sent it
        first = StoredRun(redis_url, RUN)
        await _send(client, _start(span_id=CHILD, parent=ROOT), resource=without)
        await _send(client, _start(2, CHILD, ROOT, also=_span_events("e", count=1)))
    assert first.spans[ROOT]["runner"] == RUNNER
    assert first.spans[ROOT]["attributes"] == {"a": 1, "b": 1}
    assert fold(first.events) == first.spans
    run = StoredRun(redis_url, RUN)
    assert run.spans[CHILD]["runner"] == RUNNER
    assert fold(run.events) == run.spans


async def test_a_start_told_again_revives_a_span_that_was_given_up(redis_url: str) -> None:
    async with running_app(redis_url) as client:
        await _send(client, _start(also={"a": 1}))
        with Writer(redis_url) as writer:
            writer.write(RUN, [abandoned(StoredRun(redis_url, RUN).spans[ROOT], Abandonment(RUNNER_DIED, START))])
        await _send(client, _start(2, event_name=key.EVENT_START, also={"a": 1}))
    assert StoredRun(redis_url, RUN).names() == ["span_start", "span_abandoned", "span_revived"]
