"""What a real Collector drops, masks and leaves alone, with collector.yaml as it is and with content.yaml."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spantail.content import names as content_names
from spantail_exporters.otlp.records import EVENT_HEARTBEAT, EVENT_START, EVENT_UPDATE
from tests.integration.collector.harness import plain, record, send_logs, send_spans, span
from tests.security.canaries import FURTHER_KINDS, HARMLESS, KINDS, Canaries
from tests.support.otlp.receiver import Received, otlp_receiver
from tests.support.programs.collectors import CONFIGURATION, VARIANTS, RunningCollector, running_collector
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.xdist_group("collector-cleaning")  # its fixtures start one Collector

MASKED = "****"
SERVER, CLIENT = Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CLIENT
RUN = "4bf92f3577b34da6a3ce929d0e0e4736"

NOISE = {
    "probe": (SERVER, {"url.path": "/healthz"}),
    "probe with a slash": (SERVER, {"url.path": "/readyz/"}),
    "scrape": (SERVER, {"url.path": "/metrics"}),
    "probe by the old name": (SERVER, {"http.target": "/health?verbose=1"}),
    "poll": (CLIENT, {"http.request.method": "GET", "url.full": f"http://h:8321/api/logs/{RUN}?since=3&wait=30"}),
    "poll of a run": (CLIENT, {"http.request.method": "GET", "url.full": f"https://h/api/runs/{RUN}"}),
}
WORK = {
    "work": (SERVER, {"url.path": "/orders/healthz"}),
    "call of a probe": (CLIENT, {"url.full": "http://h/healthz", "http.request.method": "GET"}),
    "retry": (CLIENT, {"http.request.method": "POST", "url.full": f"http://h/api/runs/{RUN}/retry"}),
    "removal": (CLIENT, {"http.request.method": "DELETE", "url.full": f"http://h/api/runs/{RUN}"}),
    "inner": (Span.SPAN_KIND_INTERNAL, {"url.path": "/metrics"}),
}
CONTENT = [
    *sorted(content_names._CONTENT | content_names._TEXTS),
    "gen_ai.prompt.0.content", "gen_ai.input.messages.1.parts", "gen_ai.tool.definitions.0", "llm.prompts.0.text",
    "llm.input_messages.2.message.content", "llm.tools.0.tool.json_schema", "llm.request.functions.0.name",
    "message.contents.0.text", "retrieval.documents.3.document.content", "reranker.input_documents.0.document.content",
    "embedding.embeddings.0.embedding.text", "ai.prompt.messages", "ai.prompt.0.content", "mastra.agent_run.input",
    "llm.openai.messages", "llm.anthropic.content",
]  # fmt: skip
KEPT = {
    "gen_ai.request.model": "gpt-4o-mini", "gen_ai.usage.input_tokens": 412, "gen_ai.usage.cost": 0.25,
    "gen_ai.prompt.name": "summary", "gen_ai.token.type": "input", "llm.token_count.prompt": 412,
    "gen_ai.request.max_tokens": 512, "spantail.kind": "llm_call", "spantail.session.id": "s-1", "retry": True,
    "http.route": "/orders/{id}", "ratio": 0.5, "names": "a key to success",
}  # fmt: skip
SECRETS = {
    "header": "Authorization: Bearer abcdefghijklmnop",
    "provider key": "used sk-proj-abcdefghijklmnop0123",
    "code host": "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
    "cloud": "AKIAIOSFODNN7EXAMPLE",
    "web token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
    "url": "redis://user:hunter22@cache:6379/0",
    "assignment": "connect with password=hunter22 please",
    "card": "paid by 4111 1111 1111 1111 today",
    "pem": "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQ\n-----END PRIVATE KEY-----",
}
SECRET_NAMES = [
    "password", "db.password", "client_secret", "http.request.header.authorization", "apiKey", "x-api-key",
    "auth.token", "access_token", "session_key", "set-cookie", "private_key",
]  # fmt: skip


@pytest.fixture(scope="module")
def jaeger() -> Iterator[Received]:
    with otlp_receiver() as received:
        yield received


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


@pytest.fixture(scope="module")
def collector(jaeger: Received, files: Path) -> Iterator[RunningCollector]:
    """As it is; file.yaml shows what becomes of log records."""
    settings = {"JAEGER_ENDPOINT": jaeger.endpoint, "COLLECTOR_FILES": str(files)}
    with running_collector(CONFIGURATION, VARIANTS / "file.yaml", env=settings) as running:
        yield running


def _through(collector: RunningCollector, jaeger: Received, *spans: Span) -> dict[str, Span]:
    """What arrives of these spans, by name; the last of them has to."""
    jaeger.batches.clear()
    assert send_spans(collector, spans).status_code == 200
    return eventually(lambda: found if spans[-1].name in (found := jaeger.spans()) else {}, what="the spans")


def _logged(files: Path, last: str) -> list[dict[str, Any]]:
    """All log records in the file, once the one with this body is there."""

    def found() -> list[dict[str, Any]]:
        lines = (files / "logs.jsonl").read_text().splitlines() if (files / "logs.jsonl").exists() else []
        resources = [resource for line in lines for resource in json.loads(line)["resourceLogs"]]
        records = [one for resource in resources for scope in resource["scopeLogs"] for one in scope["logRecords"]]
        return records if any(one.get("body", {}).get("stringValue") == last for one in records) else []

    return eventually(found, what="the log records")


def test_noise_is_dropped_and_work_is_not(collector: RunningCollector, jaeger: Received) -> None:
    spans = [span(name, attributes, kind=kind) for name, (kind, attributes) in (NOISE | WORK).items()]
    assert _through(collector, jaeger, *spans).keys() == WORK.keys()


def test_prompts_and_answers_are_masked_by_every_name(collector: RunningCollector, jaeger: Received) -> None:
    prompts = dict.fromkeys(CONTENT, "tell me about canaries")
    chat = span("chat", prompts | KEPT, events={"gen_ai.client.inference.operation.details": prompts})
    arrived = _through(collector, jaeger, chat)["chat"]
    attributes = plain(arrived.attributes)
    assert {name: attributes[name] for name in KEPT} == KEPT
    assert not [name for name in CONTENT if attributes[name] != MASKED]
    assert set(plain(arrived.events[0].attributes).values()) == {MASKED}
    assert b"canaries" not in arrived.SerializeToString()


def test_everyday_names_are_prompts_where_an_llm_is_spoken_of(collector: RunningCollector, jaeger: Received) -> None:
    said = {"content": "canaries", "input": "canaries"}
    spans = [
        span("llm", said | {"gen_ai.operation.name": "chat"}, events={"gen_ai.user.message": said, "other": said}),
        span("page", said),
    ]
    arrived = _through(collector, jaeger, *spans)
    assert plain(arrived["llm"].attributes) == {"gen_ai.operation.name": "chat"}
    assert {event.name: plain(event.attributes) for event in arrived["llm"].events} == {
        "gen_ai.user.message": {},
        "other": said,
    }
    assert plain(arrived["page"].attributes) == said


def test_secrets_are_masked(collector: RunningCollector, jaeger: Received) -> None:
    attributes = SECRETS | dict.fromkeys(SECRET_NAMES, "hunter22") | KEPT
    message = "refused: Bearer abcdefghijklmnop, sk-proj-abcdefghijklmnop0123"
    sent = span("secrets", attributes, error=message, events={"exception": {"exception.message": SECRETS["header"]}})
    arrived = _through(collector, jaeger, sent)["secrets"]
    found = plain(arrived.attributes)
    assert {name: found[name] for name in KEPT} == KEPT
    assert {found[name] for name in SECRET_NAMES} == {MASKED}
    assert all(MASKED in found[name] for name in SECRETS)
    assert found["redaction.masked.count"] == len(SECRETS) + len(SECRET_NAMES)
    assert found["url"] == "redis****cache:6379/0"
    assert arrived.status.message == "refused: B****, ****"
    whole = arrived.SerializeToString()
    assert not [part for part in (b"hunter22", b"abcdefghijklmnop", b"IOSFODNN7", b"MIIEvQ", b"4111") if part in whole]


def test_every_kind_of_secret_that_spantail_knows_is_masked(collector: RunningCollector, jaeger: Received) -> None:
    canaries = Canaries(KINDS | FURTHER_KINDS)
    in_span = {f"text {number}": canaries.plant(kind, "a span") for number, kind in enumerate(KINDS | FURTHER_KINDS)}
    in_event = {f"text {number}": canaries.plant(kind, "an event") for number, kind in enumerate(KINDS | FURTHER_KINDS)}
    harmless = {f"harmless {number}": text for number, text in enumerate(HARMLESS)}
    arrived = _through(collector, jaeger, span("all kinds", in_span | harmless, events={"e": in_event}))["all kinds"]
    assert not canaries.found_in(arrived.SerializeToString())
    attributes = plain(arrived.attributes)
    assert {name: attributes[name] for name in harmless} == harmless
    assert len(attributes) == len(in_span) + len(harmless) + 1, "nothing is lost, and their number is said"


def test_what_has_nothing_to_hide_is_left_as_it_is(collector: RunningCollector, jaeger: Received) -> None:
    sent = span("plain", KEPT, events={"llm_call_fallback": {"spantail.fallback.to": "langchain"}})
    sent.status.SetInParent()  # the Collector says of each span that it has none
    assert _through(collector, jaeger, sent)["plain"] == sent


def test_log_records_are_cleaned_and_starts_stay_out(
    collector: RunningCollector, jaeger: Received, files: Path
) -> None:
    jaeger.batches.clear()
    starts = [record(None, {"spantail.span.name": "s"}, event=event) for event in (EVENT_START, EVENT_UPDATE)]
    lines = [
        *starts,
        record(None, {"spantail.runner": "h:1:2"}, event=EVENT_HEARTBEAT),
        record({"content": "canaries"}, event="gen_ai.user.message"),
        record("Authorization: Bearer abcdefghijklmnop", {"gen_ai.input.messages": "canaries", "n": 1}),
        record("last line"),
    ]
    assert send_logs(collector, lines).status_code == 200
    kept = _logged(files, "last line")
    assert [one.get("eventName", "") for one in kept] == ["gen_ai.user.message", "", ""]
    assert [one["body"] for one in kept] == [
        {"stringValue": ""}, {"stringValue": "A****"}, {"stringValue": "last line"}
    ]  # fmt: skip
    assert "canaries" not in json.dumps(kept)
    assert not jaeger.batches, "no record became a span"


def test_prompts_are_kept_where_that_is_wanted(jaeger: Received) -> None:
    settings = {"JAEGER_ENDPOINT": jaeger.endpoint}
    with running_collector(CONFIGURATION, VARIANTS / "content.yaml", env=settings) as collector:
        attributes = {"gen_ai.input.messages": "canaries", "content": "seed", "gen_ai.operation.name": "chat"}
        arrived = _through(collector, jaeger, span("chat", attributes | {"password": "hunter22"}))
    assert plain(arrived["chat"].attributes) == attributes | {"password": MASKED, "redaction.masked.count": 1}
