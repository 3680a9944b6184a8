"""The wire format, literally: every kind of event stands in one golden file, which the page's tests read too.

Write it anew with `SPANTAIL_TEST_WRITE_GOLDEN=1 pytest tests/unit/exporters/test_event.py` and read the diff.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import orjson
import pytest

from spantail.live import LogEvent
from spantail.redaction import Redactor
from spantail_exporters.model.event import dumps, encode_log, encode_span_events, encode_state
from spantail_exporters.model.record import Link, SpanEvent, SpanRecord
from spantail_exporters.model.update import update_of

GOLDEN = Path(__file__).parents[2] / "golden" / "events.ndjson"
RUN = "4bf92f3577b34da6a3ce929d0e0e4736"
T0 = 1_795_308_986_084_596


def record(span: int, parent: int | None, name: str, start: int, end: int | None, **more: Any) -> SpanRecord:
    attributes = more.pop("attributes", {})
    return SpanRecord(
        run_id=RUN,
        span_id=f"{span:016x}",
        parent_id=None if parent is None else f"{parent:016x}",
        name=name,
        start_us=T0 + start,
        end_us=None if end is None else T0 + end,
        attributes=attributes,
        service="spantail-service",
        runner="web-1:4242:1795308000",
        **more,
    )


def attempt(backend: str, model: str, **more: Any) -> dict[str, Any]:
    return {
        "spantail.kind": "llm_call",
        "spantail.backend": backend,
        "spantail.tier": "high",
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": model,
        **more,
    }


def story() -> list[bytes]:
    """One run with every kind of event, in the order in which a writer would send them."""
    redactor = Redactor()
    lines: list[bytes] = []

    def tell(span: SpanRecord, rev: int, reported: int = 0, event: str | None = None) -> None:
        state = encode_state(span, rev, redactor, event=event, noted=reported)
        lines.extend(encode_span_events(state, state.noted - reported))
        lines.append(dumps(state.body))

    def ended(kind: str, span: int, **more: Any) -> None:
        attributes = {"spantail.kind": kind, **more.pop("attributes", {})}
        tell(record(span, 1, f"{kind} {span}", 1000, None, attributes=attributes), 1, event="_start")
        tell(record(span, 1, f"{kind} {span}", 1000, 2000, attributes=attributes, **more), 2)

    root = {
        "spantail.kind": "operation",
        "spantail.layers": ["fetch", "score"],
        "spantail.run.name": "job search",
    }
    tell(record(1, None, "job search", 0, None, attributes=root), 1, event="_start")
    ended("pipeline", 2)
    ended(
        "layer",
        3,
        attributes={"spantail.layer": "fetch", "spantail.progress.done": 3, "spantail.progress.total": 3},
    )
    ended("phase", 4)
    ended("subphase", 5, attributes={"spantail.status": "skipped"})
    ended("retrieval", 6, attributes={"spantail.cache": "hit"})
    ended("tool", 7, attributes={"spantail.status": "cancelled"})
    ended("queue", 8)
    ended("span", 9, links=(Link("0" * 31 + "1", "0" * 15 + "1", {"link": "to another run"}),))
    trouble = {
        "exception.type": "TimeoutError",
        "exception.message": "no answer",
        "exception.stacktrace": "Traceback",
    }
    ended("retrieval", 10, failed=True, span_events=(SpanEvent(T0 + 1900, "exception", trouble),))
    ended(
        "phase",
        11,
        span_events=(
            SpanEvent(T0 + 1500, "decision_point", {"chose": "b"}),
            SpanEvent(T0 + 1600, "validation_result", {}),
        ),
    )

    # an attempt that fails, the fallback, an attempt that streams and succeeds
    tell(
        record(12, 1, "score job 12", 3000, None, attributes={"spantail.kind": "llm_group"}),
        1,
        event="_start",
    )
    first = attempt("claude_cli", "claude-sonnet-4-5")
    tell(record(13, 12, "chat claude-sonnet-4-5", 3100, None, attributes=first), 1, event="_start")
    tell(
        record(
            13,
            12,
            "chat claude-sonnet-4-5",
            3100,
            3900,
            attributes=first,
            failed=True,
            description="rate limited",
        ),
        2,
    )
    fallback = SpanEvent(
        T0 + 3950,
        "llm_call_fallback",
        {"spantail.fallback.from": "claude_cli", "spantail.fallback.to": "langchain"},
    )
    second = attempt("langchain", "gpt-4o-mini", **{"spantail.attempt": 2, "spantail.fallback.from": "claude_cli",
                                                    "spantail.fallback.reason": "rate_limited"})  # fmt: skip
    started = record(14, 12, "chat gpt-4o-mini", 4000, None, attributes=second)
    tell(started, 1, event="_start")
    before = encode_state(started, 1, redactor, event="_start")
    running = {"gen_ai.usage.output_tokens": 21}
    streaming = record(14, 12, "chat gpt-4o-mini", 4000, None, attributes=second | running)
    update = encode_state(streaming, 2, redactor, event="_update", ts=T0 + 4500)
    said = update_of(update, before.body)
    assert said is not None
    assert said["attributes"] == running
    lines.append(dumps(said))
    usage = {"gen_ai.usage.input_tokens": 412, "gen_ai.usage.output_tokens": 96, "spantail.cost_usd": 0.0001194,
             "spantail.cost.source": "calculated"}  # fmt: skip
    tell(record(14, 12, "chat gpt-4o-mini", 4000, 5000, attributes=second | usage), 3)
    group = record(
        12, 1, "score job 12", 3000, 5100, attributes={"spantail.kind": "llm_group"}, span_events=(fallback,)
    )
    tell(group, 2)

    # its prompt and answer are not kept
    said = {"gen_ai.input.messages": '[{"role":"user"}]', "gen_ai.output.messages": "grüße"}
    reported = SpanEvent(T0 + 4700, "said", {"gen_ai.prompt": "in an event"})
    quiet = attempt("claude_cli", "claude-sonnet-4-5", **said)
    tell(record(15, 1, "chat claude-sonnet-4-5", 4600, 4900, attributes=quiet, span_events=(reported,)), 1)

    log = LogEvent(time_ns=(T0 + 5200) * 1000, trace_id=int(RUN, 16), span_id=1, level="WARNING", logger="app.search",
                   message="Bayt answered late")  # fmt: skip
    lines.append(encode_log(log, "spantail-service", "web-1:4242:1795308000", redactor))
    failure = log._replace(error={"type": "ValueError", "message": "no", "traceback": "Traceback"}, level="ERROR")
    lines.append(encode_log(failure, "spantail-service", "web-1:4242:1795308000", redactor))
    tell(record(1, None, "job search", 0, 6000, attributes=root), 2)

    # an attempt in audio, whose tier has no price, and a span that alone tells what its calls came to
    audio = attempt(
        "openai",
        "gpt-audio",
        **{
            "gen_ai.usage.input_tokens": 17,
            "gen_ai.usage.output_tokens": 592,
            "spantail.usage.audio_output_tokens": 482,
            "spantail.service_tier": "flex",
            "spantail.cost.source": "unpriced",
            "spantail.cost.note": "flex tier: no price known",
        },
    )
    tell(record(30, 1, "chat gpt-audio", 9000, 9500, attributes=audio), 2)
    around = {
        "spantail.kind": "span",
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.usage.input_tokens": 1200,
        "gen_ai.usage.output_tokens": 300,
        "gen_ai.usage.cost.amount": 0.0081,
        "gen_ai.usage.cost.currency": "USD",
        "gen_ai.usage.cost.source": "provider",
    }
    tell(record(31, 1, "invoke_agent buyer", 9000, 9900, attributes=around), 2)

    return lines


def test_the_wire_format_is_the_golden_file() -> None:
    lines = story()
    if os.environ.get("SPANTAIL_TEST_WRITE_GOLDEN"):
        GOLDEN.write_bytes(b"\n".join(lines) + b"\n")
    assert lines == GOLDEN.read_bytes().splitlines()


def test_every_line_says_what_a_reader_needs() -> None:
    for line in story():
        event = orjson.loads(line)
        assert {"ts", "event", "run_id", "span_id"} <= event.keys()
        if event["event"] != "log":
            assert list(event)[:4] == ["rev", "status", "start", "noted"]


@pytest.mark.parametrize(
    ("attributes", "kind"),
    [
        ({"spantail.kind": "layer"}, "layer"),
        ({"spantail.kind": "nonsense"}, "span"),
        ({"spantail.kind": ["layer"]}, "span"),
        ({"gen_ai.operation.name": "chat"}, "llm_call"),
        ({"gen_ai.operation.name": "execute_tool"}, "tool"),
        ({"gen_ai.operation.name": ["chat"]}, "span"),
        ({"gen_ai.operation.name": "invoke_agent"}, "span"),
        ({}, "span"),
    ],
)
def test_kind(attributes: dict[str, Any], kind: str) -> None:
    state = encode_state(record(1, None, "x", 0, 1, attributes=attributes), 1, Redactor())
    assert state.body["kind"] == kind
    assert state.body["event"] == f"{kind}_complete"


@pytest.mark.parametrize("cost", [float("nan"), float("inf"), -1.0, 1e30, "0.1", True, None])
def test_a_cost_that_is_no_amount_is_unpriced(cost: object) -> None:
    attributes = attempt("b", "m", **{"spantail.cost_usd": cost})
    state = encode_state(record(1, None, "x", 0, 1, attributes=attributes), 1, Redactor())
    assert "cost_usd" not in state.body
    assert "cost_nano" not in state.body
    assert state.body["cost_source"] == "unpriced"
    assert state.account == "0 1 0 0 0 b\n\n0\nm"


def test_what_is_said_to_be_unpriced_is_so_unless_it_has_a_cost() -> None:
    said = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o-mini", "gen_ai.provider.name": "openai",
            "gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 2,
            "spantail.cost.source": "unpriced", "spantail.cost.note": "it was cut off"}  # fmt: skip
    body = encode_state(record(1, None, "x", 0, 1, attributes=said), 1, Redactor()).body
    assert (body["cost_source"], body["cost_note"], body.get("cost_nano")) == ("unpriced", "it was cut off", None)
    body = encode_state(record(1, None, "x", 0, 1, attributes={**said, "spantail.cost_usd": 0.5}), 1, Redactor()).body
    assert (body.get("cost_source"), body["cost_nano"]) == (None, 500_000_000)


def test_money_is_rounded_once_to_nano_dollars() -> None:
    for usd, nano in ((0.00099, 990_000), (0.1 + 0.2, 300_000_000)):
        span = record(1, None, "chat", 0, 1, attributes=attempt("claude", "house-model", **{"spantail.cost_usd": usd}))
        assert encode_state(span, 1, Redactor()).body["cost_nano"] == nano


def test_older_names_are_understood() -> None:
    attributes = {
        "gen_ai.operation.name": "chat",
        "gen_ai.system": "openai",
        "gen_ai.usage.prompt_tokens": 3,
        "gen_ai.usage.completion_tokens": 4,
    }
    body = encode_state(record(1, None, "x", 0, 1, attributes=attributes), 1, Redactor()).body
    assert body["backend"] == "openai"
    assert body["tokens"] == {"input": 3, "output": 4}


def test_a_backend_cannot_break_out_of_its_account() -> None:
    attributes = attempt("evil\n9 9 9", "m\n1", **{"spantail.fallback.from": "a\nb"})
    assert (
        encode_state(record(1, None, "x", 0, 1, attributes=attributes), 1, Redactor()).account
        == "0 1 0 0 0 evil 9 9 9\na b\n0\nm 1"
    )


@pytest.mark.parametrize("number", [{"attributes": {}}, [1], 1.5, True])
def test_what_is_no_number_of_an_attempt_stands_in_the_attributes_alone(number: object) -> None:
    state = encode_state(
        record(1, None, "x", 0, 1, attributes=attempt("b", "m", **{"spantail.attempt": number})), 1, Redactor()
    )
    assert "attempt" not in state.body
    # the run script makes the account again from the text in front of the attributes
    head = dumps(state.body).partition(b',"attributes":')[0]
    assert orjson.loads(head + b"}")["model"] == "m"


def test_a_truth_value_is_no_progress() -> None:
    said = {"spantail.progress.done": True, "spantail.progress.total": 3}
    body = encode_state(record(1, None, "x", 0, 1, attributes=said), 1, Redactor()).body
    assert body["progress"] == {"total": 3}


def test_the_traceback_stands_once() -> None:
    trouble = {"exception.type": "E", "exception.message": "m", "exception.stacktrace": "S" * 1000}
    failed = record(1, None, "x", 0, 1, failed=True, span_events=(SpanEvent(T0, "exception", trouble),))
    assert dumps(encode_state(failed, 1, Redactor()).body).count(b"S" * 1000) == 1
