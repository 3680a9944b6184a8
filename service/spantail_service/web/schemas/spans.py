"""One span, and what it comes from."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from spantail_service.web.schemas.base import RUN_ID, SPAN_ID, CostSource, Described, SpanStatus
from spantail_service.web.schemas.totals import Tokens


class ContentLeftOut(Described):
    """Message content that was not kept."""

    field: str = Field(description="The attribute it stood in; `body` is a log record's body.")
    bytes: int = Field(description="Of UTF-8, summed over a span's own attributes, its events and links.")
    setting: str = Field(description="The environment variable that keeps it.")
    where: Literal["application", "service"] = Field(
        description="Whose environment: of the process that made the span, or of this service, for what came over OTLP."
    )


class SpanSource(BaseModel):
    """A resource or an instrumentation scope. What says nothing is absent."""

    model_config = ConfigDict(extra="allow")

    name: str = Field("", description="Of a scope.")
    version: str = ""
    attributes: dict[str, Any] = Field(default_factory=dict)
    schema_url: str = ""
    dropped: int = Field(0, description="Attributes that the sender left out.")
    content: list[ContentLeftOut] = Field(default_factory=list, description="Message content that was not kept.")


class SpanState(BaseModel):
    """The latest state of one span. Absent is unknown; an unknown field is kept and passed on."""

    model_config = ConfigDict(extra="allow")

    run_id: str = Field(pattern=RUN_ID)
    span_id: str = Field(pattern=SPAN_ID)
    parent_id: str | None = None
    rev: int
    event: str = Field(description="The change that led to this state, e.g. `llm_call_complete`.")
    ts: int = Field(description="When it happened.")
    name: str
    kind: str
    status: SpanStatus
    start: int
    end: int | None = Field(None, description="Null while it runs.")
    service: str | None = None
    runner: str | None = None
    resource: str | None = Field(None, description="Key in the snapshot's `resources`.")
    scope: str | None = Field(None, description="Key in the snapshot's `scopes`.")
    span_kind: str | None = Field(None, description="`internal`, `server`, `client`, `producer` or `consumer`.")
    target: str | None = Field(
        None,
        description="Where attributes are left out: what they say that it was directed at, as "
        "`api.example.com/v1/items`, a table, a queue, a tool. Never a query or credentials, nor more of a statement "
        "than its table.",
    )
    name_told: str | None = Field(None, description="The name as it was sent, where another one is shown (Logfire's).")
    trace_state: str | None = None
    flags: int | None = Field(None, description="OTLP's `SpanFlags`.")
    status_code: str | None = Field(
        None,
        description="`ok`: set on purpose; `error`: where `status` says something else; digits: one not known.",
    )
    status_message: str | None = Field(
        None, description="Where it is not `error.message`; empty where that is the exception's alone."
    )
    dropped: dict[str, int] | None = Field(None, description="What the sender left out: attributes, events, links.")
    backend: str | None = None
    model: str | None = None
    tier: str | None = None
    cost_usd: float | None = None
    cost_nano: int | None = None
    cost_source: CostSource | None = None
    cost_note: str | None = Field(None, description="Why a call is `unpriced`, or what its price assumes.")
    tokens: Tokens | None = None
    content: list[ContentLeftOut] = Field(default_factory=list, description="Message content that was not kept.")
    attributes: dict[str, Any] = Field(default_factory=dict)
    derived: list[str] = Field(
        default_factory=list, description="Attributes that were not sent, or with another value: added on the way."
    )
    sent: dict[str, Any] = Field(default_factory=dict, description="What was sent under names in `derived`.")
    moved: dict[str, str] = Field(
        default_factory=dict, description="Content that stands under a name of the conventions: where it was sent."
    )
    types: dict[str, Any] = Field(
        default_factory=dict,
        description="What attributes were that JSON has no value for: `bytes` (base64) or `double` (NaN, Infinity, "
        "-Infinity); of lists and maps a map of such, by index or key. Events and links have their own.",
    )
    changed: list[str] = Field(
        default_factory=list,
        description="Attributes that were masked or cut; `span:name`, `span:statusMessage`, `span:traceState` for "
        "what is none. Events and links have their own.",
    )
    span_events: list[dict[str, Any]] = Field(default_factory=list)
    links: list[dict[str, Any]] = Field(default_factory=list)
    error: dict[str, Any] | None = None
    corrected: bool = Field(False, description="It was thought abandoned and was heard of again.")
    clock_skew_us: int | None = Field(
        None,
        description="By so many µs the clock of this span is thought ahead of the root's (below zero: behind): "
        "an estimate, from spans that lie outside their parents. `start` and `end` are as they were told; less this, "
        "they fit.",
    )
    resource_details: SpanSource | None = Field(None, description="Of one span alone: its resource, whole.")
    scope_details: SpanSource | None = Field(None, description="… and its instrumentation scope.")
