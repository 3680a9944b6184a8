"""OTLP requests with everything taken out that differs from run to run: ids, times, ports, paths, durations.

What is left is what a library says, and two exports of the same version are the same text.
"""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any, Final

from google.protobuf import json_format  # type: ignore[import-untyped]

from tests.support.tools import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from google.protobuf.message import Message  # type: ignore[import-untyped]

_BEGIN_NS: Final = 1_767_225_600_000_000_000  # 2026-01-01
_STEP_NS: Final = 1_000_000
_NS_PER_MS: Final = 1_000_000
_TIMES: Final = ("startTimeUnixNano", "endTimeUnixNano", "timeUnixNano", "observedTimeUnixNano")
_IDS: Final = {"traceId": 32, "spanId": 16, "parentSpanId": 16}

_UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_PATTERNS: Final = (
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:8080"),
    (re.compile(r"/\S*?/(?:site-packages|lib/python3\.\d+)/"), "/lib/"),
    (re.compile(re.escape(str(ROOT))), "/app"),
    (re.compile(r"took \d+\.\d+s"), "took 0.10s"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z"), "2026-01-01T00:00:00.000Z"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "0" * 64),
)
_VARYING: Final[dict[str, Any]] = {
    # the value of these is never the same twice, and nothing reads it; those that are read keep a plausible value
    "ai.response.avgOutputTokensPerSecond": {"doubleValue": 20.0},
    "ai.response.msToFinish": {"doubleValue": 100.0},
    "ai.response.msToFirstChunk": {"doubleValue": 50.0},
    "code.lineno": {"intValue": "1"},
    "duration": {"doubleValue": 0.1},
    "duration_ms": {"intValue": "100"},
    "exception.stacktrace": {"stringValue": "Traceback (most recent call last):\n  …"},
    "first_content_ms": {"intValue": "50"},
    "gen_ai.client.operation.duration": {"doubleValue": 0.1},
    "gen_ai.client.operation.time_per_output_chunk": {"doubleValue": 0.02},
    "gen_ai.client.operation.time_to_first_chunk": {"doubleValue": 0.05},
    "gen_ai.execute_tool.duration": {"doubleValue": 0.1},
    "gen_ai.response.time_to_first_chunk": {"doubleValue": 0.05},
    "gen_ai.server.time_to_first_token": {"doubleValue": 0.05},
    "hidden_params": {"stringValue": "{}"},
    "network.peer.port": {"intValue": "50000"},
    "host.arch": {"stringValue": "amd64"},
    "interaction.duration_ms": {"intValue": "1000"},
    "logfire.metrics": {"stringValue": "{}"},
    "os.type": {"stringValue": "linux"},
    "os.version": {"stringValue": "6"},
    "process.pid": {"intValue": "1"},
    "process.runtime.version": {"stringValue": "3"},
    "process.runtime.description": {"stringValue": "3"},
    "server.port": {"intValue": "8080"},
    "ttft_ms": {"intValue": "50"},
}


def stable_lines(requests: Sequence[Message]) -> list[str]:
    """One line of OTLP JSON for each request, in their order."""
    plain = [_with_hex_ids(json_format.MessageToDict(request)) for request in requests]
    marks = sorted({int(mark) for request in plain for mark in _found(request, _TIMES)} - {0})
    times = {str(mark): str(_BEGIN_NS + place * _STEP_NS) for place, mark in enumerate(marks)}
    names = _names(plain)
    return [json.dumps(_stable(request, times, names), ensure_ascii=False, sort_keys=True) for request in plain]


def without_times(value: Any) -> Any:
    """The same without its times: in which order things ended is a matter of threads."""
    if isinstance(value, list):
        return [without_times(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {name: without_times(item) for name, item in value.items() if name not in _TIMES}


def _with_hex_ids(value: Any) -> Any:
    """OTLP's JSON writes ids in hex, where protobuf's own mapping writes base64."""
    if isinstance(value, list):
        return [_with_hex_ids(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {name: base64.b64decode(item).hex() if name in _IDS else _with_hex_ids(item) for name, item in value.items()}


def _found(value: Any, names: Sequence[str]) -> list[str]:
    if isinstance(value, list):
        return [found for item in value for found in _found(item, names)]
    if not isinstance(value, dict):
        return []
    own = [str(item) for name, item in value.items() if name in names]
    return own + [found for item in value.values() for found in _found(item, names)]


def _spans(plain: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    groups = [group for request in plain for group in request.get("resourceSpans", ())]
    return [span for group in groups for scope in group.get("scopeSpans", ()) for span in scope.get("spans", ())]


def _names(plain: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Ids by the order in which their spans began: what arrives first is a matter of threads.

    Node.js has milliseconds only: of spans that began in the same one, that goes first which does so in the tree.
    """
    spans = sorted(_spans(plain), key=lambda span: (int(span["startTimeUnixNano"]), span["name"]))
    if all(int(span["startTimeUnixNano"]) % _NS_PER_MS == 0 for span in spans):
        spans = sorted(_in_tree_order(spans), key=lambda span: int(span["startTimeUnixNano"]))
    ids: dict[str, str] = {}
    for name, digits in _IDS.items():
        for found in [span[name] for span in spans if name in span] + _found(plain, [name]):
            if found and found not in ids:
                ids[found] = f"{len(ids) + 1:0{digits}x}"
    return ids


def _in_tree_order(spans: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    known = {span["spanId"] for span in spans}
    below: dict[str, list[dict[str, Any]]] = {}
    for span in sorted(spans, key=lambda span: (int(span["startTimeUnixNano"]), _end(span), span["name"])):
        parent = span.get("parentSpanId", "")
        below.setdefault(parent if parent in known else "", []).append(span)
    ordered: list[dict[str, Any]] = []
    ahead = below.get("", [])[::-1]
    while ahead:
        span = ahead.pop()
        ordered.append(span)
        ahead += below.pop(span["spanId"], [])[::-1]
    return ordered


def _end(span: dict[str, Any]) -> int:
    return int(span.get("endTimeUnixNano", 0))


def _stable(value: Any, times: dict[str, str], names: dict[str, str]) -> Any:
    if isinstance(value, list):
        return [_stable(item, times, names) for item in value]
    if isinstance(value, str):
        return _text(value, names)
    if not isinstance(value, dict):
        return value
    if value.get("key") in _VARYING:
        return {"key": value["key"], "value": _VARYING[value["key"]]}
    return {
        name: times.get(str(item), item) if name in _TIMES else _stable(item, times, names)
        for name, item in value.items()
    }


def _text(text: str, names: dict[str, str]) -> str:
    for pattern, instead in _PATTERNS:
        text = pattern.sub(instead, text)
    for found in _UUID.findall(text):
        # by the order of their appearance: that two are the same must be seen
        text = text.replace(found, names.setdefault(found, f"00000000-0000-4000-8000-{len(names) + 1:012x}"))
    for found, instead in names.items():
        if found in text:
            text = text.replace(found, instead)
    return text
