"""A run as NDJSON: its events, one JSON object a line, and back (pure).

1. `{"format":"spantail.run","version":1,"run":{…}}`, the run's summary.
2. `{"source":"r:<key>",…}` for each resource and `{"source":"s:<key>",…}` for each instrumentation scope.
3. Every event of the tail with its `seq`, in order (log lines too).
4. Where the tail was trimmed: the latest state of every span, without `seq`.

To read a run in again, each event is folded into the state of its span as a viewer does it, and both become a change
for the run script, which makes totals, layers and status anew. What is read was written by somebody: each line is
checked, and only known fields are taken.
"""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, NamedTuple, Self

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from spantail import attributes as key
from spantail.content import (
    as_attribute,
    content_capture_allowed,
    count_dropped,
    is_message_event,
    is_said_in_body,
    marks_of,
)
from spantail.json_values import all_as_sent
from spantail_exporters.model.account import account_of
from spantail_exporters.model.changes import Change
from spantail_exporters.model.event import dumps
from spantail_exporters.model.fold import changes_state, merged
from spantail_exporters.model.layers import layers_of
from spantail_exporters.model.sources import Resource, Scope, encode_entry, runner_id
from spantail_exporters.model.whole_numbers import MOST_TOKENS
from spantail_service.ingest.decoding.body import MalformedRequestError, TooManyError
from spantail_service.ingest.decoding.json_walk import check_parts
from spantail_service.ingest.decoding.plan import MOST_ITEMS
from spantail_service.ingest.log_events import BODY, EVENT_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from spantail.content import Dropped
    from spantail.redaction import Remarks
    from spantail_exporters.model.record import Redactor
    from spantail_service.runs.sources import Sources

FORMAT: Final = "spantail.run"
VERSION: Final = 1

_MAX_TIME: Final = 2**53 - 1
_CHECKED: Final = frozenset({"run_id", "span_id", "parent_id", "status", "runner", "resource", "scope"})
"""Fields that can hold no secret."""
_MOST_SOURCES: Final = 1_000
_SPACE: Final = re.compile(rb"\s*+")
_HEADER: Final = re.compile(rb'\s*+\{\s*+"format"\s*+:\s*+"spantail\.run"')
_MOST_STATE_BYTES: Final = 50_331_648  # of all states of a file; each whole event of a span makes one
_TOLD: Final = 10  # wrong lines whose numbers are told, …
_MOST_WRONG: Final = 1_000  # … and after how many nobody looks for more

_SpanId = Annotated[str, Field(min_length=16, max_length=16, pattern=r"^0*[1-9a-f][0-9a-f]*$")]
_RunId = Annotated[str, Field(min_length=32, max_length=32, pattern=r"^0*[1-9a-f][0-9a-f]*$")]
_Time = Annotated[int, Field(ge=0, le=_MAX_TIME)]
_Count = Annotated[int, Field(ge=0, le=MOST_TOKENS)]
_Word = Annotated[str, Field(max_length=1_000)]
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


class _Line(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)


class _Header(_Line):
    format: Literal["spantail.run"]
    version: Literal[1]
    run: Annotated[dict[str, Any], AfterValidator(_with_run_id)]


class _Note(_Line):
    ts: _Time
    name: str
    attributes: dict[str, Any] = {}
    types: _Types | None = None
    changed: _Names | None = None
    ns: _Rest | None = None
    dropped: _Count | None = None


class _Link(_Line):
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


class _Error(_Line):
    type: str | None = None
    message: str | None = None
    traceback: str | None = None


class _Content(_Line):
    field: Annotated[str, Field(max_length=256)]
    bytes: _Count
    setting: _Word
    where: Literal["application", "service"]


class _Around(_Line):
    """What a span around LLM calls tells of them."""

    backend: _Word
    tokens: dict[Literal["input", "output"], _Count] = {}
    cost_nano: _Nano | None = None


class _Source(_Line):
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
        """As a run keeps it."""
        attributes = all_as_sent(self.attributes, self.types)
        if self.changed:
            attributes = {**attributes, key.CHANGED: self.changed}
        if self.content:
            attributes = {**attributes, key.CONTENT_LEFT_OUT: as_attribute([one.model_dump() for one in self.content])}
        told: Any = Resource(attributes, self.schema_url, self.dropped)
        if self.source.startswith("s"):
            told = Scope(self.name, self.version, *told)
        return encode_entry(told, redactor)


class _Log(_Line):
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


