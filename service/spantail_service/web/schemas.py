"""The JSON that the service answers with, as models for the OpenAPI document.

They describe, they do not work: answers are put together from stored bytes (``tail/``) or dicts, and a model on that
way would cost more than all the rest. A test holds every answer to its model. Times are microseconds since the epoch
(``_us`` is left out of the names on the wire), money is USD, and nano-USD as whole numbers.
"""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

RunStatus = Literal["queued", "running", "completed", "failed", "cancelled", "abandoned"]
SpanStatus = Literal["running", "ok", "error", "skipped", "cancelled", "abandoned"]
LayerStatus = Literal["pending", "running", "complete", "error", "skipped"]
CostSource = Literal["provider", "calculated", "unpriced"]
RUN_ID = "^[0-9a-f]{32}$"
SPAN_ID = "^[0-9a-f]{16}$"


class Described(BaseModel):
    """What is not named in a model is not sent."""

    model_config = ConfigDict(extra="forbid")


class FieldProblem(Described):
    """One thing that does not fit."""

    loc: list[str | int] = Field(description="Where: `body`, `query` or `path`, then names and indices.")
    msg: str


class Problem(BaseModel):
    """Problem details (RFC 9457). `type` is stable and for programs, `detail` is for people."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="`urn:spantail:problem:…`, or `about:blank` where the status says it all.")
    title: str
    status: int = Field(ge=400, le=599)
    detail: str | None = Field(None, description="What was wrong and what to do.")
    errors: list[FieldProblem] | None = Field(None, description="With 422: what does not fit, one by one.")


class Tokens(BaseModel):
    """Token counts; `input` includes what was cached, `output` what was reasoning. Absent is unknown."""

    model_config = ConfigDict(extra="allow")

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0
    cache_write_1h: int = Field(0, description="A part of `cache_write`.")
    audio_input: int = Field(0, description="A part of `input`, as `image_input`.")
    audio_output: int = Field(0, description="A part of `output`, as `image_output`.")
    image_input: int = 0
    image_output: int = 0


class BackendTotals(Described):
    """What a run's calls at one backend come to."""

    calls: int
    errors: int
    fallbacks: int
    unpriced: int = Field(description="Calls without a price: their money is not in the sum.")
    tokens: Tokens
    cost_usd: float
    cost_nano: int


class Layer(Described):
    """One layer of the strip."""

    name: str
    status: LayerStatus
    done: int | None = None
    total: int | None = None


class Marks(Described):
    """What a reader should know before trusting the figures."""

    abandoned: int = Field(description="Spans that are abandoned now.")
    corrected: int = Field(description="Spans that were thought abandoned and were heard of again.")
    maybe_incomplete: bool = Field(description="A process died in the middle of it.")
    stale: bool = Field(description="Spans are open, and nothing was heard for a minute.")


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
    clock_skew_us: int | None = Field(
        None,
        description="By so many µs the clock of this span is thought ahead of the root's (below zero: behind): "
        "an estimate, from spans that lie outside their parents. `start` and `end` are as they were told; less this, "
        "they fit.",
    )
    resource_details: SpanSource | None = Field(None, description="Of one span alone: its resource, whole.")
    scope_details: SpanSource | None = Field(None, description="… and its instrumentation scope.")


class TailEvent(BaseModel):
    """One record of the tail: a change of a span (then with the fields of its state), a span event or a log line."""

    model_config = ConfigDict(extra="allow")

    seq: int = Field(ge=0)
    ts: int
    event: str
    run_id: str = Field(pattern=RUN_ID)
    span_id: str | None = None
    level: str | None = None
    logger: str | None = None
    message: str | None = None


class Frame(Marks):
    """The tail from an index on, and where the run stands."""

    run_id: str = Field(pattern=RUN_ID)
    status: RunStatus
    logs: list[TailEvent]
    next_index: int = Field(description="`since` of the next request.")
    first_index: int = Field(description="The oldest event that is still there.")
    reset: bool = Field(description="The reader's place is gone: take the snapshot again.")
    epoch: str | None = Field(description="Another one: Redis had lost data, take the snapshot again.")
    expected_log_count: int | None = Field(description="Set once the run has settled.")
    layers: list[Layer]
    backends: dict[str, BackendTotals]
    dropped: dict[str, int] = Field(description="Events that were lost, by reason.")


