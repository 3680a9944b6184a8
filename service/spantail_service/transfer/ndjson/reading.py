"""A run's NDJSON taken apart: each line is checked, then folded into changes for the run script. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson
from pydantic import ValidationError

from spantail_service.ingest.decoding.body import MalformedRequestError, TooManyError
from spantail_service.ingest.decoding.json_walk import check_parts
from spantail_service.ingest.decoding.plan import MOST_ITEMS
from spantail_service.transfer.ndjson.folding import Folding
from spantail_service.transfer.ndjson.schema import FORMAT, VERSION, Event, Header, Log, Source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spantail_exporters.model.changes import Change
    from spantail_exporters.model.redactor import Redactor

_SPACE: Final = re.compile(rb"\s*+")
_HEADER: Final = re.compile(rb'\s*+\{\s*+"format"\s*+:\s*+"spantail\.run"')
_TOLD: Final = 10  # wrong lines whose numbers are told, …
_MOST_WRONG: Final = 1_000  # … and after how many nobody looks for more


class RunFile(NamedTuple):
    """What a file holds: the run, its summary as it was written, and the changes that make it again."""

    run_id: str
    summary: dict[str, Any]
    changes: list[Change]
    events: int
    passed_over: int
    """Events of spans whose beginning was trimmed: the states at the end stand for them."""


def is_ndjson(body: bytes) -> bool:
    """Tell whether a body begins as a run's NDJSON does."""
    return _HEADER.match(body) is not None


def read(body: bytes, redactor: Redactor) -> RunFile:
    """Read a file.

    Raises:
        MalformedRequestError: lines are not what they should be; nothing of the file is taken then.
        TooManyError: it has too many lines, one of them has too many parts, or its spans grow too large on the way.
    """
    numbered = _numbered(body)
    run_id, summary = _header(*next(numbered, (1, b"")))
    folding = Folding(redactor, len(body))
    changes: list[Change] = []
    try:
        events = _folded(numbered, run_id, folding, changes)
    except TooManyError:
        changes.clear()  # its traceback keeps the list until garbage is collected
        raise
    return RunFile(run_id, summary, changes, events, folding.passed_over)


def _folded(numbered: Iterator[tuple[int, bytes]], run_id: str, folding: Folding, changes: list[Change]) -> int:
    """Add the changes of all lines; returns how many are events of the tail."""
    events = 0
    wrong: list[tuple[int, str]] = []
    for number, line in numbered:
        try:
            parsed, seq = _parsed(line, run_id)
        except MalformedRequestError as error:
            wrong.append((number, str(error)))
            changes.clear()  # nothing is taken; how many more are wrong is to be told
            if len(wrong) == _MOST_WRONG:
                break
            continue
        if wrong:
            continue
        is_event = seq is not None
        events += is_event
        folding.is_whole |= seq == 0
        if isinstance(parsed, Source):
            folding.source(parsed)
            continue
        change = folding.log(parsed) if isinstance(parsed, Log) else folding.event(parsed, is_event=is_event)
        if change is not None:
            changes.append(change)
    if wrong:
        raise MalformedRequestError(_told(wrong))
    changes += folding.unsaid()
    return events


def _parsed(line: bytes, run_id: str) -> tuple[Source | Log | Event, object]:
    """A line, and its `seq` where it is an event of the tail. What is wrong is said without the line's number."""
    try:
        check_parts(line)
        held = orjson.loads(line)
        if not isinstance(held, dict):
            raise MalformedRequestError("a JSON object is wanted")
        if "source" in held:
            return Source.model_validate(held), None
        is_log = held.get("event") == "log" and "rev" not in held  # a span event may be called that, too
        parsed = Log.model_validate(held) if is_log else Event.model_validate(held)
    except ValidationError as error:
        where = ".".join(map(str, error.errors(include_url=False, include_input=False)[0]["loc"]))
        raise MalformedRequestError(f"the field {where} is not what an event has there") from None
    except orjson.JSONDecodeError:
        raise MalformedRequestError("it is no JSON") from None
    if parsed.run_id != run_id:
        raise MalformedRequestError("it belongs to another run than the first line")
    return parsed, held.get("seq")


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
        parsed = Header.model_validate_json(line)
    except (MalformedRequestError, ValidationError):
        wanted = f'{{"format":"{FORMAT}","version":{VERSION},"run":{{…}}}}'
        raise MalformedRequestError(f"Line {number} should be {wanted}.") from None
    return parsed.run["run_id"], parsed.run
