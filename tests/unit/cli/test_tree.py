"""A run as rows and as a picture: pure, so whole pictures are compared."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from spantail_service.cli.commands.runs import table
from spantail_service.cli.render import span_text
from spantail_service.cli.render.lines import event_line
from spantail_service.cli.render.picture import Paper, draw_result, draw_run
from spantail_service.cli.render.rows import Gap, Row, choose, tree_rows
from spantail_service.cli.render.view import RunView
from spantail_service.client.terminal import ASCII, UNICODE
from tests.support.runs.loops import SHAPES, Shape
from tests.support.tools import ROOT

START = 1_795_308_986_084_596
RUN = "4bf92f3577b34da6a3ce929d0e0e4736"


def span(span_id: str, parent: str | None, at: int, took: int | None = None, **fields: Any) -> dict[str, Any]:
    """A span's state; `at` and `took` in milliseconds."""
    start = START + at * 1_000
    return {
        "span_id": span_id, "parent_id": parent, "start": start, "end": None if took is None else start + took * 1_000,
        "status": "running" if took is None else "ok", "name": span_id, "kind": "span", **fields,
    }  # fmt: skip


def call(span_id: str, parent: str, at: int, took: int | None = None, **fields: Any) -> dict[str, Any]:
    """An LLM attempt."""
    return span(span_id, parent, at, took, kind="llm_call", **fields)


def view_of(*spans: dict[str, Any], **run: Any) -> RunView:
    view = RunView(RUN)
    summary = {"status": "running", "name": "job search", "start": START, "end": None, "service": "jobs", **run}
    view.load({"run": summary, "spans": list(spans), "next_index": 0, "epoch": None})
    return view


def picture(view: RunView, *, width: int = 80, max_lines: int = 22, at: int = 4_200, ascii_only: bool = False) -> str:
    lines = draw_run(view, Paper(width, ASCII if ascii_only else UNICODE), START + at * 1_000, max_lines=max_lines)
    return "\n".join(line.plain.rstrip() for line in lines)


def a_run() -> RunView:
    return view_of(
        span("root", None, 0, name="job search", kind="operation"),
        span("fetch", "root", 1, 900, kind="layer"),
        span("score", "root", 901, kind="layer", progress={"done": 12, "total": 40}),
        span("job 12", "score", 950, kind="llm_group"),
        call(
            "first", "job 12", 951, 400, name="chat claude-sonnet-4-5", model="claude-sonnet-4-5", backend="claude_cli",
            status="error", cost_source="unpriced", error={"type": "app.errors.RateLimitError", "message": "try later"},
        ),
        call(
            "second", "job 12", 1_352, name="chat gpt-4o-mini", model="gpt-4o-mini", backend="langchain",
            fallback_from="claude_cli", fallback_reason="rate limited", tokens={"output": 21},
        ),
        call(
            "priced", "fetch", 2, 100, name="chat gpt-4o", model="gpt-4o", backend="langchain",
            tokens={"input": 412, "output": 96}, cost_nano=12_300_000, cost_source="calculated",
        ),
        layers=[
            {"name": "fetch", "status": "complete"},
            {"name": "score", "status": "running", "done": 12, "total": 40},
            {"name": "rank", "status": "pending"},
        ],
        backends={
            "claude_cli": {"calls": 1, "errors": 1, "fallbacks": 1, "unpriced": 0, "tokens": {}, "cost_nano": 0},
            "langchain": {"calls": 1, "errors": 0, "fallbacks": 0, "unpriced": 0,
                          "tokens": {"input": 412, "output": 96}, "cost_nano": 12_300_000},
        },
        dropped={"queue_full": 12},
    )  # fmt: skip


def test_a_run_at_80_columns() -> None:
    assert picture(a_run()) == (
        "◐ job search  running 4.2 s                                             4bf92f35\n"
        "  $0.0123  7 spans  4 running  1 error  1 fallback\n"
        "  12 events lost (queue_full 12)  jobs\n"
        "  ✓ fetch   ◐ score 12/40   ○ rank\n"
        "  claude_cli  1 call  1 error  1 fallback\n"
        "  langchain   1 call  412→96  $0.0123\n"
        "\n"
        "◐ job search                                                     $0.0123   4.2 s\n"
        "├ ✓ fetch                                                        $0.0123  900 ms\n"
        "│ └ ✓ langchain gpt-4o                                   412→96  $0.0123  100 ms\n"
        "└ ◐ score  12/40                                                           3.3 s\n"
        "  └ ◐ job 12                                                               3.2 s\n"
        "    ├ ✗ claude_cli claude-sonnet-4-5  RateLimitError:…                    400 ms\n"
        "    └ ◐ langchain gpt-4o-mini  after claude_cli: rate…      →21            2.8 s"
    )


def test_the_same_on_a_narrow_screen_without_unicode() -> None:
    shown = picture(a_run(), width=40, max_lines=12, ascii_only=True)
    assert shown.isascii()
    assert all(len(line) <= 40 for line in shown.splitlines())
    assert "* job search" in shown
    assert "`-* langchain gpt-4o-mini" in shown


