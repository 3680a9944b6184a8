"""OTLP requests that are almost right: valid ones, changed in ways that parsers stumble over. Same seed, same bytes."""

from __future__ import annotations

import gzip
import random
import time
from typing import Any, Final, NamedTuple, cast

from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from bench.support.odd_requests import shapes
from spantail_exporters.otlp import records as key
from tests.support.otlp.requests import JSON, PROTOBUF, add_attributes, any_value, as_json, logs, traces

_ODD: Final[list[Any]] = [
    None, "", "\0", "ü" * 50, "x" * 5_000, 0, -1, 2**63 - 1, -(2**63), 0.0, float("nan"), float("-inf"), True, b"",
    b"\xff\xfe", [], {}, [[]], {"": None}, [1, "a", None, {"b": [2.5]}], "Bearer abcdefghijkl", '{"rev":1}', "\n",
]  # fmt: skip
_NAMES: Final = (
    "", "gen_ai.operation.name", "gen_ai.usage.input_tokens", "gen_ai.usage.cost", "spantail.kind", "spantail.layer",
    "spantail.layers", "spantail.status", "spantail.cost_usd", "spantail.progress.done", "spantail.backend", "password",
    "llm.token_count.prompt", "error.type", "logger.name", "exception.type", "x" * 300, "a.b.c", "ü",
    "spantail.fallback.from", "spantail.attempt", "logfire.span_type", "logfire.msg",
    "langfuse.observation.cost_details", "openinference.span.kind", "input.value", "gen_ai.input.messages",
    "gen_ai.system",
)  # fmt: skip
_KINDS: Final = ("layer", "llm_call", "operation", "pipeline", "nothing", "")
_TIMES: Final = (0, 1, 999, 1_795_308_986_084_596_123, 2**63, 2**64 - 1)
_SYNTAX: Final = (b"{", b"}", b"[", b"]", b'"', b",", b":", b"\\u0000", b"\\ud800", b"1e999", b"null", b"-", b"\xff")


class Case(NamedTuple):
    """One request."""

    path: str
    body: bytes
    headers: dict[str, str]


def cases(seed: int, count: int) -> list[Case]:
    """Make requests; every fifth or so is left as it is."""
    rng = random.Random(seed)
    return [_case(rng) for _ in range(count)]


# small enough for a thousand of them, and still what they are
_SHAPES: Final = [shape for shape in shapes(0.0003) if shape.path.startswith("/v1/")]


def _odd_case(rng: random.Random) -> Case:
    shape = rng.choice(_SHAPES)
    headers = dict(shape.headers)
    body = shape.sent or shape.body
    if shape.sent:
        headers["content-encoding"] = "gzip"
    for _ in range(rng.choice((0, 1, 1, 2))):
        body = _mutated(rng, body, is_json=headers == JSON)
    return Case(shape.path, body, headers)


def _case(rng: random.Random) -> Case:
    if rng.random() < 0.15:
        return _odd_case(rng)
    is_json, is_trace = rng.random() < 0.4, rng.random() < 0.5
    resource = _attributes(rng, 2) | rng.choice([{}, {"service.name": "shop", "spantail.runner": "web:1:2"}])
    if is_trace:
        request: Any = traces(resource, [_span(rng) for _ in range(rng.randrange(4))])
        path = "/v1/traces"
    else:
        request = logs(resource, [_record(rng) for _ in range(rng.randrange(4))])
        path = "/v1/logs"
    body = as_json(request) if is_json else request.SerializeToString()
    for _ in range(rng.choice((0, 1, 1, 2, 6))):
        body = _mutated(rng, body, is_json=is_json)
    headers = dict(JSON if is_json else PROTOBUF)
    if rng.random() < 0.2:
        headers["content-encoding"] = "gzip"
        body = gzip.compress(body, 1, mtime=0)
        if rng.random() < 0.5:
            body = _mutated(rng, body, is_json=False)
    if rng.random() < 0.02:
        headers["content-type"] = rng.choice(("application/x-protobuf", "application/json", "text/plain", ""))
    return Case(path, body, headers)


