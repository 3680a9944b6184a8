"""Parts of a span's state: fields, error, span events and links, and the remarks on them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from spantail import attributes as key
from spantail_exporters.dialects.origin import ORIGIN_FIELDS
from spantail_exporters.model.remarks import change, differ, take_changed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from spantail.content import Dropped
    from spantail.redaction import Remarks
    from spantail_exporters.model.record import Link, SpanEvent, SpanRecord
    from spantail_exporters.model.redactor import Redactor

BESIDE_ATTRIBUTES: Final = (*ORIGIN_FIELDS, "types", "changed")
"""Fields that say what the attributes cannot; they stand directly behind them."""


def add_attributes(
    body: dict[str, Any],
    attributes: dict[str, Any],
    origin: Mapping[str, Any] | None,
    remarks: Remarks,
    redactor: Redactor,
) -> None:
    """Add the attributes and the remarks on them, behind all that the run script and the tree look for as text."""
    if key.CHANGED in attributes:
        take_changed(attributes, remarks)
    body["attributes"] = attributes
    if origin:
        _add_origin(body, origin, attributes, redactor)
    if remarks:
        body.update(remarks)
    if "dropped" in body:
        body["dropped"] = body.pop("dropped")


def _add_origin(
    body: dict[str, Any], origin: Mapping[str, Any], attributes: Mapping[str, Any], redactor: Redactor
) -> None:
    """Add which attributes were not sent, of those that are kept; directly behind them, where `tail/reader.py` cuts."""
    derived = [name for name in origin["derived"] if name in attributes]
    moved = {ours: redactor.text(theirs) for ours, theirs in origin["moved"].items() if ours in attributes}
    sent = redactor.attributes(origin["sent"]) if origin["sent"] else None
    fields = zip(ORIGIN_FIELDS, (derived, sent, moved), strict=True)
    body.update((field, value) for field, value in fields if value)


def add_fields(
    body: dict[str, Any],
    record: SpanRecord,
    error: Mapping[str, str] | None,
    text: Callable[[str], str],
    remarks: Remarks,
) -> None:
    """Add what was sent beside the rest, and of the status what `status` and `error` leave out."""
    if fields := record.fields:
        body.update(fields)
        for field, name in _TEXTS:
            if field in fields:
                body[field] = made = text(fields[field])
                if differ(made, fields[field]):
                    change(remarks, name)
    if record.failed and body["status"] not in {"error", "running"}:
        body["status_code"] = "error"  # `spantail.status` says something else
    if record.description:
        description = text(record.description)
        if differ(description, record.description):
            change(remarks, key.SPAN_STATUS_MESSAGE)
        if error is None or error.get("message") != description:
            body["status_message"] = description
    elif error is not None and "message" in error:
        body["status_message"] = ""  # the message is the exception's alone


_TEXTS: Final = (("trace_state", key.SPAN_TRACE_STATE), ("name_told", key.SPAN_NAME))


def error_of(
    record: SpanRecord, attributes: Mapping[str, Any], redactor: Redactor
) -> tuple[dict[str, str], SpanEvent | None]:
    """Build `error` from the last exception event, else from the status; say which event it came from."""
    error: dict[str, str] = {}
    folded = next((span_event for span_event in reversed(record.span_events) if span_event.name == "exception"), None)
    if folded is not None:
        made = redactor.attributes(folded.attributes)
        for name, attribute in (
            ("type", key.EXCEPTION_TYPE),
            ("message", key.EXCEPTION_MESSAGE),
            ("traceback", key.EXCEPTION_STACKTRACE),
        ):
            if (value := made.get(attribute)) is not None:
                error[name] = str(value)
    if "type" not in error and (error_type := attributes.get("error.type")) is not None:
        error["type"] = str(error_type)
    if "message" not in error and record.description:
        error["message"] = redactor.text(record.description)
    return error, folded


def span_event_of(
    span_event: SpanEvent, redactor: Redactor, left_out: Dropped, *, whole: bool = True
) -> dict[str, Any]:
    """Build a span event; one that is not `whole` stands in `error` of its span."""
    remarks: Remarks = {}
    attributes = redactor.attributes(span_event.attributes, left_out, remarks, span_event.name)
    if not whole and isinstance(attributes.get(key.EXCEPTION_STACKTRACE), str):
        # the traceback stands in `error` already, and is by far the largest part
        del attributes[key.EXCEPTION_STACKTRACE]
    name = redactor.text(span_event.name)
    if differ(name, span_event.name):
        change(remarks, key.EVENT_NAME)
    if key.CHANGED in attributes:
        take_changed(attributes, remarks)
    made = {"ts": span_event.time_us, "name": name, "attributes": attributes}
    return {**made, **remarks, **(span_event.fields or {})} if remarks or span_event.fields else made


def link_of(link: Link, redactor: Redactor, left_out: Dropped) -> dict[str, Any]:
    """Build a link."""
    fields = dict(link.fields or ())
    remarks: Remarks = {}
    attributes = redactor.attributes(link.attributes, left_out, remarks)
    if key.CHANGED in attributes:
        take_changed(attributes, remarks)
    made: dict[str, Any] = {} if "odd_ids" in fields else {"run_id": link.run_id, "span_id": link.span_id}
    if "trace_state" in fields:
        fields["trace_state"] = redactor.text(fields["trace_state"])
    if "odd_ids" in fields:  # in JSON they may be any text
        fields["odd_ids"] = [redactor.text(one) for one in fields["odd_ids"]]
    for field, name in (("trace_state", key.LINK_TRACE_STATE), ("odd_ids", key.LINK_IDS)):
        if field in fields and link.fields and fields[field] != link.fields[field]:
            change(remarks, name)
    return {**made, "attributes": attributes, **remarks, **fields}
