"""Changes of a run as two flat lists: what goes in comes out, and is what the script reads."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from spantail_exporters.model.changes import Change, Changes
from spantail_exporters.model.run_script import append_arguments

_span_id = st.text("0123456789abcdef", min_size=16, max_size=16)
_line = st.binary(min_size=2, max_size=40).filter(lambda line: b"\n" not in line)
_states = st.builds(
    Change,
    span_id=_span_id,
    parent_id=_span_id | st.just(""),
    events=st.lists(_line, min_size=1, max_size=4),
    span_events=st.integers(0, 3),
    account=st.sampled_from(["", "0 0 1 2 3 langchain\n"]),
    layers=st.sampled_from([b"", b'{"name":"fetch"}']),
    state=_line | st.just(b""),
)
_sources = st.dictionaries(st.sampled_from(["r:1", "r:2", "s:1"]), st.just(b'{"name":"x"}'))
_logs = st.builds(lambda line: Change("", "", [line]), _line)


@given(st.lists(_states | _logs, max_size=8))
def test_what_went_in_comes_out(reported: list[Change]) -> None:
    changes = Changes(reported)
    assert list(changes) == reported
    assert Changes(changes) == changes
    assert len(changes) == sum(len(change.events) for change in reported)
    assert changes.size == sum(len(line) for change in reported for line in (*change.events, change.state))


@given(st.lists(_states | _logs, max_size=8))
def test_the_script_is_told_the_same_either_way(reported: list[Change]) -> None:
    by_one = append_arguments("run", reported, writer="w", writer_seq=1, now_us=5)
    assert append_arguments("run", Changes(reported), writer="w", writer_seq=1, now_us=5) == by_one
    assert by_one.count(b"\n".join(line for change in reported for line in change.events)) >= 1


@given(st.lists(st.tuples(_states | _logs, _sources), max_size=8))
def test_what_events_come_from_is_said_once(reported: list[tuple[Change, dict[str, bytes]]]) -> None:
    changes = Changes(change._replace(sources=sources) for change, sources in reported)
    assert list(changes) == [change for change, _ in reported]
    assert changes.sources == {field: entry for _, sources in reported for field, entry in sources.items()}
    assert changes.size == Changes(change for change, _ in reported).size + sum(map(len, changes.sources.values()))
    arguments = append_arguments("run", changes, writer="w", writer_seq=1, now_us=5, drops={"lost": 2})
    begin = arguments.index("lost") + 2
    pairs = [part for pair in changes.sources.items() for part in pair]
    assert arguments[begin : begin + 1 + len(pairs)] == [len(changes.sources), *pairs]


def test_an_empty_one_is_false() -> None:
    assert not Changes()
    assert Changes([Change("", "", [b"{}"])])
