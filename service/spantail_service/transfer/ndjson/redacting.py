"""A line that was read, without secrets. Pure."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

import orjson

from spantail.content import content_capture_allowed, count_dropped, is_message_event, is_said_in_body, marks_of
from spantail.json_values import all_as_sent
from spantail_exporters.model.event import dumps
from spantail_service.ingest.log_events import BODY, EVENT_NAME
from spantail_service.transfer.ndjson.schema import Log

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spantail.content import Dropped
    from spantail.redaction import Remarks
    from spantail_exporters.model.redactor import Redactor
    from spantail_service.transfer.ndjson.schema import Event

_CHECKED: Final = frozenset({"run_id", "span_id", "parent_id", "status", "runner", "resource", "scope"})
"""Fields that can hold no secret."""
_NULLABLE: Final = frozenset({"parent_id", "end"})
"""Fields of an event in which null says something."""


class LineRedactor:
    """Takes secrets out of lines, and prompt content that is not kept."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._keeps_content = content_capture_allowed()

    def fields_of(self, line: Event | Log) -> dict[str, Any]:
        """Return the fields of a line without secrets, in their order; content that is left out leaves its mark."""
        left_out: Dropped = {}
        known = line.model_dump(exclude_none=True)
        fields = {name: known.get(name) for name in type(line).model_fields if name in known or name in _NULLABLE}
        if isinstance(line, Log):
            self._leave_body_out(fields, left_out)
        body = self._fields(fields, left_out)
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

    def _fields(self, fields: dict[str, Any], left_out: Dropped) -> dict[str, Any]:
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
                made[self._redactor.text(name)] = self._value(value, left_out)
        if changed := remarks.get("changed"):
            made["changed"] = [*dict.fromkeys([*made.get("changed", ()), *changed])]
        return made

    def _value(self, value: Any, left_out: Dropped) -> Any:
        if isinstance(value, str):
            return self._redactor.text(value)
        if isinstance(value, dict):
            return self._fields(value, left_out)
        return [self._value(item, left_out) for item in value] if isinstance(value, list) else value


def _event_of(fields: Mapping[str, Any]) -> str:
    """The name of the event that attributes are of: a span event's, a log record's, or that of a line."""
    attributes = fields.get("attributes") or {}
    said = (fields.get("name"), fields.get("event"), attributes.get(EVENT_NAME), fields.get("message"))
    return next((one for one in said if isinstance(one, str) and is_message_event(one)), "")
