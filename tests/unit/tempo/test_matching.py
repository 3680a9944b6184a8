"""Spans against conditions, with Tempo's rules for what is missing, of another type, or a list."""

from __future__ import annotations

from typing import Any

import pytest

from spantail_service.runs.sources import Sources
from spantail_service.tempo.matching import Trace, holds
from spantail_service.tempo.reading import as_read
from spantail_service.tempo.tag_search import parse_tags
from spantail_service.tempo.traceql import parse

NOW = 2_000_000
TRACE = Trace("4bf92f3577b34da6a3ce929d0e0e4736", "job search", "jobs", 3_000_000_000)


def state(**fields: Any) -> dict[str, Any]:
    body = {
        "status": "ok", "start": 1_000_000, "end": 1_500_000, "ts": 1_500_000, "run_id": TRACE.run_id,
        "span_id": "00f067aa0ba902b7", "parent_id": None, "name": "chat", "kind": "llm_call", "service": "jobs",
        "runner": "host:1:2",
        "attributes": {"text": "Hello", "number": 3, "ratio": 0.5, "yes": True, "list": ["a", "b"], "null": None,
                       "map": {"k": 1}, "service.name": "own"},
    }  # fmt: skip
    return body | fields


SOURCES = Sources(
    {"0": {"attributes": {"service.name": "jobs", "service.version": "1.2", "host.cpus": 8,
                          "text": "of the resource"}}},
    {"0": {"name": "my.library", "version": "0.3", "attributes": {"team": "search", "text": "of the scope"}},
     "1": {"name": "bare"}},
)  # fmt: skip


def fits(query: str, **fields: Any) -> bool:
    return holds(parse(f"{{ {query} }}"), as_read(state(**fields), NOW, SOURCES), TRACE)


@pytest.mark.parametrize(
    "query",
    [
        "", 'name = "chat"', 'name != "x"', 'name =~ "ch.*"', 'name !~ "h.*"', 'name > "a"', "status = unset",
        "status != error", "kind = unspecified", "duration = 500ms", "duration > 100", "duration <= 0.5s",
        'rootName = "job search"', 'rootServiceName =~ "jo.+"', "traceDuration >= 3s", 'span:id = "00f067aa0ba902b7"',
        'trace:id = "4bf92f3577b34da6a3ce929d0e0e4736"', 'span:parentID = ""', 'statusMessage = ""',
        '.text = "Hello"', '.text < "a"', ".number = 3", ".number = 3.0", ".number >= 2.5", ".ratio < 1",
        ".yes = true", ".yes != false", '.service.name = "own"', 'resource.service.name = "jobs"',
        'resource.spantail.runner = "host:1:2"', '.spantail.runner = "host:1:2"', '.list = "a"', '.list != "c"',
        '.list =~ "a|x"', '.list !~ "x"', ".none = nil", ".text != nil", ".null = nil",
        '.text = "x" || .number = 3', '(.text = "x" || .number = 3) && .yes = true',
    ],
)  # fmt: skip
def test_it_fits(query: str) -> None:
    assert fits(query)


@pytest.mark.parametrize(
    "query",
    [
        'name = "Chat"', 'name =~ "ha"', "status = error", "kind = server", "duration > 500ms", ".number = 4",
        # of another type, or not there: nothing holds, not even that it is different
        '.number = "3"', '.number != "3"', ".text != 3", ".yes = 1", ".text = true", '.none != "x"', '.none !~ "x"',
        '.number =~ "3"', '.number !~ "4"', '.map = "k"', '.map != "k"', '.list = "c"', '.list != "a"', '.list !~ "a"',
        ".none != nil", ".text = nil", 'resource.service.name = "own"', 'span.spantail.runner = "host:1:2"',
        'span.spantail.status = "running"',
        '.text = "x" || .number = 4', '.text = "Hello" && .number = 4',
    ],
)  # fmt: skip
def test_it_does_not_fit(query: str) -> None:
    assert not fits(query)


@pytest.mark.parametrize("kind", ["internal", "server", "client", "producer", "consumer"])
def test_kinds_are_those_that_were_sent(kind: str) -> None:
    assert fits(f"kind = {kind} && span:kind = {kind} && kind != unspecified", span_kind=kind)
    assert not fits(f"kind = {kind}")


def test_a_status_is_ok_when_somebody_said_so() -> None:
    assert fits("status = ok && status != unset", status_code="ok")


@pytest.mark.parametrize(
    "query",
    [
        'resource.service.version = "1.2"', ".service.version =~ `1\\..+`", "resource.host.cpus >= 8",
        'resource.spantail.runner = "host:1:2"', 'span.text = "Hello" && resource.text = "of the resource"',
        'instrumentation.text = "of the scope"', '.text = "Hello"', '.team = "search"', 'instrumentation.team != "x"',
        'instrumentation:name = "my.library"', 'instrumentation:version < "1"', "instrumentation.nothing = nil",
    ],
)  # fmt: skip
def test_what_a_span_comes_from_is_found(query: str) -> None:
    assert fits(query, resource="0", scope="0")


def test_a_source_that_is_not_known_has_nothing() -> None:
    assert fits('instrumentation:name = "bare" && instrumentation:version = "" && .team = nil', scope="1")
    for unknown in ({}, {"scope": "7", "resource": "7"}):
        assert fits("instrumentation:name = nil && instrumentation.team = nil && resource.host.cpus = nil", **unknown)
        assert fits('resource.service.name = "jobs"', **unknown)


def test_a_span_that_goes_on_lasts_until_now_and_says_so() -> None:
    running = {"status": "running", "end": None}
    assert fits('span.spantail.status = "running" && duration = 1s && status = unset', **running)
    assert as_read(state(**running, start=NOW + 5), NOW)["end"] == NOW + 5  # a clock of another machine


def test_what_was_abandoned_is_an_error_that_says_why() -> None:
    lost = {"status": "abandoned", "end": None, "abandoned": {"reason": "silent"}}
    assert fits('status = error && statusMessage = "abandoned: silent"', **lost)


@pytest.mark.parametrize("status", ["skipped", "cancelled"])
def test_what_otlp_has_no_word_for_is_unset(status: str) -> None:
    assert fits("status = unset", status=status)


def test_nobodys_span_has_the_name_that_opentelemetry_gives_it() -> None:
    assert fits('resource.service.name = "unknown_service"', service=None)


@pytest.mark.parametrize(
    ("tags", "expected"),
    [("text=ELL", True), ("service.name=own", True), ("number=3 yes=true", True), ("name=ha", True), ("text=x", False),
     ("none=", False), ("root.service.name=jobs status.code=unset", True), ("error=true", False)],
)  # fmt: skip
def test_tags_are_looked_for_within_values(tags: str, expected: bool) -> None:
    assert holds(parse_tags(tags), as_read(state(), NOW), TRACE) is expected
