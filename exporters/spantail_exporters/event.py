"""Span states and log lines to version-1 livetail events: pure functions, bytes out.

The order of the first four fields is part of the contract with `append.lua`, which reads them as text.
Absent means unknown: no field is ever a made-up zero.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from spantail import attributes as key
from spantail.content import marks_of, take_marks
from spantail.redaction import TRUNCATED_KEY
from spantail_exporters.changes import NO_SOURCES
from spantail_exporters.dialects.costs import MOST_USD
from spantail_exporters.dialects.origin import ORIGIN_FIELDS, names_in, told_apart
from spantail_exporters.dialects.understand import is_foreign

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from spantail.content import Dropped
    from spantail.live import LogEvent
    from spantail.redaction import Remarks
    from spantail_exporters.record import Link, Note, Redactor, SpanRecord

_GEN_AI_KINDS: Final = {
    "chat": "llm_call",
    "text_completion": "llm_call",
    "generate_content": "llm_call",
    "embeddings": "llm_call",
    "execute_tool": "tool",
    "retrieval": "retrieval",
}
_SUFFIX: Final = {"running": "_update", "ok": "_complete", "error": "_error",
                  "skipped": "_skip", "cancelled": "_cancelled"}  # fmt: skip
_LAYER_STATUS: Final = {"running": "running", "ok": "complete", "error": "error",
                        "skipped": "skipped", "cancelled": "skipped"}  # fmt: skip
_TOKENS: Final = (
    ("input", key.GEN_AI_USAGE_INPUT_TOKENS),
    ("output", key.GEN_AI_USAGE_OUTPUT_TOKENS),
    ("cache_read", key.GEN_AI_USAGE_CACHE_READ_TOKENS),
    ("cache_write", key.GEN_AI_USAGE_CACHE_WRITE_TOKENS),
    ("reasoning", key.GEN_AI_USAGE_REASONING_TOKENS),
    ("cache_write_1h", key.USAGE_CACHE_WRITE_1H),
    ("audio_input", key.USAGE_AUDIO_INPUT),
    ("audio_output", key.USAGE_AUDIO_OUTPUT),
    ("image_input", key.USAGE_IMAGE_INPUT),
    ("image_output", key.USAGE_IMAGE_OUTPUT),
)
_PROGRESS: Final = (
    ("done", key.PROGRESS_DONE),
    ("total", key.PROGRESS_TOTAL),
    ("message", key.PROGRESS_MESSAGE),
)
NANO: Final = 1_000_000_000
_LAYERS: Final = 100  # layers that are announced, and …
_LAYER_NAME: Final = 200  # … the characters of a name: the strip is read with every poll
# What is above them is a mistake, and sums of a batch of 500 must stay below 2**53 to be exact.
_MOST_TOKENS: Final = 10**12


def nano_usd(cost_usd: float) -> int:
    """Round an attempt's cost to integer nano-USD: the one rounding that every sum is built on."""
    return round(cost_usd * NANO)


def kind_of(attributes: Mapping[str, Any]) -> str:
    """Name the span's kind: what it says itself, else what its GenAI operation implies, else `span`."""
    kind = attributes.get(key.KIND)
    if kind is None:
        operation = attributes.get(key.GEN_AI_OPERATION_NAME)
        return _GEN_AI_KINDS.get(operation, "span") if isinstance(operation, str) else "span"
    return kind if isinstance(kind, str) and kind in key.KINDS else "span"


def status_of(record: SpanRecord) -> str:
    """Name the span's status; `spantail.status` says what OTLP's status cannot."""
    if record.end_us is None:
        return "running"
    said = record.attributes.get(key.STATUS)
    if isinstance(said, str) and said in {"skipped", "cancelled"}:
        return str(said)
    return "error" if record.failed else "ok"