def test_every_line_fits_any_screen() -> None:
    for width in range(20, 130, 7):
        for max_lines in range(6, 40, 5):
            view = a_run()
            view.spans["root"]["name"] = "調査" * 40
            lines = draw_run(view, Paper(width, UNICODE), START, max_lines=max_lines)
            assert all(cell_len(line.plain) <= width for line in lines), (width, max_lines)
            assert any("lost" in line.plain for line in lines)
            assert any("調" in line.plain for line in lines) or max_lines < 12


def test_names_cannot_draw_outside_their_place() -> None:
    view = view_of(span("root", None, 0, name="a\x1b[2J\nb", kind="operation"), name="x\x1b]0;owned\x07")
    shown = picture(view)
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert len(shown.splitlines()) == 4


def test_a_wrapper_counts_nothing_and_unpriced_is_said() -> None:
    rows = tree_rows(
        {
            one["span_id"]: one
            for one in (
                call("wrapper", "root", 1, 9, cost_nano=5),
                call("attempt", "wrapper", 2, 8, cost_nano=5),
                span("root", None, 0, 10),
                call("free", "root", 3, 8, cost_source="unpriced"),
            )
        }
    )
    sums = {row.span_id: (row.nano, row.unpriced) for row in rows}
    assert sums == {"root": (5, 1), "wrapper": (5, 0), "attempt": (5, 0), "free": (0, 1)}
    shown = picture(view_of(span("root", None, 0, 10), call("free", "root", 3, 8, cost_source="unpriced")))
    assert shown.count("unpriced") == 2


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_every_span_of_a_loop_is_a_row_once(shape: Shape) -> None:
    spans = [span(f"{number}", f"{parent}" if parent else None, number, 5) for number, parent in shape.spans]
    rows = tree_rows({one["span_id"]: one for one in spans})
    assert sorted(row.span_id for row in rows if row.span) == sorted(one["span_id"] for one in spans)
    view = view_of(*spans)
    assert all(f"{number}" in picture(view, max_lines=50) for number, _ in shape.spans)
    for one in spans:
        assert event_line({**one, "ts": one["end"], "event": "span_complete", "seq": 1}, view, ASCII)


def test_an_orphan_stands_below_a_placeholder_until_its_parent_comes() -> None:
    view = view_of(span("root", None, 0), span("child", "late", 5))
    assert "(parent not seen yet)" in picture(view)
    view.fold_event({**span("late", "root", 4), "event": "span_start", "ts": START})
    assert "(parent not seen yet)" not in picture(view)
    assert [row.span_id for row in tree_rows(view.spans)] == ["root", "late", "child"]


def test_a_loop_of_parents_is_cut_and_a_long_chain_is_no_recursion() -> None:
    spans = {"a": span("a", "b", 1), "b": span("b", "a", 2), "own": span("own", "own", 3)}
    assert sorted(row.span_id for row in tree_rows(spans)) == ["a", "b", "own"]
    chain = {str(n): span(str(n), str(n - 1) if n else None, n) for n in range(5_000)}
    rows = tree_rows(chain)
    assert len(rows) == 5_000
    assert len(rows[-1].lasts) == 14


@settings(max_examples=150)
@given(data=st.data())
def test_what_is_chosen_fits_is_in_order_and_has_its_ancestors(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 60))
    spans: dict[str, dict[str, Any]] = {}
    for number in range(count):
        parent = data.draw(st.integers(-1, number - 1))
        took = data.draw(st.one_of(st.none(), st.integers(0, 50)))
        spans[str(number)] = span(str(number), None if parent < 0 else str(parent), number, took)
    rows = tree_rows(spans)
    assert len(rows) == count
    max_lines = data.draw(st.integers(1, 70))
    shown = choose(rows, max_lines)
    deepest = max(len(row.lasts) for row in rows)
    assert len(shown) <= max(max_lines, 1) or deepest >= max_lines
    kept = [item.span_id for item in shown if isinstance(item, Row)]
    order = [row.span_id for row in rows]
    assert kept == [span_id for span_id in order if span_id in set(kept)]
    assert all(spans[span_id]["parent_id"] in (None, *kept) for span_id in kept)
    assert len(kept) + sum(item.count for item in shown if isinstance(item, Gap)) == count


def test_what_runs_is_shown_when_there_is_room_for_little() -> None:
    done = [span(f"d{n}", "root", n, 1) for n in range(200)]
    shown = picture(view_of(span("root", None, 0), *done, span("now", "root", 500)), max_lines=10)
    assert "◐ now" in shown
    assert "… 197 more" in shown or "more" in shown
    assert len(shown.splitlines()) <= 10


def test_the_result_ends_with_the_summary() -> None:
    view = a_run()
    view.status, view.end = "failed", START + 5_000_000
    lines = [line.plain for line in draw_result(view, Paper(80, UNICODE), START, most_rows=50)]
    assert lines[0].startswith("◐ job search")
    assert "✗ job search  failed 5.00 s" in lines[8]


