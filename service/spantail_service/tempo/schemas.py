"""Tempo's answers, as models for the OpenAPI document. 64-bit numbers are decimal strings (protobuf's JSON mapping)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from spantail_service.web.schemas import Described

_NUMBER = "^[0-9]+$"


class TempoAttribute(Described):
    """OTLP's ``KeyValue``."""

    key: str
    value: dict[str, Any]


class TempoSpan(Described):
    """A span that fulfils the query, with what the query asks of."""

    spanID: str = Field(pattern="^[0-9a-f]{16}$")  # noqa: N815 - Tempo's names, here and below
    name: str
    startTimeUnixNano: str = Field(pattern=_NUMBER)  # noqa: N815
    durationNanos: str = Field(pattern=_NUMBER)  # noqa: N815
    attributes: list[TempoAttribute]


class TempoSpanSet(Described):
    """The spans of a trace that fulfil the query."""

    spans: list[TempoSpan] = Field(description="The first `spss` of them.")
    matched: int


class TempoTrace(Described):
    """A trace that was found."""

    traceID: str = Field(pattern="^[0-9a-f]{1,32}$", description="Without leading zeros.")  # noqa: N815
    rootServiceName: str  # noqa: N815
    rootTraceName: str  # noqa: N815
    startTimeUnixNano: str = Field(pattern=_NUMBER)  # noqa: N815
    durationMs: int  # noqa: N815
    spanSet: TempoSpanSet  # noqa: N815
    spanSets: list[TempoSpanSet]  # noqa: N815


class TempoSearchMetrics(Described):
    """What was looked at."""

    inspectedTraces: int  # noqa: N815
    inspectedBytes: str = Field(pattern=_NUMBER)  # noqa: N815
    totalJobs: int = Field(description="Runs to look into, as far as known.")  # noqa: N815
    completedJobs: int = Field(description="… of which every span was looked at.")  # noqa: N815


class TempoSearch(Described):
    """Traces, newest first."""

    traces: list[TempoTrace]
    metrics: TempoSearchMetrics


class TempoMetrics(Described):
    """What was looked at."""

    inspectedBytes: str = Field(pattern=_NUMBER)  # noqa: N815


class TempoTags(Described):
    """Names of attributes."""

    tagNames: list[str]  # noqa: N815
    metrics: TempoMetrics


class TempoScope(Described):
    """Names of attributes of one scope."""

    name: Literal["resource", "span", "instrumentation", "intrinsic"]
    tags: list[str]


class TempoScopes(Described):
    """Names of attributes by scope."""

    scopes: list[TempoScope]
    metrics: TempoMetrics


class TempoTagValues(Described):
    """Values of an attribute."""

    tagValues: list[str]  # noqa: N815
    metrics: TempoMetrics


class TempoTypedValue(Described):
    """A value and its type in TraceQL."""

    type: Literal["string", "int", "float", "bool", "keyword"]
    value: str


class TempoTypedValues(Described):
    """Values of a field with their types."""

    tagValues: list[TempoTypedValue]  # noqa: N815
    metrics: TempoMetrics


class TempoBuild(Described):
    """Which version this is."""

    version: str = Field(description="Of Tempo's API: the last before readers ask over gRPC.")
    revision: str = Field(description="This service and its version.")