def event_of(kind: str, status: str) -> str:
    """Name the event of a span that has come to a status."""
    return kind + _SUFFIX[status]


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _cost(attributes: Mapping[str, Any]) -> float | None:
    cost = attributes.get(key.COST_USD)
    if cost is None and key.COST_NOTE not in attributes:  # the note says why another library's cost is none
        cost = attributes.get(key.GEN_AI_USAGE_COST)
    return _amount(cost)


def _amount(cost: object) -> float | None:
    # a cost of NaN, infinity or below zero is no cost
    if type(cost) is float and 0 <= cost <= MOST_USD:
        return cost
    if isinstance(cost, (int, float)) and not isinstance(cost, bool) and 0 <= cost <= MOST_USD:
        return float(cost)
    return None


class Encoded:
    """A span state on its way to Redis, with what the script must know beside it.

    `tellable` are the span events that are tail events of their own: all but the exception that became `error`.
    `sources` are the resource and the scope that the body names.
    """

    __slots__ = ("account", "body", "layers", "noted", "sources", "tellable")

    def __init__(  # noqa: PLR0917 - made in one place
        self, body: dict[str, Any], noted: int, account: str, layers: bytes, tellable: list[dict[str, Any]],
        sources: Mapping[str, bytes],
    ) -> None:  # fmt: skip
        self.body = body
        self.noted = noted
        self.account = account
        self.layers = layers
        self.tellable = tellable
        self.sources = sources

    def cut(self, mark: str) -> None:
        """Leave out everything that can be large, and say so in the attributes: identity, times and money stay."""
        for name in (*BESIDE_ATTRIBUTES, "span_events", "links"):
            self.body.pop(name, None)
        self.tellable = []
        self.body["attributes"] = {TRUNCATED_KEY: mark}


def encode_state(record: SpanRecord, rev: int, redactor: Redactor, *, event: str | None = None,
                 ts: int | None = None, noted: int = 0) -> Encoded:  # fmt: skip
    """Encode one whole state of a span.

    `rev` is the writer's revision, 1 for the start. `event` overrides the event's suffix (`_start` for the first
    state); `ts` is the event's time in us, by default the end or the start. `noted` is how many span events were
    told already: the count never runs back, whatever the SDK dropped since.
    """
    raw = record.attributes
    end = record.end_us
    origin = None
    if is_foreign(raw) or key.DERIVED in raw:
        # a copy: the span's own are compared at the next look
        raw, origin = told_apart(raw, ended=end is not None, start_us=record.start_us)
    status, kind = status_of(record), kind_of(raw)
    text, notes = redactor.text, record.notes
    left_out: Dropped = {}
    remarks: Remarks = {}
    attributes = redactor.attributes(raw, left_out, remarks)
    marks = take_marks(attributes) if key.CONTENT_LEFT_OUT in attributes else _NOTHING
    failed = record.failed and end is not None
    error, folded = _error(record, attributes, redactor) if failed else (None, None)
    untold = notes
    if notes:
        # the exception that `error` tells of needs no event of its own, unless it has had one while the span was open
        if folded is not None and record.dropped_notes + next(i for i, n in enumerate(notes) if n is folded) >= noted:
            untold = tuple(note for note in notes if note is not folded)
        noted = max(noted, record.dropped_notes + len(untold))
    body: dict[str, Any] = {
        "rev": rev,
        "status": status,
        "start": record.start_us,
        "noted": noted,
        "ts": ts if ts is not None else end if end is not None else record.start_us,
        "event": kind + (event or _SUFFIX[status]),
        "run_id": record.run_id,
        "span_id": record.span_id,
        "parent_id": record.parent_id,
        "name": (name := text(record.name)),
        "kind": kind,
        "end": end,
    }
    if name is not record.name and _differ(name, record.name):
        _change(remarks, key.SPAN_NAME)
    if record.service is not None:
        body["service"] = text(str(record.service))
    if record.runner is not None:
        body["runner"] = record.runner
    sources = NO_SOURCES
    if record.source is not None:
        fields, sources = record.source.told(redactor)
        body.update(fields)
    _say_facts(body, record, error, text, remarks)
    account = ""
    if kind == "llm_call":
        account = _promote_attempt(body, attributes, status)
    elif end is not None and (
        key.GEN_AI_USAGE_COST_AMOUNT in attributes or key.GEN_AI_USAGE_INPUT_TOKENS in attributes
    ):
        account = _account_around(body, attributes, status)
    if key.PROGRESS_DONE in attributes or key.LAYER in attributes:
        _say_progress(body, attributes)
    if left_out or marks:
        body["content"] = marks  # its place: what is large comes last
    _say_attributes(body, attributes, origin, remarks, redactor)
    tellable: list[dict[str, Any]] = _NOTHING
    if notes:
        told = [_note(note, redactor, left_out, whole=note is not folded) for note in notes]
        body["span_events"] = told
        tellable = [one for one, note in zip(told, notes, strict=True) if note is not folded or untold is notes]
    if record.links:
        body["links"] = [_link(link, redactor, left_out) for link in record.links]
    if left_out:
        body["content"] = [*marks, *marks_of(left_out, redactor.where)]
    if error is not None:
        body["error"] = error
    layers = _layers(body, attributes) if kind == "layer" or key.LAYERS in attributes else b""
    return Encoded(body, noted, account, layers, tellable, sources)


