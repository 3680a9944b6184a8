"""What a line of a run's NDJSON may be. A file was written by somebody: only what is known is taken from it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from spantail import attributes as key
from spantail.content import as_attribute
from spantail.json_values import all_as_sent
from spantail_exporters.model.rules.whole_numbers import MOST_TOKENS
from spantail_exporters.model.sources import Resource, Scope, encode_entry, runner_id

if TYPE_CHECKING:
    from spantail_exporters.model.redactor import Redactor

FORMAT: Final = "spantail.run"
VERSION: Final = 1
_MAX_TIME: Final = 2**53 - 1  # us

_SpanId = Annotated[str, Field(min_length=16, max_length=16, pattern=r"^0*[1-9a-f][0-9a-f]*$")]
_RunId = Annotated[str, Field(min_length=32, max_length=32, pattern=r"^0*[1-9a-f][0-9a-f]*$")]
_Time = Annotated[int, Field(ge=0, le=_MAX_TIME)]
_Count = Annotated[int, Field(ge=0, le=MOST_TOKENS)]
_Word = str  # names that were sent are as long as values may be
_Nano = Annotated[int, Field(ge=0, le=10**13)]
_TokenName = Literal[
    "input", "output", "cache_read", "cache_write", "reasoning", "cache_write_1h",
    "audio_input", "audio_output", "image_input", "image_output",
]  # fmt: skip
_Flags = Annotated[int, Field(ge=0, lt=2**32)]
_Rest = Annotated[int, Field(ge=0, lt=2**64)]
_Types = dict[str, Any]  # read as far as they fit the values
_Names = Annotated[list[str], Field(max_length=4_000)]


_Key = Annotated[str, Field(pattern=r"^[0-9a-z]{1,32}$")]
_Runner = Annotated[str | None, AfterValidator(runner_id)]  # another name for a process is none: it begins a key


def _with_run_id(run: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(run.get("run_id"), str) or not re.fullmatch(r"(?!0{32})[0-9a-f]{32}", run["run_id"]):
        raise ValueError("no run id")
    return run


class Line(BaseModel):
    """What a line may hold; unknown fields are passed over."""

    model_config = ConfigDict(extra="ignore", strict=True)


class Header(Line):
    """The first line."""

    format: Literal["spantail.run"]
    version: Literal[1]
    run: Annotated[dict[str, Any], AfterValidator(_with_run_id)]


class _SpanEvent(Line):
    ts: _Time
    name: str
    attributes: dict[str, Any] = {}
    types: _Types | None = None
    changed: _Names | None = None
    ns: _Rest | None = None
    dropped: _Count | None = None


class _Link(Line):
    run_id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")] | None = None
    span_id: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")] | None = None
    attributes: dict[str, Any] = {}
    types: _Types | None = None
    changed: _Names | None = None
    trace_state: str | None = None
    flags: _Flags | None = None
    dropped: _Count | None = None
    odd_ids: Annotated[list[str], Field(min_length=2, max_length=2)] | None = None

    @model_validator(mode="after")
    def _points_somewhere(self) -> Self:
        if self.odd_ids is None and (self.run_id is None or self.span_id is None):
            raise ValueError("run_id and span_id, or odd_ids")
        return self


class _Error(Line):
    type: str | None = None
    message: str | None = None
    traceback: str | None = None


class _Content(Line):
    field: Annotated[str, Field(max_length=256)]
    bytes: _Count
    setting: _Word
    where: Literal["application", "service"]


class _Around(Line):
    """What a span around LLM calls tells of them."""

    backend: _Word
    model: _Word | None = None
    tokens: dict[Literal["input", "output"], _Count] = {}
    cost_nano: _Nano | None = None


class Source(Line):
    """A resource or an instrumentation scope."""

    source: Annotated[str, Field(pattern=r"^[rs]:[0-9a-z]{1,32}$")]
    name: str = ""
    version: str = ""
    attributes: dict[str, Any] = {}
    schema_url: str = ""
    dropped: _Count = 0
    content: Annotated[list[_Content], Field(max_length=32)] = []
    types: _Types = {}
    changed: _Names = []

    def entry(self, redactor: Redactor) -> tuple[str, bytes] | None:
        """Return its key and its JSON as a run keeps it, without secrets; None when it says nothing."""
        attributes = all_as_sent(self.attributes, self.types)
        if self.changed:
            attributes = {**attributes, key.CHANGED: self.changed}
        if self.content:
            attributes = {**attributes, key.CONTENT_LEFT_OUT: as_attribute([one.model_dump() for one in self.content])}
        source: Any = Resource(attributes, self.schema_url, self.dropped)
        if self.source.startswith("s"):
            source = Scope(self.name, self.version, *source)
        return encode_entry(source, redactor)


class Log(Line):
    """A log line; the fields in the order in which they are written."""

    ts: _Time
    event: Literal["log"]
    run_id: _RunId
    span_id: _SpanId
    level: _Word | None = None
    logger: str | None = None
    message: str | None = None
    service: _Word | None = None
    runner: _Runner = None
    resource: _Key | None = None
    scope: _Key | None = None
    error: _Error | None = None
    attributes: dict[str, Any] | None = None
    types: _Types | None = None
    changed: _Names | None = None
    content: Annotated[list[_Content], Field(max_length=32)] | None = None


class Event(Line):
    """A change of a span, or a span event; the fields in the order in which the run script wants them."""

    rev: _Count
    status: Literal["running", "ok", "error", "skipped", "cancelled", "abandoned"]
    start: _Time
    noted: _Count
    ts: _Time
    event: str  # a span event of any name, an empty one too
    run_id: _RunId
    span_id: _SpanId
    parent_id: _SpanId | None
    name: str
    kind: Annotated[str, Field(pattern=r"^[a-z_]{1,40}$")]
    end: _Time | None
    service: _Word | None = None
    runner: _Runner = None
    resource: _Key | None = None
    scope: _Key | None = None
    span_kind: _Word | None = None
    trace_state: str | None = None
    flags: _Flags | None = None
    status_code: Annotated[str, Field(pattern=r"^(ok|error|-?[0-9]{1,10})$")] | None = None
    status_message: str | None = None
    name_told: str | None = None
    ns: Annotated[list[_Rest], Field(min_length=2, max_length=2)] | None = None
    end_told: _Time | None = None
    backend: _Word | None = None
    tier: _Word | None = None
    model: _Word | None = None
    cost_usd: float | None = None
    cost_nano: _Nano | None = None
    cost_source: _Word | None = None
    cost_note: _Word | None = None
    tokens: dict[_TokenName, _Count] | None = None
    account: _Around | None = None
    attempt: int | str | None = None
    fallback_from: _Word | None = None
    fallback_reason: str | None = None
    progress: dict[Literal["done", "total", "message"], int | float | str | None] | None = None
    layer: _Word | None = None
    content: Annotated[list[_Content], Field(max_length=32)] | None = None
    attributes: dict[str, Any] | None = None
    derived: _Names | None = None
    sent: dict[str, Any] | None = None
    moved: dict[str, str] | None = None
    types: _Types | None = None
    changed: _Names | None = None
    dropped: dict[Literal["attributes", "events", "links"], _Count] | None = None
    span_events: list[_SpanEvent] | None = None
    links: list[_Link] | None = None
    error: _Error | None = None
    abandoned: dict[Literal["reason", "last_heartbeat"], str | int] | None = None
    corrected: Literal[True] | None = None
