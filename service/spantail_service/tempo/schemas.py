"""Tempo's answers, as models for the OpenAPI document. 64-bit numbers are decimal strings (protobuf's JSON mapping)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from spantail_service.web.schemas.base import Described

_NUMBER = "^[0-9]+$"


class _Tempo(Described):
    """Names on the wire are in camel case, as Tempo's are."""

    model_config = ConfigDict(alias_generator=to_camel)


class TempoAttribute(_Tempo):
    """OTLP's `KeyValue`."""

    key: str
    value: dict[str, Any]


class TempoSpan(_Tempo):
    """A span that fulfils the query, with what the query asks of."""

    span_id: str = Field(alias="spanID", pattern="^[0-9a-f]{16}$")
    name: str
    start_time_unix_nano: str = Field(pattern=_NUMBER)
    duration_nanos: str = Field(pattern=_NUMBER)
    attributes: list[TempoAttribute]


class TempoSpanSet(_Tempo):
    """The spans of a trace that fulfil the query."""

    spans: list[TempoSpan] = Field(description="The first `spss` of them.")
    matched: int


class TempoTrace(_Tempo):
    """A trace that was found."""

    trace_id: str = Field(alias="traceID", pattern="^[0-9a-f]{1,32}$", description="Without leading zeros.")
    root_service_name: str
    root_trace_name: str
    start_time_unix_nano: str = Field(pattern=_NUMBER)
    duration_ms: int
    span_set: TempoSpanSet
    span_sets: list[TempoSpanSet]


class TempoSearchMetrics(_Tempo):
    """What was looked at."""

    inspected_traces: int
    inspected_bytes: str = Field(pattern=_NUMBER)
    total_jobs: int = Field(description="Runs to look into, as far as known.")
    completed_jobs: int = Field(description="… of which every span was looked at.")


class TempoSearch(_Tempo):
    """Traces, newest first."""

    traces: list[TempoTrace]
    metrics: TempoSearchMetrics


class TempoMetrics(_Tempo):
    """What was looked at."""

    inspected_bytes: str = Field(pattern=_NUMBER)


class TempoTags(_Tempo):
    """Names of attributes."""

    tag_names: list[str]
    metrics: TempoMetrics


class TempoScope(_Tempo):
    """Names of attributes of one scope."""

    name: Literal["resource", "span", "instrumentation", "intrinsic"]
    tags: list[str]


class TempoScopes(_Tempo):
    """Names of attributes by scope."""

    scopes: list[TempoScope]
    metrics: TempoMetrics


class TempoTagValues(_Tempo):
    """Values of an attribute."""

    tag_values: list[str]
    metrics: TempoMetrics


class TempoTypedValue(_Tempo):
    """A value and its type in TraceQL."""

    type: Literal["string", "int", "float", "bool", "keyword"]
    value: str


class TempoTypedValues(_Tempo):
    """Values of a field with their types."""

    tag_values: list[TempoTypedValue]
    metrics: TempoMetrics


class TempoBuild(_Tempo):
    """Which version this is."""

    version: str = Field(description="Of Tempo's API: the last before readers ask over gRPC.")
    revision: str = Field(description="This service and its version.")