BESIDE_ATTRIBUTES: Final = (*ORIGIN_FIELDS, "types", "changed")


def _change(remarks: Remarks, name: str) -> None:
    """Remark that what has this name is not as it was sent."""
    changed = remarks.setdefault("changed", [])
    if name not in changed:
        changed.append(name)


def _differ(told: str, sent: object) -> bool:
    """Whether a text is not the one that was set, which need be none and then is not asked."""
    return told is not sent and not (type(sent) is str and told == sent)


def _take_changed(attributes: dict[str, Any], remarks: Remarks) -> None:
    """Read the mark of an earlier export of ours; what is no list of names stays where it is."""
    if names := names_in(attributes.get(key.CHANGED)):
        del attributes[key.CHANGED]
        remarks["changed"] = [*dict.fromkeys([*names, *remarks.get("changed", ())])]


def _say_attributes(
    body: dict[str, Any],
    attributes: dict[str, Any],
    origin: Mapping[str, Any] | None,
    remarks: Remarks,
    redactor: Redactor,
) -> None:
    """Say the attributes and what is told of them, behind all that `append.lua` and the tree look for as text."""
    if key.CHANGED in attributes:
        _take_changed(attributes, remarks)
    body["attributes"] = attributes
    if origin:
        _say_origin(body, origin, attributes, redactor)
    if remarks:
        body.update(remarks)
    if "dropped" in body:
        body["dropped"] = body.pop("dropped")


def _say_origin(
    body: dict[str, Any], origin: Mapping[str, Any], attributes: Mapping[str, Any], redactor: Redactor
) -> None:
    """Say which attributes were not sent, of those that are kept; directly behind them, where `tail/reader.py` cuts."""
    derived = [name for name in origin["derived"] if name in attributes]
    moved = {ours: redactor.text(theirs) for ours, theirs in origin["moved"].items() if ours in attributes}
    sent = redactor.attributes(origin["sent"]) if origin["sent"] else None
    fields = zip(ORIGIN_FIELDS, (derived, sent, moved), strict=True)
    body.update((field, told) for field, told in fields if told)


def _say_progress(body: dict[str, Any], attributes: Mapping[str, Any]) -> None:
    """Say how far a span has come, and which layer it is."""
    if key.PROGRESS_DONE in attributes:
        body["progress"] = {
            name: value
            for name, attribute in _PROGRESS
            if isinstance(value := attributes.get(attribute), (int, float, str))
        }
    if (layer := attributes.get(key.LAYER)) is not None:
        body["layer"] = str(layer)


