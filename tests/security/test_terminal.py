"""What a terminal would obey instead of showing it, in every text of a run: our own output holds none of it.

Colours, titles, links (OSC 8), the clipboard (OSC 52), reports that type for the user, other screens, and marks that
turn the direction of writing.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from spantail_exporters.model.changes import Change
from spantail_service.client.terminal import LineFormatter, harmless, harmless_json
from tests.integration.service.harness import ROOT_SPAN, RUN, START, Service, Writer, line, spantail_process, state
from tests.security.test_markup import _every_field
from tests.support.commands import run_command

if TYPE_CHECKING:
    from collections.abc import Iterator

ATTACKS = [
    "\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\x1b]8;;https://evil.example\x1b\\click\x1b]8;;\x1b\\",
    "\x1b]52;c;ZXZpbA==\x07", "\x1b[6n\x1b[c\x05", "\x1b[2J\x1b[H\x1b[?1049h", "\x9b31m\x9d52;c;eA==\x9c",
    "\x1bP+q544e\x1b\\",
    "one\r\ntwo\rover\x08\x08\x08", "\u202eexe.gnp\u202c \u2066x\u2069", "a\u200bb\u2060c\ufeffd\U000e0041\U000e007f",
    "\x00\x7f\x85\u2028\u2029", "2026-11-28 00:00:00 ERROR spantail: made up\nby somebody",
]  # fmt: skip
ALL = " ".join(ATTACKS)
OBEYED = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u2028-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f]")


@pytest.fixture
def service(new_redis_url: str) -> Iterator[Service]:
    with Writer(new_redis_url) as writer:
        _store(writer)
    with spantail_process("serve", "--port", "0", "--redis-url", new_redis_url) as running:
        running.await_ready()
        yield running


def _store(writer: Writer) -> None:
    fields: dict[str, Any] = {**_every_field(ALL), "rev": 2, "end": START + 1_000_000, "status": "error"}
    call = {**fields, "parent_id": ROOT_SPAN, "kind": "llm_call", "event": "llm_call_error"}
    log = {**orjson.loads(line(RUN, 1)), "level": ALL, "logger": ALL, "message": ALL}
    note = {**orjson.loads(state(RUN, "1" * 16)), "event": ALL, "attributes": {ALL: ALL}}
    ways = {f"spantail.fallback.{name}": ALL for name in ("from", "to", "reason")}
    fallback = {**note, "event": "llm_call_fallback", "attributes": ways}
    writer.write(RUN, [
        Change("1" * 16, ROOT_SPAN, [state(RUN, "1" * 16, **call)], account=f"1 0 1 1 1 {ALL.replace(chr(10), ' ')}\n"),
        *(Change("", "", [orjson.dumps(event)]) for event in (log, note, fallback)),
        Change(ROOT_SPAN, "", [state(RUN, **{**fields, "event": "operation_error"})]),
    ])  # fmt: skip


@pytest.mark.parametrize(
    "command", [("tail", RUN), ("tail", RUN, "--json"), ("runs",), ("runs", "--json"), ("doctor",)], ids=" ".join
)
def test_the_commands_print_nothing_that_is_obeyed(service: Service, command: tuple[str, ...]) -> None:
    done = run_command(service.url, *command)
    for text in (done.stdout, done.stderr):
        assert OBEYED.findall(text) == []
    assert "red" in done.stdout or command == ("doctor",)
    if "--json" in command:
        lines = [orjson.loads(text) for text in done.stdout.splitlines()]
        assert any(ALL in text for one in lines for text in strings(one))


def strings(value: Any) -> Iterator[str]:
    """Every text in a JSON value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, held in value.items():
            yield key
            yield from strings(held)
    elif isinstance(value, list):
        for held in value:
            yield from strings(held)


@pytest.mark.parametrize("attack", ATTACKS)
def test_texts_are_made_harmless_and_json_keeps_its_meaning(attack: str) -> None:
    assert OBEYED.findall(harmless(attack)) == []
    assert "\n" not in harmless(attack)
    line_ = harmless_json(orjson.dumps({attack: attack}) + b"\n")
    assert OBEYED.findall(line_.decode()) == []
    assert line_.count(b"\n") == 1
    assert orjson.loads(line_) == {attack: attack}


def test_the_log_of_the_service_has_one_line_for_each_record() -> None:
    formatter = LineFormatter("%(levelname)s %(name)s: %(message)s")
    with pytest.raises(ValueError, match="red") as raised:
        int(ALL)
    record = logging.LogRecord("x", logging.ERROR, "file", 1, "failed: %s", (ALL,), raised._excinfo)
    first, *rest = formatter.format(record).split("\n")
    assert first.startswith("ERROR x: failed: ")
    assert OBEYED.findall(first) == []
    assert rest
    for text in rest:
        assert text.startswith("  ")  # no line of a traceback looks like a record of its own
        assert OBEYED.findall(text) == []
