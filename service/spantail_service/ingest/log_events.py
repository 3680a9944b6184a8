"""Log records with a span context to log events of that span (pure)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from spantail.attributes import EXCEPTION_MESSAGE, EXCEPTION_STACKTRACE, EXCEPTION_TYPE
from spantail.content import count_dropped, is_message_event, is_said_in_body, marks_of
from spantail_exporters.model.event import dumps
from spantail_exporters.otlp.records import LOGGER_NAME

if TYPE_CHECKING:
    from spantail.content import Dropped
    from spantail.redaction import Remarks
    from spantail_exporters.model.redactor import Redactor
    from spantail_service.ingest.decoding.entries import LogEntry

# OpenTelemetry Logs Data Model, "Field: SeverityNumber", in the words that `logging` uses for them
_LEVELS: Final = ("TRACE", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_NUMBERS_PER_LEVEL: Final = 4
_LEVEL_LENGTH: Final = 20
_NAMES: Final = {"WARN": "WARNING", "FATAL": "CRITICAL"}
EVENT_NAME: Final = "event.name"
BODY: Final = "body"
_ERROR: Final = {EXCEPTION_TYPE: "type", EXCEPTION_MESSAGE: "message", EXCEPTION_STACKTRACE: "traceback"}
_OF_ITS_OWN: Final = frozenset((*_ERROR, LOGGER_NAME))


def log_event(entry: LogEntry, redactor: Redactor, now_us: int, *, keep_content: bool) -> bytes:
    """Encode a log record as livetail event; `now_us` stands in where it has no time.

    Its level is its severity's, else the text that came with it. An event name without a body is its message. The body
    of a GenAI event is a prompt or an answer: without `keep_content` it is left out, and `content` marks that.
    """
    left_out: Dropped = {}
    attributes = entry.attributes
    name = _name(entry)
    is_content = is_said_in_body(name) and not keep_content
    message = name if entry.body is None or is_content else entry.body
    if is_content and entry.body is not None:
        count_dropped(left_out, BODY, entry.body)
    body: dict[str, Any] = {
        "ts": entry.time_us or now_us,
        "event": "log",
        "run_id": entry.run_id,
        "span_id": entry.span_id,
        "level": redactor.text(_level(entry)),
        "logger": redactor.text(str(attributes.get(LOGGER_NAME) or entry.source.scope)),
        "message": _text(message, redactor, left_out),
    }
    if entry.source.service is not None:
        body["service"] = redactor.text(entry.source.service)
    if entry.source.runner is not None:
        body["runner"] = entry.source.runner
    body.update(entry.source.whole.encoded(redactor).fields)
    error = {name: redactor.text(str(attributes[key])) for key, name in _ERROR.items() if attributes.get(key)}
    if error:
        body["error"] = error
    further = {name: value for name, value in attributes.items() if name not in _OF_ITS_OWN}
    if entry.event_name:
        further[EVENT_NAME] = entry.event_name
    if further:
        remarks: Remarks = {}
        body["attributes"] = redactor.attributes(further, left_out, remarks, _event(entry, name))
        body.update(remarks)
    if left_out:
        body["content"] = marks_of(left_out, redactor.where)
    return dumps(body)


def _name(entry: LogEntry) -> str:
    """The event's name, which was an attribute before OTLP had a field for it."""
    name = entry.event_name or entry.attributes.get(EVENT_NAME)
    return name if isinstance(name, str) else ""


def _event(entry: LogEntry, name: str) -> str:
    """The name that shows that the record is a message: its own, else its body or scope."""
    candidates = (name, entry.body, entry.source.scope)
    return next((one for one in candidates if isinstance(one, str) and is_message_event(one)), "")


def _level(entry: LogEntry) -> str:
    if 1 <= entry.severity <= len(_LEVELS) * _NUMBERS_PER_LEVEL:
        return _LEVELS[(entry.severity - 1) // _NUMBERS_PER_LEVEL]
    text = entry.severity_text[:_LEVEL_LENGTH].upper()
    return _NAMES.get(text, text) or "INFO"


def _text(message: Any, redactor: Redactor, left_out: Dropped) -> str:
    if isinstance(message, str):
        return redactor.text(message)
    if isinstance(message, bytes):
        remarks: Remarks = {}  # given, so that it is base64; unless there is a secret in it
        return str(redactor.attributes({BODY: message}, None, remarks).get(BODY))
    if isinstance(message, dict):
        message = redactor.attributes(message, left_out)  # its keys may say that a value is a secret
    elif isinstance(message, list):
        message = redactor.attributes({"body": message}, left_out).get("body")
    return redactor.text(dumps(message).decode())
