"""Prompts and answers that are not kept leave a mark, by whatever way they come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from spantail.content import CAPTURE_CONTENT_VARIABLE
from tests.integration.service.harness import ROOT_SPAN, RUN, START, running_app
from tests.support.otlp.requests import PROTOBUF, add_attributes, any_value, logs
from tests.support.runs.live_runs import StoredRun, fold

if TYPE_CHECKING:
    import httpx

JSON = {"content-type": "application/json"}
NDJSON = {"content-type": "application/x-ndjson"}
PROMPT, ANSWER, SECRET = "what do you think of this?", "grüße", "between us"


def mark(field: str, size: int, where: str = "service") -> dict[str, Any]:
    return {"field": field, "bytes": size, "setting": CAPTURE_CONTENT_VARIABLE, "where": where}


def values(**attributes: str) -> list[dict[str, Any]]:
    return [{"key": name.replace("__", "."), "value": {"stringValue": value}} for name, value in attributes.items()]


def request(*attributes: dict[str, Any], events: tuple[Any, ...] = (), links: tuple[Any, ...] = ()) -> dict[str, Any]:
    span = {
        "traceId": RUN, "spanId": ROOT_SPAN, "name": "chat gpt-4o-mini", "kind": 3,
        "startTimeUnixNano": str(START * 1_000), "endTimeUnixNano": str((START + 9_000) * 1_000),
        "attributes": list(attributes), "events": list(events), "links": list(links),
    }  # fmt: skip
    return {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}


async def span_of(client: httpx.AsyncClient) -> dict[str, Any]:
    return dict((await client.get(f"/api/traces/{RUN}/spans/{ROOT_SPAN}")).json())


async def test_content_over_otlp_is_the_services_to_keep(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    body = request(
        *values(gen_ai__operation__name="chat", gen_ai__request__model="gpt-4o-mini", llm__prompts=SECRET),
        *values(gen_ai__prompt__0__content=PROMPT, gen_ai__completion=ANSWER),
        events=({"timeUnixNano": str(START * 1_000), "name": "said", "attributes": values(gen_ai__prompt=SECRET)},),
        links=({"traceId": RUN, "spanId": "00f067aa0ba902b8", "attributes": values(input__value=SECRET)},),
    )
    async with running_app(redis_url) as client:
        assert (await client.post("/v1/traces", json=body)).status_code == 200
        span = await span_of(client)
        tree = (await client.get(f"/api/traces/{RUN}?fields=tree")).json()["spans"][0]
    marks = {one["field"]: one for one in span["content"]}
    # moved under our name, it is JSON: a list of one message
    assert marks.pop("gen_ai.input.messages") == mark("gen_ai.input.messages", len(f'[{{"content":"{PROMPT}"}}]'))
    assert marks == {
        field: mark(field, size)
        for field, size in (
            ("gen_ai.output.messages", 7), ("llm.prompts", 10), ("gen_ai.prompt", 10), ("input.value", 10),
        )
    }  # fmt: skip
    assert span["span_events"][0]["attributes"] == {}
    assert tree["content"] == span["content"], "the page's list needs no second question"
    run = StoredRun(redis_url, RUN)
    assert fold(run.events) == run.spans

    monkeypatch.setenv(CAPTURE_CONTENT_VARIABLE, "true")
    async with running_app(redis_url) as client:
        other = request(*body["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["attributes"])
        other["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["spanId"] = "00f067aa0ba902b8"
        assert (await client.post("/v1/traces", json=other)).status_code == 200
        kept = (await client.get(f"/api/traces/{RUN}/spans/00f067aa0ba902b8")).json()
    assert "content" not in kept
    assert kept["attributes"]["gen_ai.output.messages"] == ANSWER


async def test_a_span_without_content_has_no_mark(redis_url: str) -> None:
    async with running_app(redis_url) as client:
        assert (await client.post("/v1/traces", json=request(*values(plain="a prompt")))).status_code == 200
        assert "content" not in await span_of(client)


async def test_genai_log_events(redis_url: str) -> None:
    record = LogRecord(
        trace_id=bytes.fromhex(RUN), span_id=bytes.fromhex(ROOT_SPAN), flags=1, time_unix_nano=START * 1_000,
        event_name="gen_ai.user.message", body=any_value(PROMPT),
    )  # fmt: skip
    add_attributes(record.attributes, {"gen_ai.output.messages": ANSWER, "n": 1})
    plain = LogRecord(
        trace_id=bytes.fromhex(RUN), span_id=bytes.fromhex(ROOT_SPAN), flags=1, time_unix_nano=START * 1_000,
        body=any_value({"user_prompt": PROMPT, "n": 1}),
    )  # fmt: skip
    async with running_app(redis_url) as client:
        answer = await client.post("/v1/logs", content=logs({}, (record, plain)).SerializeToString(), headers=PROTOBUF)
        assert answer.status_code == 200
        first, second = (await client.get(f"/api/logs/{RUN}")).json()["logs"]
    assert first["content"] == [mark("body", len(PROMPT)), mark("gen_ai.output.messages", 7)]
    assert PROMPT not in str(first) + str(second)
    assert (second["content"], second["message"]) == ([mark("user_prompt", len(PROMPT))], '{"n":1}')


async def test_marks_go_out_and_come_in_again(redis_url: str) -> None:
    """What an application left out it tells over OTLP; the service adds what it left out itself."""
    attribute = f'[{{"field":"gen_ai.input.messages","bytes":412,"setting":"{CAPTURE_CONTENT_VARIABLE}",'
    attribute += '"where":"application"}]'
    reported = values(gen_ai__output__messages=ANSWER, spantail__content__left_out=attribute)
    reported[-1]["key"] = "spantail.content.left_out"
    async with running_app(redis_url) as client:
        assert (await client.post("/v1/traces", json=request(*reported))).status_code == 200
        span = await span_of(client)
        expected = [mark("gen_ai.input.messages", 412, "application"), mark("gen_ai.output.messages", 7)]
        assert span["content"] == expected
        assert "spantail.content.left_out" not in span["attributes"]
        for kind, headers in (("otlp", JSON), ("ndjson", NDJSON)):
            exported = await client.get(f"/api/runs/{RUN}/export", params={"format": kind})
            assert (await client.delete(f"/api/runs/{RUN}")).status_code == 204
            taken = await client.post("/api/runs/import", content=exported.content, headers=headers)
            assert taken.json()["runs"] == [RUN]
            assert (await span_of(client))["content"] == expected, kind


@pytest.mark.parametrize("reported", ["nonsense", "[1]", "[]"])
async def test_what_is_no_mark_is_an_attribute(redis_url: str, reported: str) -> None:
    attributes = values(x=reported)
    attributes[0]["key"] = "spantail.content.left_out"
    async with running_app(redis_url) as client:
        assert (await client.post("/v1/traces", json=request(*attributes))).status_code == 200
        span = await span_of(client)
    assert "content" not in span
    assert span["attributes"] == {"spantail.content.left_out": reported}