def _attributes(rng: random.Random, most: int) -> dict[str, Any]:
    said = {rng.choice(_NAMES): rng.choice(_ODD) for _ in range(rng.randrange(most + 1))}
    if "spantail.kind" in said:
        said["spantail.kind"] = rng.choice(_KINDS)
    return said


def _ids(rng: random.Random) -> dict[str, Any]:
    lengths = (16, 16, 16, 0, 15), (8, 8, 8, 0, 9)
    trace_id, span_id = (bytes([rng.randrange(3)]) * rng.choice(of) for of in lengths)
    return {"trace_id": trace_id, "span_id": span_id}


def _span(rng: random.Random) -> Span:
    span = Span(
        **_ids(rng), name=str(rng.choice(_ODD)), parent_span_id=rng.choice((b"", b"\1" * 8, b"\0" * 8, b"\1")),
        start_time_unix_nano=rng.choice(_TIMES), end_time_unix_nano=rng.choice(_TIMES),
        dropped_events_count=rng.choice((0, 1, 2**32 - 1)),
    )  # fmt: skip
    add_attributes(span.attributes, _attributes(rng, 6))
    span.status.code = rng.randrange(4)  # type: ignore[assignment]
    for _ in range(rng.randrange(3)):
        event = span.events.add(name=rng.choice(("exception", "", "x")), time_unix_nano=rng.choice(_TIMES))
        add_attributes(event.attributes, _attributes(rng, 2))
    if rng.random() < 0.3:
        span.links.add(**_ids(rng))
    return span


def _record(rng: random.Random) -> LogRecord:
    record = LogRecord(
        **_ids(rng), time_unix_nano=rng.choice(_TIMES), flags=rng.randrange(2),
        severity_number=cast("Any", rng.randrange(-1, 30)),
        severity_text=rng.choice(("", "warn", "x" * 100)), body=any_value(rng.choice(_ODD)),
        event_name=rng.choice((key.EVENT_START, key.EVENT_UPDATE, key.EVENT_HEARTBEAT, "", "gen_ai.choice")),
    )  # fmt: skip
    said = _attributes(rng, 4)
    if record.event_name.startswith(key.OWN_PREFIX) or rng.random() < 0.2:
        said |= {key.SPAN_NAME: "work", key.SPAN_START: rng.choice(_TIMES[:4]), key.SPAN_REV: rng.randrange(5)}
        for name in (key.SPAN_PARENT, key.SPAN_EVENTS, key.SPAN_EVENT_COUNT, key.SPAN_LINKS, key.SPAN_REV, key.DROPPED):
            if rng.random() < 0.2:
                said[name] = rng.choice(
                    [*_ODD, "01" * 8, [{"name": "x", "time_unix_nano": 5}], [{"name": [], "attributes": 5}]]
                )
    add_attributes(record.attributes, said)
    return record


def _mutated(rng: random.Random, body: bytes, *, is_json: bool) -> bytes:
    data = bytearray(body)
    at = rng.randrange(len(data) + 1)
    match rng.randrange(6):
        case 0 if data:
            data[at - 1] = rng.randrange(256)
        case 1:
            del data[at:]
        case 2:
            del data[at : at + rng.randrange(1, 20)]
        case 3:
            data[at:at] = rng.choice(_SYNTAX) if is_json else rng.randbytes(rng.randrange(1, 10))
        case 4:
            data[at:at] = data[at : at + rng.randrange(1, 200)]
        case _ if data:
            data[at - 1] ^= 1 << rng.randrange(8)
    return bytes(data)


def seconds_of(case: Case, began: float) -> str:
    """Say how long a case took, with enough of it to find it again."""
    return f"{time.perf_counter() - began:.1f} s for {case.path} {case.headers} {case.body[:200]!r}"
