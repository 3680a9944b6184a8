"""What Redis keeps about a run, read into plain values."""

from __future__ import annotations

from spantail_service.runs.meta import parse_meta


def test_backends_beyond_some_are_one_and_long_names_are_cut() -> None:
    fields = {b"next": b"1", b"last": b"1"}
    for number in range(250):
        for what in (b"calls", b"input", b"output", b"nano"):
            fields[b"b:backend-%d:%s" % (number, what)] = b"3"
    fields[b"b:" + b"x" * 30_000 + b":calls"] = b"1"
    meta = parse_meta(fields, 1)
    assert meta is not None
    assert len(meta.backends) == 101
    assert meta.backends["backend-0"]["calls"] == 3
    other = meta.backends["other"]
    assert (other["calls"], other["tokens"], other["cost_nano"]) == (451, {"input": 450, "output": 450}, 450)
    assert other["cost_usd"] == 450 / 1e9
    assert sum(totals["calls"] for totals in meta.backends.values()) == 751
    meta = parse_meta({b"next": b"1", b"b:" + b"x" * 30_000 + b":calls": b"1"}, 1)
    assert meta is not None
    assert list(meta.backends) == ["x" * 100]


def test_what_was_all_taken_back_is_not_shown() -> None:
    fields = {b"next": b"3", b"b:openai:calls": b"0", b"b:openai:nano": b"0", b"b:gemini:calls": b"1"}
    fields |= {b"m:gpt:calls": b"0", b"m:gpt:errors": b"0", b"m:flash:calls": b"1"}
    meta = parse_meta(fields, 0)
    assert meta is not None
    assert list(meta.backends) == ["gemini"]
    assert meta.models == {"flash": {"calls": 1, "errors": 0}}
