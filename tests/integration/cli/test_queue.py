"""`spantail queue` and `spantail runners` against a real service."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import orjson
import pytest

from spantail_service.cli.commands import queue, runners
from spantail_service.client.terminal import ASCII, UNICODE
from tests.integration.service.harness import Service, spantail_process
from tests.support.commands import run_command

if TYPE_CHECKING:
    from collections.abc import Iterator

GIVEN = '{"job_titles":["nurse"]}'


@pytest.fixture
def service(new_redis_url: str) -> Iterator[Service]:
    with spantail_process("serve", "--port", "0", "--redis-url", new_redis_url, SPANTAIL_RUNNERS="0") as running:
        running.await_ready()
        yield running


def test_the_life_of_an_item(service: Service) -> None:
    empty = run_command(service.url, "queue", "list")
    assert (empty.returncode, empty.stdout) == (0, "")
    assert "0 running, 0 pending, 0 delayed, 0 failed." in empty.stderr
    added = run_command(service.url, "queue", "add", "job-search", "--input", GIVEN, "--id", "one")
    assert added.returncode == 0, added.stderr
    run_id = added.stdout.strip().rpartition("/")[2]
    assert len(run_id) == 32
    assert "item one is queued" in added.stderr
    urgent = run_command(
        service.url, "queue", "add", "job-search", "--input", GIVEN, "--id", "two", "--priority", "high", "--json"
    )
    assert orjson.loads(urgent.stdout)["item_id"] == "two"
    lines = run_command(service.url, "queue", "list").stdout.splitlines()
    assert lines[0].split() == ["item", "name", "status", "place", "tries", "priority", "queued"]
    assert [line.split()[1] for line in lines[1:]] == ["two", "one"]
    assert [re.search(r"pending +(\d) +0/3", line)[1] for line in lines[1:]] == ["1", "2"]  # type: ignore[index]
    assert max(map(len, lines)) <= 80
    assert "cancelled" in run_command(service.url, "queue", "cancel", "one").stdout
    late = run_command(service.url, "queue", "cancel", "one")
    assert late.returncode == 1
    assert "it is over" in late.stderr
    again = run_command(service.url, "queue", "retry", "one")
    assert again.stdout.strip().rpartition("/")[2] not in {"", run_id}
    found = orjson.loads(run_command(service.url, "queue", "list", "--json").stdout)
    assert found["counts"]["pending"] == 2


def test_what_is_wrong_is_said(service: Service) -> None:
    for options, code, word in (
        (("add", "job-search", "--input", "{"), 2, "not JSON"),
        (("add", "job-search", "--input", "[]"), 2, "a JSON object is wanted"),
        (("add", "job-search", "--priority", "urgent"), 2, "one of high, normal, low"),
        (("add", "job-search"), 1, "input.job_titles"),
        (("add", "none"), 1, "There is no operation of this name."),
        (("cancel", "none"), 1, "There is no item of this id"),
        (("retry", "none"), 1, "There is no item of this id"),
        ((), 2, "Usage"),
    ):
        answer = run_command(service.url, "queue", *options)
        assert answer.returncode == code, answer.stderr
        assert word in answer.stdout + answer.stderr


def test_runners(service: Service) -> None:
    found = orjson.loads(run_command(service.url, "runners", "--json").stdout)["runners"]
    listed = run_command(service.url, "runners")
    assert listed.returncode == 0
    assert len(listed.stdout.splitlines()) == (len(found) + 1 if found else 0)


RUNNER = {
    "id": "web-1:42:1", "host": "web-1", "pid": 42, "kind": "runner", "version": "0.1.0", "started": 0,
    "last_seen": 1_000_000, "alive": True, "draining": False, "concurrency": 4,
    "running": [{"run_id": "0" * 32, "operation": "x", "item_id": None, "since": 0}], "load": [0.5, 0.2, 0.1],
}  # fmt: skip


def test_the_table_of_runners() -> None:
    dead = {**RUNNER, "alive": False, "running": [], "load": None}
    draining = {**RUNNER, "host": "web-\x1b[31m2", "draining": True}
    lines = [line.plain for line in runners.table([RUNNER, draining, dead], 80, UNICODE, 8_000_000)]
    assert lines[0].split() == ["host", "process", "kind", "does", "load", "version", "seen"]
    assert lines[1].split() == ["◐", "web-1", "42", "runner", "1", "of", "4", "0.50", "0.1.0", "7", "s", "ago"]
    assert "1 of 4, draining" in lines[2]
    assert "\x1b" not in lines[2]
    assert lines[3].split() == ["?", "web-1", "42", "runner", "gone", "0.1.0", "7", "s", "ago"]


def test_the_table_of_a_narrow_terminal() -> None:
    item = {
        "id": "x" * 40, "operation": "x", "name": "a long name " * 5, "status": "failed", "priority": "normal",
        "position": None, "attempts": 3, "max_attempts": 3, "enqueued": 0, "error": "no database",
    }  # fmt: skip
    lines = [line.plain for line in queue.table([item], 50, ASCII, 1)]
    assert max(map(len, lines)) <= 50
    assert "failed" in lines[1]
    wide = queue.table([{**item, "cancelling": True, "status": "running"}], 200, ASCII, 1)[1].plain
    assert "cancelling" in wide
