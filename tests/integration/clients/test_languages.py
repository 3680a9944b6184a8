"""The examples in Go, Java and Node.js, on OpenTelemetry's own SDKs: the same right tree by every way in.

Each answers a question: it asks an HTTP server for documents, both sides of which the language's instrumentation
sees, asks a model, and fails to store the answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import pytest

from tests.integration.clients import programs
from tests.integration.clients.trees import NODE_JITTER_US, assert_times, attributes_by_name, drawn_whole
from tests.support.tools import ROOT
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.clients.conftest import Receiver
    from tests.support.programs.collectors import RunningCollector
    from tests.support.service.process import ServiceProcess

pytestmark = pytest.mark.xdist_group("clients")  # their service and their Collector are started once

_TREE: Final = """\
answer a question: span, internal, by {scope}, + answer kept in memory
  find documents: span, internal, by {scope}
    {client}
      {server}
  chat gpt-4o-mini: llm_call, client, by {scope}, openai gpt-4o-mini, input 412, output 96, 119400 nano-USD calculated
  store the answer: span, internal, by {scope}, error, {error}: the database did not answer, + exception
"""
_LEAST_US: Final = {"find documents": 50_000, "chat gpt-4o-mini": 100_000, "answer a question": 150_000}
_VARYING: Final = (
    "server.port", "network.peer.port", "url.full", "user_agent.original", "thread.id", "thread.name",
)  # fmt: skip
_REQUEST: Final = {"http.request.method": "GET", "http.response.status_code": 200, "server.address": "127.0.0.1"}
_ADDRESSED: Final = _REQUEST | {
    "url.scheme": "http", "url.path": "/documents", "network.peer.address": "127.0.0.1",
    "network.protocol.version": "1.1",
}  # fmt: skip
_SERVED: Final = _ADDRESSED | {"client.address": "127.0.0.1"}


class Language(NamedTuple):
    """What differs between them: names of scopes, of HTTP spans and of errors, and attributes of HTTP spans."""

    scope: str
    client: str
    server: str
    error: str
    of_client: dict[str, Any]
    of_server: dict[str, Any]
    has_traceback: bool = True

    def tree(self) -> str:
        """The whole tree, as it is drawn."""
        return _TREE.format(scope=self.scope, client=self.client, server=self.server, error=self.error)


_OTELHTTP: Final = "go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
LANGUAGES: Final = {
    "go": Language(
        "examples.go",
        f"HTTP GET: span, client, by {_OTELHTTP}",
        f"GET /documents: span, server, by {_OTELHTTP}",
        "*errors.errorString",
        _REQUEST | {"network.protocol.version": "1.1"},
        _SERVED | {"http.response.body.size": 25},
        has_traceback=False,
    ),
    "java": Language(
        "examples.java",
        "GET: span, client, by io.opentelemetry.java-http-client",
        "GET /documents: span, server, by io.opentelemetry.java-http-server",
        "java.lang.IllegalStateException",
        _REQUEST | {"network.protocol.version": "1.1"},
        _SERVED | {"http.route": "/documents"},
    ),
    "nodejs": Language(
        "examples.nodejs",
        "GET: span, client, by @opentelemetry/instrumentation-undici",
        "GET: span, server, by @opentelemetry/instrumentation-http",
        "Error",
        _ADDRESSED | {"http.request.method_original": "GET", "url.query": ""},
        _SERVED,
    ),
}


def _command(language: str, folder: Path) -> list[str]:
    if language == "go":
        return programs.go_program("answer", "examples/go")
    if language == "java":
        return programs.java_example()
    example = ROOT / "examples" / "nodejs"
    return programs.node_program(example, folder, "--import", "./instrumentation.mjs", "answer.mjs")


@pytest.mark.parametrize(
    ("language", "protocol"),
    [
        ("go", "http/protobuf"), ("go", "grpc"), ("java", "grpc"),
        ("nodejs", "http/protobuf"), ("nodejs", "http/json"), ("nodejs", "grpc"),
    ],
)  # fmt: skip
def test_straight_to_the_service(language: str, protocol: str, receiver: Receiver, tmp_path: Path) -> None:
    _assert_right(language, programs.sends_to(receiver, protocol), receiver.service, tmp_path)


@pytest.mark.parametrize(("language", "protocol"), [("go", "grpc"), ("java", "http/protobuf"), ("nodejs", "http/json")])
def test_through_the_collector(
    language: str, protocol: str, collector: RunningCollector, receiver: Receiver, tmp_path: Path
) -> None:
    _assert_right(language, programs.sends_to(collector, protocol), receiver.service, tmp_path)


def _assert_right(language: str, sends_to: dict[str, str], service: ServiceProcess, folder: Path) -> None:
    """Run the example, and compare all that is known of its run with what is expected."""
    expected = LANGUAGES[language]
    settings = {"SPANTAIL_URL": service.url, "OTEL_SERVICE_NAME": f"{language}-example", **sends_to}
    run_id = programs.run_id_in(programs.output_of(_command(language, folder), folder, settings))
    trace = programs.whole_trace(service, run_id, spans=6)

    assert drawn_whole(trace) == expected.tree()
    assert_times(trace, _LEAST_US, NODE_JITTER_US if language == "nodejs" else 0)
    _assert_attributes(trace, expected)
    _assert_resource(trace, language)
    (failed,) = [span for span in trace["spans"] if span["status"] == "error"]
    assert ("traceback" in failed["error"]) is expected.has_traceback
    run = trace["run"]
    assert (run["status"], run["name"], run["service"]) == ("completed", "answer a question", f"{language}-example")
    assert (run["spans"], run["errors"], run["open"], run["dropped"]) == (6, 1, 0, {})
    tail = service.json(f"/api/logs/{run_id}?limit=100")
    assert run["cost_nano"] == tail["backends"]["openai"]["cost_nano"] == 119_400
    if language == "java":
        _assert_log_line(service, trace)


def _assert_log_line(service: ServiceProcess, trace: dict[str, Any]) -> None:
    """The agent sends what is written by java.util.logging, and it stands in the span that it was written in."""
    (finding,) = [span["span_id"] for span in trace["spans"] if span["name"] == "find documents"]

    def lines() -> list[dict[str, Any]]:
        tail = service.json(f"/api/logs/{trace['run']['run_id']}?limit=100")["logs"]
        return [event for event in tail if event["event"] == "log"]

    (line,) = eventually(lines, timeout_s=20, what="the line of the log")
    assert (line["level"], line["logger"], line["message"]) == ("INFO", "answers", "found tea coffee water")
    assert (line["span_id"], line["service"]) == (finding, "java-example")


def _assert_attributes(trace: dict[str, Any], expected: Language) -> None:
    requests = [span for span in trace["spans"] if "http.request.method" in span["attributes"]]
    sides = [span | {"name": span["span_kind"]} for span in requests]  # Node.js calls both sides of a request "GET"
    assert attributes_by_name({"spans": sides}, *_VARYING) == {
        "client": expected.of_client, "server": expected.of_server,
    }  # fmt: skip
    (client,) = [side["attributes"] for side in sides if side["name"] == "client"]
    assert client["url.full"] == f"http://127.0.0.1:{client['server.port']}/documents"
    others = [span for span in trace["spans"] if span not in requests]
    assert attributes_by_name({"spans": others}, *_VARYING) == {
        "answer a question": {},
        "find documents": {"documents.found": 3},
        "chat gpt-4o-mini": {
            "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o-mini",
            "gen_ai.usage.input_tokens": 412, "gen_ai.usage.output_tokens": 96,
        },
        "store the answer": {},
    }  # fmt: skip


def _assert_resource(trace: dict[str, Any], language: str) -> None:
    (resource,) = trace["resources"].values()
    attributes = resource["attributes"]
    assert attributes["service.name"] == f"{language}-example"
    if language != "go":  # its example says its name and no more
        assert attributes["telemetry.sdk.language"] == language
        assert isinstance(attributes["process.pid"], int)
        assert attributes["process.command_args"]