def test_the_golden_events_fold_and_each_reads_as_a_line() -> None:
    events = [orjson.loads(line) for line in (ROOT / "tests/golden/events.ndjson").read_bytes().splitlines()]
    view = RunView(RUN)
    lines = []
    for event in events:
        view.fold_event(event)
        lines.append(event_line(event, view, UNICODE))
    assert view.name == "job search"
    assert view.spans["000000000000000e"]["status"] == "ok"
    assert view.spans["000000000000000e"]["tokens"]["output"] > 0
    text = "\n".join(line for line in lines if line)
    assert "fallback claude_cli → langchain" in text
    assert "WARNING app.search: Bayt answered late" in text
    assert "· decision_point chose=b" in text
    assert "\x1b" not in text
    updates = [line for line, event in zip(lines, events, strict=True) if event["event"].endswith("_update")]
    assert updates == [None]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (2, 1, 0), (1, 2, 0)])
def test_a_final_state_wins_whichever_comes_first(order: tuple[int, ...]) -> None:
    start = {**span("s", None, 0), "rev": 1, "event": "span_start", "ts": 1}
    gone = {**span("s", None, 0), "rev": 1, "event": "span_abandoned", "status": "abandoned", "ts": 2}
    end = {**span("s", None, 0, 5), "rev": 2, "event": "span_complete", "ts": 3}
    view = RunView(RUN)
    for which in order:
        view.fold_event((start, gone, end)[which])
    assert view.spans["s"]["status"] == "ok"


def test_a_revived_span_runs_again() -> None:
    view = view_of(span("s", None, 0, status="abandoned", abandoned={"reason": "runner_died"}, rev=3))
    assert "abandoned: its process died" in picture(view)
    view.fold_event({**span("s", None, 0), "rev": 4, "event": "span_revived", "ts": 9})
    assert view.spans["s"]["status"] == "running"
    assert "was thought dead" in picture(view)


def test_the_list_of_runs_at_80_and_40_columns() -> None:
    runs: list[dict[str, Any]] = [
        {
            "run_id": RUN, "name": "job search · data engineer", "status": "failed", "start": START,
            "end": START + 8_800_000, "errors": 20, "spans": 71, "cost_nano": 22_700_000, "unpriced": 1,
            "dropped": {"queue_full": 3},
        },
        {"run_id": "0" * 31 + "1", "name": None, "operation": "x\x1b[2J", "status": "running", "start": START},
    ]  # fmt: skip
    lines = [line.plain for line in table(runs, 80, UNICODE, START + 60_000_000)]
    assert all(len(line) <= 80 for line in lines)
    assert "✗  4bf92f35" in lines[1]
    assert "$0.0227+" in lines[1]
    assert "failed, 3 events lost" in lines[1]
    assert "\x1b" not in lines[2]
    narrow = [line.plain for line in table(runs, 44, ASCII, START)]
    assert all(len(line) <= 44 for line in narrow)


NO_FLEX = "flex tier: no price known"


def test_a_cost_says_where_it_comes_from_and_why_there_is_none() -> None:
    reported = call("a", "root", 1, 2, backend="x", cost_nano=12_300_000, cost_source="provider")
    assumed = call(
        "b", "root", 1, 2, backend="x", cost_nano=1_000_000, cost_source="calculated", cost_note="batch price"
    )
    unpriced = call("c", "root", 1, 2, backend="x", tokens={"input": 5}, cost_source="unpriced", cost_note=NO_FLEX)
    assert [span_text.cost_and_source(one) for one in (reported, assumed, unpriced)] == [
        "$0.0123", "$0.0010 calculated", "unpriced",
    ]  # fmt: skip
    assert span_text.cost_and_source(call("d", "root", 1, cost_source="calculated")) == ""
    assert span_text.note(reported) == "cost told by the provider"
    assert span_text.note(assumed) == "price: batch price"
    assert span_text.note(unpriced) == f"unpriced: {NO_FLEX}"
    before = call("e", "root", 1, 2, status="error", cost_source="unpriced", cost_note="no tokens")
    assert span_text.note(before) == "", "it failed before there was anything to price"
    assert "\x1b" not in span_text.note({**unpriced, "cost_note": "\x1b[2J"})
    view = view_of(span("root", None, 0), reported, assumed, unpriced)
    shown = picture(view, width=100)
    assert f"unpriced: {NO_FLEX}" in shown
    assert "batch price" in shown
    event = {**unpriced, "event": "llm_call_complete", "run_id": RUN, "ts": START}
    assert f"unpriced  2.0 ms  unpriced: {NO_FLEX}" in str(event_line(event, view, UNICODE))


def test_a_kind_that_says_something_stands_beside_the_name() -> None:
    view = view_of(
        span("root", None, 0, 9, name="GET /cart", span_kind="server"),
        span("inner", "root", 1, 2, name="inner", span_kind="internal"),
        call("llm", "root", 1, 2, name="chat x", backend="b", span_kind="client"),
    )
    shown = picture(view)
    assert "GET /cart [server]" in shown
    assert "internal" not in shown
    assert "client" not in shown  # a call's backend says it