class _Event(_Line):
    """A change of a span, or a span event; the fields in the order in which the run script wants them."""

    rev: _Count
    status: Literal["running", "ok", "error", "skipped", "cancelled", "abandoned"]
    start: _Time
    noted: _Count
    ts: _Time
    event: Annotated[str, Field(min_length=1)]
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
    span_events: list[_Note] | None = None
    links: list[_Link] | None = None
    error: _Error | None = None
    abandoned: dict[Literal["reason", "last_heartbeat"], str | int] | None = None


class RunFile(NamedTuple):
    """What a file holds: the run, its summary as it was written, and the changes that make it again."""

    run_id: str
    summary: dict[str, Any]
    changes: list[Change]
    events: int
    passed_over: int
    """Events of spans whose beginning was trimmed: the states at the end stand for them."""


def is_ndjson(body: bytes) -> bool:
    """Whether the body begins as a run's NDJSON does."""
    return _HEADER.match(body) is not None


def header(run: Mapping[str, Any]) -> bytes:
    """The first line."""
    return orjson.dumps({"format": FORMAT, "version": VERSION, "run": run}) + b"\n"


def source_lines(sources: Sources) -> bytes:
    """The lines that say what spans come from."""
    fields = {f"r:{name}": table for name, table in sources.resources.items()}
    fields |= {f"s:{name}": table for name, table in sources.scopes.items()}
    return b"".join(orjson.dumps({"source": field, **table}) + b"\n" for field, table in fields.items())


def lines(first_seq: int, events: list[bytes]) -> bytes:
    """A batch of the tail as lines."""
    return b"".join(b'{"seq":%d,%b\n' % (seq, event[1:]) for seq, event in enumerate(events, first_seq))


def read(body: bytes, redactor: Redactor) -> RunFile:
    """Read a file.

    Raises:
        MalformedRequestError: lines are not what they should be; nothing of the file is taken then.
        TooManyError: it has too many lines, one of them has too many parts, or its spans grow too large on the way.
    """
    numbered = _numbered(body)
    run_id, summary = _header(*next(numbered, (1, b"")))
    folding = _Folding(run_id, redactor)
    changes: list[Change] = []
    try:
        events = _folded(numbered, run_id, folding, changes)
    except TooManyError:
        changes.clear()  # its traceback keeps the list until garbage is collected
        raise
    return RunFile(run_id, summary, changes, events, folding.passed_over)


def _folded(numbered: Iterator[tuple[int, bytes]], run_id: str, folding: _Folding, changes: list[Change]) -> int:
    """Add the changes of all lines; returns how many are events of the tail."""
    events = 0
    wrong: list[tuple[int, str]] = []
    for number, line in numbered:
        try:
            parsed, is_event = _parsed(line, run_id)
        except MalformedRequestError as error:
            wrong.append((number, str(error)))
            changes.clear()  # nothing is taken; how many more are wrong is to be told
            if len(wrong) == _MOST_WRONG:
                break
            continue
        if wrong:
            continue
        events += is_event
        if isinstance(parsed, _Source):
            folding.source(parsed)
        else:
            changes += folding.log(parsed) if isinstance(parsed, _Log) else folding.event(parsed, is_event=is_event)
    if wrong:
        raise MalformedRequestError(_told(wrong))
    changes += folding.unsaid()
    return events


def _parsed(line: bytes, run_id: str) -> tuple[_Source | _Log | _Event, bool]:
    """A line, and whether it is an event of the tail. What is wrong is said without the line's number."""
    try:
        check_parts(line)
        held = orjson.loads(line)
        if not isinstance(held, dict):
            raise MalformedRequestError("a JSON object is wanted")
        if "source" in held:
            return _Source.model_validate(held), False
        parsed = _Log.model_validate(held) if held.get("event") == "log" else _Event.model_validate(held)
    except ValidationError as error:
        where = ".".join(map(str, error.errors(include_url=False, include_input=False)[0]["loc"]))
        raise MalformedRequestError(f"the field {where} is not what an event has there") from None
    except orjson.JSONDecodeError:
        raise MalformedRequestError("it is no JSON") from None
    if parsed.run_id != run_id:
        raise MalformedRequestError("it belongs to another run than the first line")
    return parsed, "seq" in held


def _told(wrong: list[tuple[int, str]]) -> str:
    (first, why), *more = wrong
    if not more:
        return f"Line {first}: {why}. Nothing of the file was taken."
    numbers = ", ".join(str(number) for number, _ in more[:_TOLD]) + (", …" if len(more) > _TOLD else "")
    count = f"{len(wrong)} lines" if len(wrong) < _MOST_WRONG else f"{_MOST_WRONG} lines or more"
    return f"Line {first}: {why}. {count} are wrong, after that one {numbers}. Nothing of the file was taken."


