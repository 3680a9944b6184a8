"""The run script's copy of each rule of the event format, on real Redis, held to the cases in `tests/golden/rules`."""

from __future__ import annotations

import itertools
from typing import Any

import orjson
import pytest
import redis

from spantail_exporters.model.changes import Change
from spantail_exporters.model.run_script import SCRIPT, append_arguments
from tests.support.runs.live_runs import StoredRun
from tests.support.runs.rules import cases, why


class Runs:
    """Runs one after the other, each told by one writer."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.client = redis.Redis.from_url(url)
        self.client.script_load(SCRIPT)
        self.run_id = "0" * 32
        self._sent = 0

    def new(self) -> None:
        """Begin another run."""
        self.run_id = f"{int(self.run_id, 16) + 1:032x}"
        self._sent = 0

    def tell(self, span: str, parent: str | None, account_line: str = "", layers: bytes = b"", **fields: Any) -> None:
        """Send the state of a span in a call of its own; ids of spans may be short."""
        span, parent = span.zfill(16), None if parent is None else parent.zfill(16)
        state = {
            "rev": 1, "status": "ok", "start": 1_000, "noted": 0, "ts": 1_000, "event": "span_complete",
            "run_id": self.run_id, "span_id": span, "parent_id": parent, "name": "n", "kind": "span", "end": 2_000,
            **fields, "attributes": {},
        }  # fmt: skip
        change = Change(span, parent or "", [orjson.dumps(state)], account=account_line, layers=layers)
        self._sent += 1
        arguments = append_arguments(self.run_id, [change], writer="w", writer_seq=self._sent, now_us=5_000)
        self.client.execute_command("EVALSHA", *arguments)  # type: ignore[no-untyped-call]

    def stored(self) -> StoredRun:
        return StoredRun(self.url, self.run_id)

    def totals(self, of: str = "b:") -> dict[str, dict[str, int]]:
        """What is not 0, by backend, or with `m:` by model."""
        found: dict[str, dict[str, int]] = {}
        for field, value in self.stored().meta.items():
            if field.startswith(of) and value != "0":
                backend, _, name = field[2:].rpartition(":")
                found.setdefault(backend, {})[name] = int(value)
        return found


@pytest.fixture
def runs(redis_url: str) -> Runs:
    return Runs(redis_url)


def test_which_state_stays(runs: Runs) -> None:
    for case in cases("fold", "order"):
        runs.new()
        runs.tell("1", None)
        runs.tell("2", "1", **case["held"], tier="held")
        runs.tell("2", "1", **case["event"], tier="event")
        run = runs.stored()
        assert (run.spans["2".zfill(16)]["tier"] == "event") == (case["outcome"] == "wins"), why(case)
        assert len(run.events) == (3 if case["outcome"] == "wins" else 2), why(case)


def test_models_beyond_a_hundred_are_one(runs: Runs) -> None:
    runs.tell("1", None, kind="operation")
    for n in range(103):
        runs.tell(f"{n + 2:x}", "1", f"0 0 0 0 {n + 1} b\n\n0\nmodel {n}", kind="llm_call", cost_nano=n + 1)
    models = runs.totals("m:")
    assert len(models) == 101
    assert models["other"] == {"calls": 3, "nano": 101 + 102 + 103}
    assert sum(sums["nano"] for sums in models.values()) == runs.totals()["b"]["nano"]
    # one that turns out to be around another call is taken back from where it was added
    runs.tell("ffff", f"{2 + 102:x}", "0 0 0 0 7 b\n\n0\nmodel 1", kind="llm_call", cost_nano=7)
    models = runs.totals("m:")
    assert sum(sums["nano"] for sums in models.values()) == runs.totals()["b"]["nano"]


def test_what_an_ended_span_adds_to_the_totals(runs: Runs) -> None:
    for case in cases("account"):
        runs.new()
        runs.tell("1", None, kind="operation")
        runs.tell("2", "1", case["account"], **case["state"])
        assert runs.totals() == case["totals"], why(case)
        assert runs.totals("m:") == case.get("models", {}), why(case)


def test_an_account_is_made_again_from_the_stored_state(runs: Runs) -> None:
    for case in cases("account"):
        runs.new()
        runs.tell("1", None, kind="operation")
        runs.tell("2", "1", case["account"], **case["state"])
        runs.tell("2", "1", "0 0 0 0 9 another\n", rev=2, kind="llm_call", backend="another", cost_nano=9)
        assert runs.totals() == {"another": {"calls": 1, "nano": 9}}, why(case)


def test_which_spans_count(runs: Runs) -> None:
    for case in cases("wrapping"):
        for order in itertools.permutations(case["spans"]):
            runs.new()
            for span in order:
                runs.tell(span["id"], span["parent"], **_fields(span))
            totals = runs.totals().get("b", {})
            assert totals.get("nano", 0) == case["nano"], (why(case), order)
            assert totals.get("calls", 0) == len(case["counted"]), (why(case), order)


def _fields(span: dict[str, Any]) -> dict[str, Any]:
    status, nano = span.get("status", "ok"), span.get("nano", span.get("account"))
    fields: dict[str, Any] = {"kind": span["kind"], "status": status, "backend": "b"}
    if "nano" in span:
        fields["cost_nano"] = nano
    if "account" in span:
        fields["account"] = {"backend": "b", "cost_nano": nano}
    counts = (span["kind"] == "llm_call" and status != "running") or "account" in span
    return {**fields, "account_line": f"{status == 'error':d} 0 0 0 {nano or 0} b\n" if counts else ""}


def test_the_layer_strip(runs: Runs) -> None:
    for case in cases("layers", "strips"):
        runs.new()
        for number, entry in enumerate(case["entries"], 1):
            runs.tell(f"{number}", None if number == 1 else "1", layers=orjson.dumps(entry))
        strip = [
            " ".join([layer["name"], layer["status"], *(orjson.dumps(layer[n]).decode() for n in ("done", "total"))])
            for layer in runs.stored().layers
        ]
        assert strip == case["strip"], why(case)