def _say_facts(
    body: dict[str, Any],
    record: SpanRecord,
    error: Mapping[str, str] | None,
    text: Callable[[str], str],
    remarks: Remarks,
) -> None:
    """Say what was sent beside the rest, and of the status what `status` and `error` leave out."""
    if facts := record.facts:
        body.update(facts)
        for fact, name in _TEXTS:
            if fact in facts:
                body[fact] = told = text(facts[fact])
                if _differ(told, facts[fact]):
                    _change(remarks, name)
    if record.failed and body["status"] not in {"error", "running"}:
        body["status_code"] = "error"  # `spantail.status` says something else
    if record.description:
        description = text(record.description)
        if _differ(description, record.description):
            _change(remarks, key.SPAN_STATUS_MESSAGE)
        if error is None or error.get("message") != description:
            body["status_message"] = description
    elif error is not None and "message" in error:
        body["status_message"] = ""  # the message is the exception's alone


_TEXTS: Final = (("trace_state", key.SPAN_TRACE_STATE), ("name_told", key.SPAN_NAME))
_NOTHING: Final[list[dict[str, Any]]] = []  # shared by all states without span events: an object less for each


def _renamed(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    """Read older names as what they are called now."""
    older = {new: attributes[old] for old, new in key.ALIASES.items() if old in attributes and new not in attributes}
    return {**attributes, **older}


_OLDER_NAMES: Final = frozenset(key.ALIASES)


def _promote_attempt(body: dict[str, Any], attributes: Mapping[str, Any], status: str) -> str:
    """Lift what trees and totals need out of the redacted attributes; return the account of an ended attempt."""
    if not _OLDER_NAMES.isdisjoint(attributes):
        attributes = _renamed(attributes)
    get = attributes.get
    backend = get(key.BACKEND) or get(key.GEN_AI_PROVIDER_NAME)
    if backend is not None:
        body["backend"] = backend = str(backend)
    if (tier := get(key.TIER)) is not None:
        body["tier"] = str(tier)
    model = get(key.GEN_AI_RESPONSE_MODEL) or get(key.GEN_AI_REQUEST_MODEL)
    if model is not None:
        body["model"] = str(model)
    tokens: dict[str, int] = {}
    for name, attribute in _TOKENS:
        if attribute in attributes and type(value := attributes[attribute]) is int and 0 <= value <= _MOST_TOKENS:
            tokens[name] = value
    nano = 0
    source = get(key.COST_SOURCE)
    unpriced = False
    if (cost := _cost(attributes)) is not None:
        body["cost_usd"] = cost
        body["cost_nano"] = nano = round(cost * NANO)
    elif status != "running":
        source = key.SOURCE_UNPRICED
        # an attempt that failed before a token was used has no price that totals could miss
        unpriced = status != "error" or bool(tokens)
    if source is not None:
        body["cost_source"] = str(source)
    if (note := get(key.COST_NOTE)) is not None:
        body["cost_note"] = str(note)
    if tokens:
        body["tokens"] = tokens
    if (attempt := get(key.ATTEMPT)) is not None:
        body["attempt"] = attempt
    fallback_from = get(key.FALLBACK_FROM)
    if fallback_from is not None:
        body["fallback_from"] = fallback_from = str(fallback_from)
    if (reason := get(key.FALLBACK_REASON)) is not None:
        body["fallback_reason"] = str(reason)
    if status == "running":
        return ""
    account = (
        f"{'1' if status == 'error' else '0'} {'1' if unpriced else '0'} "
        f"{tokens.get('input', 0)} {tokens.get('output', 0)} {nano} {_one_line(backend or 'unknown')}\n"
    )
    return account + _one_line(fallback_from) if fallback_from else account


def _account_around(body: dict[str, Any], attributes: Mapping[str, Any], status: str) -> str:
    """Account for a span around LLM calls, which counts where the calls themselves are not told.

    It stands in `account` of the body too, because the script that finds a call below takes it back from there.
    """
    get = attributes.get
    tokens = {
        name: value
        for name, attribute in _TOKENS[:2]
        if type(value := get(attribute)) is int and 0 <= value <= _MOST_TOKENS
    }
    cost = _amount(get(key.GEN_AI_USAGE_COST_AMOUNT))
    known = cost is not None and get(key.GEN_AI_USAGE_COST_CURRENCY, "USD") == "USD"
    if not known and not tokens:
        return ""
    nano = round(cost * NANO) if cost is not None and known else 0
    backend = str(get(key.BACKEND) or get(key.GEN_AI_PROVIDER_NAME) or "unknown")
    told: dict[str, Any] = {"backend": backend, "tokens": tokens}
    if known:
        told["cost_nano"] = nano
    body["account"] = told
    return (
        f"{'1' if status == 'error' else '0'} {'0' if known else '1'} "
        f"{tokens.get('input', 0)} {tokens.get('output', 0)} {nano} {_one_line(backend)}\n"
    )


def _one_line(value: str) -> str:
    # a newline would end a field of the account
    return value.replace("\n", " ") if "\n" in value else value


def _error(record: SpanRecord, attributes: Mapping[str, Any], redactor: Redactor) -> tuple[dict[str, str], Note | None]:
    """Build `error` from the last exception event, else from the status; say which event it came from."""
    error: dict[str, str] = {}
    folded = next((note for note in reversed(record.notes) if note.name == "exception"), None)
    if folded is not None:
        told = redactor.attributes(folded.attributes)
        for name, attribute in (
            ("type", key.EXCEPTION_TYPE),
            ("message", key.EXCEPTION_MESSAGE),
            ("traceback", key.EXCEPTION_STACKTRACE),
        ):
            if (value := told.get(attribute)) is not None:
                error[name] = str(value)
    if "type" not in error and (error_type := attributes.get("error.type")) is not None:
        error["type"] = str(error_type)
    if "message" not in error and record.description:
        error["message"] = redactor.text(record.description)
    return error, folded


def _note(note: Note, redactor: Redactor, left_out: Dropped, *, whole: bool = True) -> dict[str, Any]:
    remarks: Remarks = {}
    attributes = redactor.attributes(note.attributes, left_out, remarks, note.name)
    if not whole and isinstance(attributes.get(key.EXCEPTION_STACKTRACE), str):
        # the traceback stands in `error` already, and is by far the largest part
        del attributes[key.EXCEPTION_STACKTRACE]
    name = redactor.text(note.name)
    if _differ(name, note.name):
        _change(remarks, key.NOTE_NAME)
    if key.CHANGED in attributes:
        _take_changed(attributes, remarks)
    told = {"ts": note.time_us, "name": name, "attributes": attributes}
    return {**told, **remarks, **(note.facts or {})} if remarks or note.facts else told


def _link(link: Link, redactor: Redactor, left_out: Dropped) -> dict[str, Any]:
    facts = dict(link.facts or ())
    remarks: Remarks = {}
    attributes = redactor.attributes(link.attributes, left_out, remarks)
    if key.CHANGED in attributes:
        _take_changed(attributes, remarks)
    told: dict[str, Any] = {} if "odd_ids" in facts else {"run_id": link.run_id, "span_id": link.span_id}
    if "trace_state" in facts:
        facts["trace_state"] = redactor.text(facts["trace_state"])
    if "odd_ids" in facts:  # in JSON they may be any text
        facts["odd_ids"] = [redactor.text(one) for one in facts["odd_ids"]]
    for fact, name in (("trace_state", key.LINK_TRACE_STATE), ("odd_ids", key.LINK_IDS)):
        if fact in facts and link.facts and facts[fact] != link.facts[fact]:
            _change(remarks, name)
    return {**told, "attributes": attributes, **remarks, **facts}


def _layers(body: Mapping[str, Any], attributes: Mapping[str, Any]) -> bytes:
    if body["kind"] == "layer":
        return _layer(body, _LAYER_STATUS[body["status"]])
    return _pending(attributes.get(key.LAYERS)) if body["status"] == "running" and key.LAYERS in attributes else b""


def _layer(body: Mapping[str, Any], status: str) -> bytes:
    progress = body.get("progress", {})
    return orjson.dumps(
        {
            "name": (body.get("layer") or body["name"])[:_LAYER_NAME],
            "status": status,
            "done": _number(progress.get("done")),
            "total": _number(progress.get("total")),
        }
    )


def _pending(names: object) -> bytes:
    """Announce the layers to come; what is no list of names announces nothing."""
    if not isinstance(names, list):
        return b""
    return b"\n".join(
        orjson.dumps({"name": name[:_LAYER_NAME], "status": "pending", "done": None, "total": None})
        for name in names[:_LAYERS]
        if isinstance(name, str)
    )


def update_of(state: Encoded, told: Mapping[str, Any], changed: Mapping[str, Any]) -> dict[str, Any]:
    """Cut a whole state down to an `_update`: what is unchanged against `told` is left out.

    `told` is the body that viewers hold; `changed` the attributes that are new or different.
    """
    body = {k: v for k, v in state.body.items() if k in _ALWAYS or told.get(k) != v}
    body.pop("span_events", None)  # each has been a tail event of its own
    if changed:
        body["attributes"] = dict(changed)
    else:
        body.pop("attributes", None)
    # absent means unchanged
    body.update((name, type(told[name])()) for name in BESIDE_ATTRIBUTES if name in told and name not in state.body)
    return body


_ALWAYS: Final = frozenset(
    {
        "rev",
        "status",
        "start",
        "noted",
        "ts",
        "event",
        "run_id",
        "span_id",
        "parent_id",
        "name",
        "kind",
        "end",
    }
)


def encode_notes(state: Encoded, count: int) -> list[bytes]:
    """Encode the last `count` span events of a state as tail events of their own, in their order.

    Each carries the identity of its span and the status `running`: it happened while the span was open, even
    when it travels together with the end.
    """
    notes = state.tellable[-count:] if count > 0 else []
    if not notes:
        return []
    body = state.body
    head = {
        "rev": body["rev"], "status": "running", "start": body["start"], "noted": 0, "ts": 0, "event": "",
        "run_id": body["run_id"], "span_id": body["span_id"], "parent_id": body["parent_id"],
        "name": body["name"], "kind": body["kind"], "end": None,
    }  # fmt: skip
    head.update((name, body[name]) for name in ("service", "runner") if name in body)
    first = state.noted - len(notes) + 1
    lines = []
    for noted, note in enumerate(notes, first):
        head.update(noted=noted, ts=note["ts"], event=note["name"], attributes=note["attributes"])
        beside: dict[str, Any] = {name: note[name] for name in ("types", "changed") if name in note}
        lines.append(dumps({**head, **beside} if beside else head))
    return lines


def encode_log(event: LogEvent, service: str | None, runner: str, redactor: Redactor) -> bytes:
    """Encode a log line of a span."""
    body: dict[str, Any] = {
        "ts": max(event.time_ns // 1000, 0),
        "event": "log",
        "run_id": f"{event.trace_id:032x}",
        "span_id": f"{event.span_id:016x}",
        "level": event.level,
        "logger": redactor.text(event.logger),
        "message": redactor.text(event.message),
    }
    if service is not None:
        body["service"] = redactor.text(service)
    body["runner"] = runner
    if event.error:
        body["error"] = {name: redactor.text(value) for name, value in event.error.items()}
    return dumps(body)


def dumps(body: Mapping[str, Any]) -> bytes:
    """Serialise one event; TypeError when it holds what JSON cannot say (the redactor leaves nothing such)."""
    return orjson.dumps(body)


def loads(line: bytes) -> dict[str, Any]:
    """Read back what `dumps` wrote."""
    body: dict[str, Any] = orjson.loads(line)
    return body