def _numbered(body: bytes) -> Iterator[tuple[int, bytes]]:
    """The lines that are not empty, by their number."""
    number = 1
    at = lines_seen = 0
    while True:
        space = _SPACE.match(body, at)
        begin = space.end() if space else at
        number += body.count(b"\n", at, begin)
        if begin == len(body):
            return
        end = body.find(b"\n", begin)
        end = len(body) if end < 0 else end
        lines_seen += 1
        if lines_seen > MOST_ITEMS:
            raise TooManyError(f"The file has more than {MOST_ITEMS} lines.")
        yield number, body[begin:end]
        at = end


def _header(number: int, line: bytes) -> tuple[str, dict[str, Any]]:
    try:
        check_parts(line)
        parsed = _Header.model_validate_json(line)
    except (MalformedRequestError, ValidationError):
        wanted = f'{{"format":"{FORMAT}","version":{VERSION},"run":{{…}}}}'
        raise MalformedRequestError(f"Line {number} should be {wanted}.") from None
    return parsed.run["run_id"], parsed.run


class _Folding:
    """The states of the spans so far. Revisions are given anew, without gaps, so that each event is a step.

    Span events grow a state with each of them: it is told of them when it changes otherwise, or at the end.
    """

    def __init__(self, run_id: str, redactor: Redactor) -> None:
        self._run_id = run_id
        self._redactor = redactor
        self._keeps_content = content_capture_allowed()
        self._states: dict[str, bytes] = {}  # as they are stored: parsed, they would take ten times the memory
        self._latest: dict[str, Any] = {"span_id": None}  # the one that changed last, as one often changes again
        self._unsaid: dict[str, dict[str, Any]] = {}  # those with span events that the stored one has not
        self._state_bytes = 0
        self._sources: dict[str, tuple[str, bytes]] = {}  # by what the file calls them
        self.passed_over = 0

    def source(self, line: _Source) -> None:
        """Learn what a key stands for. Without secrets it may be called otherwise."""
        if len(self._sources) < _MOST_SOURCES and (entry := line.entry(self._redactor)) is not None:
            self._sources[line.source] = entry

    def log(self, line: _Log) -> Iterator[Change]:
        body = self._redacted(line)
        sources = self._named(body)
        yield Change("", "", [dumps(body)], sources=sources)

    def event(self, line: _Event, *, is_event: bool) -> Iterator[Change]:
        held = self._unsaid.get(line.span_id)
        if held is None and self._latest["span_id"] == line.span_id:
            held = self._latest
        elif held is None and (stored := self._states.get(line.span_id)) is not None:
            held = orjson.loads(stored)
        body = self._redacted(line)
        body.update(parent_id=line.parent_id, end=line.end)  # null says something in these two
        sources = self._named(body)
        is_change = changes_state(line.event, line.kind)
        if not is_event:
            if held is None or (held["status"], held["end"]) != (line.status, line.end):
                yield self._change(body, body, held, sources)
        elif is_change and line.event != f"{line.kind}_update":
            yield self._change(body, self._with_notes(body, held), held, sources)
        elif held is None:
            self.passed_over += 1
        elif is_change:
            state = merged(held, body)
            state.setdefault("attributes", {})
            yield self._change(body, state, held, sources)
        else:
            note = {"ts": line.ts, "name": body["event"], "attributes": body.get("attributes", {})}
            note |= {name: body[name] for name in ("types", "changed") if name in body}
            held.setdefault("span_events", []).append(note)
            held["noted"] += 1
            self._unsaid[line.span_id] = held
            # as a log line: one that changes no state
            yield Change("", "", [dumps({**body, "rev": held["rev"], "noted": held["noted"]})], sources=sources)

    def unsaid(self) -> Iterator[Change]:
        """The states that the last span events have made, at the end of the file."""
        for span_id, held in self._unsaid.items():
            yield Change(span_id, held["parent_id"] or "", [], state=self._dumped({**held, "rev": held["rev"] + 1}))

    def _named(self, body: dict[str, Any]) -> dict[str, bytes]:
        """What the line comes from, as it is called here; what the file does not say is not named."""
        sources = {}
        for name in ("resource", "scope"):
            entry = self._sources.get(f"{name[0]}:{body.get(name)}")
            if entry is not None:
                body[name], sources[f"{name[0]}:{entry[0]}"] = entry  # its place stays
            else:
                body.pop(name, None)
        return sources

    def _change(
        self, line: dict[str, Any], state: dict[str, Any], held: dict[str, Any] | None, sources: dict[str, bytes]
    ) -> Change:
        rev = held["rev"] + 1 if held else 1
        noted = state["noted"] if held is None else max(state["noted"], held["noted"])
        state = {**state, "rev": rev, "noted": noted}
        self._latest = state
        self._states[state["span_id"]] = made = self._dumped(state)
        self._unsaid.pop(state["span_id"], None)
        event = dumps({**line, "rev": rev, "noted": noted})
        events, whole = ([made], b"") if event == made else ([event], made)
        layers = layers_of(state, state.get("attributes") or {})
        return Change(
            state["span_id"], state["parent_id"] or "", events, 0, account_of(state), layers, whole, sources
        )  # fmt: skip

    def _dumped(self, state: dict[str, Any]) -> bytes:
        made = dumps(state)
        self._state_bytes += len(made)
        if self._state_bytes > _MOST_STATE_BYTES:
            self._states.clear()
            raise TooManyError(
                f"The states of the file's spans are larger than {_MOST_STATE_BYTES} bytes together: large spans "
                "change too often. Nothing was taken."
            )
        return made

    @staticmethod
    def _with_notes(body: dict[str, Any], held: dict[str, Any] | None) -> dict[str, Any]:
        """An end brings all its span events; a whole state in between may leave out what was told."""
        if "span_events" in body or held is None or "span_events" not in held:
            return body
        return {**body, "span_events": held["span_events"]}

    def _redacted(self, line: BaseModel) -> dict[str, Any]:
        """The fields of a line without secrets; prompt content that is not kept leaves its mark."""
        left_out: Dropped = {}
        fields = line.model_dump(exclude_none=True)
        if isinstance(line, _Log):
            self._leave_body_out(fields, left_out)
        body = self._redacted_fields(fields, left_out)
        if left_out:
            body["content"] = [*body.get("content", ()), *marks_of(left_out, self._redactor.where)]
        return body

    def _leave_body_out(self, log: dict[str, Any], left_out: Dropped) -> None:
        """Leave out of a message what is left out of a body that comes over OTLP: a map of it stands here as JSON."""
        name = (log.get("attributes") or {}).get(EVENT_NAME)
        message = log.get("message")
        if self._keeps_content or not message:
            return
        if isinstance(name, str) and is_said_in_body(name):
            if message != name:
                count_dropped(left_out, BODY, message)
                log["message"] = name
        elif message.startswith("{"):
            found: Dropped = {}
            with contextlib.suppress(orjson.JSONDecodeError):
                kept = self._redactor.attributes(orjson.loads(message), found)
                if found:
                    left_out.update(found)
                    log["message"] = dumps(kept).decode()

    def _redacted_fields(self, fields: dict[str, Any], left_out: Dropped) -> dict[str, Any]:
        """Every text that somebody may have written, at any depth; ids and what has been checked stay as they are."""
        made: dict[str, Any] = {}
        remarks: Remarks = {}
        for name, value in fields.items():
            if name in _CHECKED:
                made[name] = value
            elif name == "attributes":
                values = all_as_sent(value, fields.get("types"))
                made[name] = self._redactor.attributes(values, left_out, remarks, _event_of(fields))
                made.update((name, remarks[name]) for name in ("types",) if name in remarks)
            elif name == "sent":
                made[name] = self._redactor.attributes(value)
            elif name != "types":  # of the values that are kept, see above
                made[self._redactor.text(name)] = self._redacted_value(value, left_out)
        if changed := remarks.get("changed"):
            made["changed"] = [*dict.fromkeys([*made.get("changed", ()), *changed])]
        return made

    def _redacted_value(self, value: Any, left_out: Dropped) -> Any:
        if isinstance(value, str):
            return self._redactor.text(value)
        if isinstance(value, dict):
            return self._redacted_fields(value, left_out)
        return [self._redacted_value(item, left_out) for item in value] if isinstance(value, list) else value


def _event_of(fields: Mapping[str, Any]) -> str:
    """The name of the event that attributes are of: a span event's, a log record's, or that of a line."""
    attributes = fields.get("attributes") or {}
    said = (fields.get("name"), fields.get("event"), attributes.get(EVENT_NAME), fields.get("message"))
    return next((one for one in said if isinstance(one, str) and is_message_event(one)), "")