class RunSummary(Marks):
    """One run as the list shows it."""

    run_id: str = Field(pattern=RUN_ID)
    name: str
    operation: str | None
    status: RunStatus
    start: int | None
    end: int | None
    spans: int
    open: int = Field(description="Spans that run at the moment.")
    errors: int
    cost_usd: float
    cost_nano: int
    unpriced: int
    fallbacks: int
    backends: dict[str, BackendTotals]
    service: str | None
    environment: str | None = Field(description="`deployment.environment.name` of the root's resource.")
    version: str | None = Field(description="`service.version` of the root's resource.")
    dropped: dict[str, int]
    demo: bool = Field(description="It worked on demo data.")
    pinned: bool = Field(description="It is kept until somebody says otherwise.")
    imported: bool = Field(description="It came in by an import: what it cost was spent elsewhere.")


class ClockSkew(Described):
    """The spans of one service on one machine whose clock does not go with that of the run's root."""

    service: str | None
    host: str | None = Field(description="Of the processes that gave heartbeats; null where there is none.")
    skew_us: int = Field(description="By so many microseconds it is thought ahead; below zero: behind.")
    spans: int


class Run(RunSummary):
    """One run with its layers, and where its tail stands."""

    layers: list[Layer] = Field(default_factory=list)
    first_index: int = 0
    next_index: int = 0
    expected_log_count: int | None = None
    epoch: str | None = None
    clock_skew: list[ClockSkew] = Field(
        default_factory=list,
        description="Clocks that are thought wrong; absent where none is. Of a run of more than 2,000 spans known "
        "once its snapshot was taken.",
    )
    links: dict[str, str] = Field(default_factory=dict, description="Addresses in other tools, by their name.")


class NamedCount(Described):
    """A value that runs can be filtered by."""

    name: str
    runs: int


class Facets(Described):
    """What runs can be filtered by."""

    statuses: dict[RunStatus, int]
    operations: list[NamedCount] = Field(description="The latest hundred.")
    environments: list[NamedCount] = Field(description="Those of the newest two hundred runs.")
    versions: list[NamedCount] = Field(description="Those of the newest two hundred runs.")


class SpendTotals(Described):
    """What was spent at one backend."""

    calls: int
    errors: int
    unpriced: int
    tokens: Tokens
    cost_usd: float
    cost_nano: int


class SpendOfDay(Described):
    """What the runs cost that began on a day (UTC)."""

    day: date
    runs: int
    cost_usd: float
    cost_nano: int
    backends: dict[str, SpendTotals]


class Spend(Described):
    """Sums over some days, and by day."""

    by: Literal["backend"]
    first: date = Field(alias="from")
    last: date = Field(alias="to")
    cost_usd: float
    cost_nano: int
    backends: dict[str, SpendTotals]
    days: list[SpendOfDay]


class Imported(Described):
    """What came of an import."""

    runs: list[str]
    rejected: int
    reason: str | None = None


class RedisFacts(Described):
    """Which Redis the service works on. Null is what it does not tell."""

    url: str = Field(description="Without user name and password.")
    version: str | None
    id: str | None = Field(description="The server's own id of its present life.")
    time_us: int


class About(Described):
    """What the service says of itself."""

    name: Literal["spantail"]
    version: str
    time_us: int
    demo: bool
    redis: RedisFacts


class RunsPage(Described):
    """One page of the list."""

    runs: list[RunSummary]
    next_cursor: str | None = Field(description="`cursor` of the next page; null on the last.")


class Snapshot(Described):
    """Every span's latest state; polling on from `next_index` misses nothing."""

    run: Run
    resources: dict[str, SpanSource] = Field(description="What spans come from, by the keys in their `resource`.")
    scopes: dict[str, SpanSource] = Field(description="Instrumentation scopes, by the keys in their `scope`.")
    spans: list[SpanState]
    next_index: int
    epoch: str | None


class OperationItem(Described):
    """One operation that can be started."""

    name: str
    title: str
    description: str
    path: str = Field(description="Where to post its input.")
    input_schema: dict[str, Any] = Field(description="JSON Schema of the input.")
    layers: list[str]


class Operations(Described):
    """The catalogue."""

    operations: list[OperationItem]
    demo: bool
    login: bool = Field(description="Browsers sign in here: a token is set.")


class StartedRun(Described):
    """A run that has begun, or waits to."""

    run_id: str = Field(pattern=RUN_ID)
    status: RunStatus


class Alive(Described):
    """The process answers."""

    status: Literal["ok"]


class Ready(Described):
    """The process can do its work."""

    status: Literal["ready"]
    demo: bool
