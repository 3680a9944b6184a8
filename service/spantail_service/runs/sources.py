"""What a run's spans come from: resources and instrumentation scopes.

They stand once in `logs:{run_id}:sources`; a span names its own by short keys. The resource of a run's root says
where the run ran: the deployment environment and the service's version.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson
from opentelemetry.semconv.attributes.service_attributes import SERVICE_VERSION

from spantail_exporters.model import keys

if TYPE_CHECKING:
    from collections.abc import Mapping

    from redis.asyncio import Redis

_ENVIRONMENTS: Final = ("deployment.environment.name", "deployment.environment")
"""The name in use, and the one before it (semantic conventions 1.27)."""
_LONGEST: Final = 200  # characters, as in the filters


class Sources(NamedTuple):
    """A run's tables by the keys that spans have for them: objects with `attributes`, scopes with `name` too."""

    resources: Mapping[str, dict[str, Any]] = MappingProxyType({})
    scopes: Mapping[str, dict[str, Any]] = MappingProxyType({})

    def resource(self, span: Mapping[str, Any]) -> dict[str, Any] | None:
        """The resource that a span comes from; `None` is unknown."""
        return self.resources.get(str(span.get("resource")))

    def scope(self, span: Mapping[str, Any]) -> dict[str, Any] | None:
        """The instrumentation scope that a span comes from; `None` is unknown."""
        return self.scopes.get(str(span.get("scope")))

    def with_details(self, span: Mapping[str, Any]) -> Mapping[str, Any]:
        """The span with `resource_details` and `scope_details`, where they are known."""
        details = {"resource_details": self.resource(span), "scope_details": self.scope(span)}
        known = {name: table for name, table in details.items() if table is not None}
        return {**span, **known} if known else span


NO_SOURCES: Final = Sources()


def parse_sources(fields: Mapping[bytes, bytes]) -> Sources:
    """Read the hash; what is none of its tables is passed over."""
    tables: dict[str, dict[str, dict[str, Any]]] = {"r": {}, "s": {}}
    for field, text in fields.items():
        which, _, key = field.decode("utf-8", "replace").partition(":")
        table = orjson.loads(text)
        if which in tables and isinstance(table, dict):
            tables[which][key] = table
    return Sources(tables["r"], tables["s"])


async def read_tables(redis: Redis, run_id: str) -> Sources:
    """All tables of a run."""
    fields: Any = await redis.hgetall(keys.run_keys(run_id).sources)
    return parse_sources(fields)


class RunSource(NamedTuple):
    """Where a run ran. `None` is unknown."""

    environment: str | None = None
    version: str | None = None


UNKNOWN: Final = RunSource()


def source_of(resource: Mapping[str, Any]) -> RunSource:
    """What the attributes of a resource say."""
    environment = next((text for name in _ENVIRONMENTS if (text := _text(resource.get(name)))), None)
    return RunSource(environment, _text(resource.get(SERVICE_VERSION)))


async def read_sources(redis: Redis, roots: Mapping[str, Mapping[str, Any]]) -> dict[str, RunSource]:
    """The sources of runs, by the states of their roots; a run without a source is left out. One trip."""
    named = {run_id: key for run_id, root in roots.items() if isinstance(key := root.get("resource"), str)}
    if not named:
        return {}
    pipe = redis.pipeline(transaction=False)
    for run_id, key in named.items():
        pipe.hget(keys.run_keys(run_id).sources, f"r:{key}")
    tables = dict(zip(named, await pipe.execute(), strict=True))
    return {run_id: source_of(_attributes(table)) for run_id, table in tables.items() if table is not None}


def _attributes(table: bytes) -> dict[str, Any]:
    held = orjson.loads(table)
    attributes = held.get("attributes") if isinstance(held, dict) else None
    return attributes if isinstance(attributes, dict) else {}


def _text(value: object) -> str | None:
    return value[:_LONGEST] or None if isinstance(value, str) else None
