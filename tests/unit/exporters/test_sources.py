"""Resources and instrumentation scopes on their way into a run's tables."""

from __future__ import annotations

from typing import Any

import orjson
from opentelemetry.sdk.resources import Resource as SdkResource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from spantail.redaction import TRUNCATED_KEY, Redactor
from spantail_exporters.model.sources import MAX_ENTRY_BYTES, KnownSources, Resource, Scope, encode_entry

REDACTOR = Redactor()


def encoded(said: Any) -> tuple[str, dict[str, Any]]:
    made = encode_entry(said, REDACTOR)
    assert made is not None
    return made[0], orjson.loads(made[1])


def test_a_resource_and_a_scope_are_kept_whole() -> None:
    _, resource = encoded(Resource({"service.name": "s", "host.cpus": 4, "argv": ["a", "b"]}, "https://x/1.30", 2))
    assert resource == {
        "attributes": {"service.name": "s", "host.cpus": 4, "argv": ["a", "b"]},
        "schema_url": "https://x/1.30",
        "dropped": 2,
    }
    _, scope = encoded(Scope("lib", "1.2", {"a": True}, "https://x/1.31", 1))
    assert scope == {
        "name": "lib", "version": "1.2", "attributes": {"a": True}, "schema_url": "https://x/1.31", "dropped": 1
    }  # fmt: skip


def test_the_sdks_own_say_the_same() -> None:
    resource = {"service.name": "s", "telemetry.sdk.language": "python"}
    assert encoded(SdkResource(resource, "https://x")) == encoded(Resource(resource, "https://x"))
    scope = InstrumentationScope("lib", "1", "https://x", {"a": 1})
    assert encoded(scope) == encoded(Scope("lib", "1", {"a": 1}, "https://x"))


def test_what_says_nothing_is_none() -> None:
    for nothing in (
        Resource(),
        Scope(),
        None,
        SdkResource({}),
        InstrumentationScope(""),
        Resource({"spantail.live": True}),
    ):
        assert encode_entry(nothing, REDACTOR) is None
    assert encoded(Scope(version="1"))[1] == {"version": "1"}


def test_the_key_is_of_the_content() -> None:
    one, same = Resource({"a": 1, "b": 2}), Resource({"b": 2, "a": 1})
    assert encoded(one)[0] == encoded(same)[0]
    others = [Resource({"a": 1, "b": 3}), Resource({"a": 1, "b": 2}, "x"), Resource({"a": 1, "b": 2}, dropped=1)]
    assert len({encoded(said)[0] for said in (one, *others)}) == 4


def test_secrets_and_content_stay_out() -> None:
    key = "sk-ant-api03-" + "a" * 40
    _, resource = encoded(
        Resource({"api_key": "hush", "cmd": f"run {key}", "gen_ai.prompt": "hello", "spantail.live": True})
    )
    assert resource["attributes"] == {"api_key": "[redacted]", "cmd": "run [redacted]"}
    assert [mark["field"] for mark in resource["content"]] == ["gen_ai.prompt"]
    _, scope = encoded(Scope(key, key, {"password": "p"}, key))
    assert scope == {
        "name": "[redacted]", "version": "[redacted]", "schema_url": "[redacted]",
        "attributes": {"password": "[redacted]"},
        "changed": ["password", "scope:name", "scope:version", "scope:schema_url"],
    }  # fmt: skip


def test_what_is_too_large_loses_its_largest_attributes() -> None:
    made = encode_entry(Resource({f"a{n}": "x" * 9_000 for n in range(5)} | {"service.name": "s"}), REDACTOR)
    assert made is not None
    assert len(made[1]) < MAX_ENTRY_BYTES + 200
    attributes = orjson.loads(made[1])["attributes"]
    assert attributes["service.name"] == "s"
    assert attributes[TRUNCATED_KEY] == "…[truncated 6 → 4 attributes]"
    assert len(orjson.loads(made[1])["changed"]) == 2  # those that were left out are named
    _, scope = encoded(Scope("n" * 5_000))
    assert scope["name"].endswith("…[truncated 5,000 → 1,024 bytes]")


def test_each_object_is_encoded_once() -> None:
    known = KnownSources()
    resource, scope = SdkResource({"service.name": "s"}), InstrumentationScope("lib")
    source, service = known.of(resource, scope)
    assert known.of(resource, scope) == (source, "s")
    assert service == "s"
    assert source.encoded(REDACTOR) is source.encoded(REDACTOR)
    fields, tables = source.encoded(REDACTOR)
    assert tables == {
        f"r:{fields['resource']}": b'{"attributes":{"service.name":"s"}}',
        f"s:{fields['scope']}": b'{"name":"lib"}',
    }
    for n in range(3_000):
        known.of(SdkResource({"n": n}), scope)
    assert len(known._known) <= 1_000
    assert known.of(resource, scope)[0].encoded(REDACTOR) == (fields, tables)
