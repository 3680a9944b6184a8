"""What a run's spans come from, read from Redis' hash."""

from __future__ import annotations

from spantail_service.runs.sources import RunSource, Sources, parse_sources, source_of


def test_tables_are_found_by_the_keys_of_spans() -> None:
    sources = parse_sources(
        {b"r:0": b'{"attributes":{"a":1}}', b"s:0": b'{"name":"x"}', b"s:a:b": b'{"name":"y"}', b"t:0": b"{}",
         b"r:1": b"[]"}
    )  # fmt: skip
    assert sources == Sources({"0": {"attributes": {"a": 1}}}, {"0": {"name": "x"}, "a:b": {"name": "y"}})
    assert sources.resource({"resource": "0"}) == {"attributes": {"a": 1}}
    assert sources.scope({"scope": "a:b"}) == {"name": "y"}
    for unknown in ({}, {"resource": "1"}, {"resource": None}, {"resource": ["0"]}):
        assert sources.resource(unknown) is None


def test_environment_and_version() -> None:
    new, old = "deployment.environment.name", "deployment.environment"
    assert source_of({new: "a", old: "b", "service.version": "1"}) == RunSource("a", "1")
    assert source_of({new: "", old: "b"}) == RunSource("b", None)
    assert source_of({new: 7, "service.version": None}) == RunSource(None, None)
    assert source_of({"service.version": "v" * 500}) == RunSource(None, "v" * 200)
