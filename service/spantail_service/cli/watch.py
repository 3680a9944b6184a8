"""`spantail tail`: a run while it works, as a live tree, as lines, or as JSON."""

from __future__ import annotations

import gc
import sys
import time
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Final

import orjson

from spantail_service.cli.exit_codes import exit_code_of
from spantail_service.cli.render.lines import event_line
from spantail_service.cli.render.live_tree import LiveTree
from spantail_service.cli.render.picture import Paper, backend_lines, heading
from spantail_service.cli.render.view import RunView
from spantail_service.client.following import Follower, Frame, Snapshot, find_run, newest, newest_running, next_run
from spantail_service.client.terminal import can_redraw, complain, harmless_json, output_console, stdout_glyphs

if TYPE_CHECKING:
    from rich.console import Console

    from spantail_service.client.following import Interruption
    from spantail_service.client.http import ServiceClient

_FINAL_ROWS: Final = 300  # of the tree that stays in the terminal; more would scroll everything else away
_COLLECT_AFTER: Final = 200_000  # new objects
_SHORT_ID: Final = 8
_LEAST_WIDTH: Final = 80  # of lines that no terminal shows


class Form(Enum):
    """How a run is shown."""

    TREE = auto()
    LINES = auto()
    JSON = auto()


async def watch(client: ServiceClient, given: str | None, form: Form, *, since: int, give_up_s: float) -> int:
    """Show the run that `given` names (without it the newest one under way, else the next) until it has settled.

    Answers the exit code, by the run's outcome. A tree becomes lines where nothing can be drawn over.

    Raises:
        ServiceError: there is no such run, the service refuses, or it stayed away for `give_up_s` seconds.
    """
    run_id = await find_run(client, given) if given else await _newest_or_next(client, give_up_s)
    follower = Follower(client, run_id, give_up_s=give_up_s)
    if form is Form.JSON:
        return await _print_json(follower, since)
    console = output_console()
    if form is Form.LINES or not can_redraw(console):
        return await _print_lines(follower, console, run_id, since)
    return await _show_tree(follower, console, run_id)


async def _newest_or_next(client: ServiceClient, give_up_s: float) -> str:
    run_id = await newest_running(client)
    if run_id is not None:
        return run_id
    over = await newest(client)
    complain(
        "waiting for the next run (Ctrl-C stops; `spantail doctor` if it is not seen)"
        + (f"\nThe newest one is over: spantail tail {over[:_SHORT_ID]}" if over else "")
    )
    async for step in next_run(client, give_up_s=give_up_s):
        if isinstance(step, str):
            return step
        _report_interruption(step)
    raise AssertionError("waiting ends with a run")


async def _print_json(follower: Follower, since: int) -> int:
    output = sys.stdout.buffer
    status = "running"
    async for step in follower.events(since):
        if not isinstance(step, Frame):
            _report_interruption(step)
            continue
        if step.reset:
            _report_reset(step.body)
        for event in step.body["logs"]:
            output.write(harmless_json(orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE)))
        output.flush()
        status = step.body["status"]
    return exit_code_of(status)


async def _print_lines(follower: Follower, console: Console, run_id: str, since: int) -> int:
    glyphs = stdout_glyphs()
    view = RunView(run_id)
    async for step in follower.events(since):
        if not isinstance(step, Frame):
            _report_interruption(step)
            continue
        if not view.version:
            print(f"run {run_id}", flush=True)
        if step.reset or (since == 0 and not view.version and step.body["first_index"]):
            _report_reset(step.body)
        for event in step.body["logs"]:
            view.fold_event(event)
            line = event_line(event, view, glyphs)
            if line is not None:
                print(line)
        view.fold({**step.body, "logs": []})
        sys.stdout.flush()
    paper = Paper(max(console.width, _LEAST_WIDTH), glyphs)
    print()
    for text in (*heading(view, paper, _now_us()), *backend_lines(view, paper)):
        console.print(text)
    return exit_code_of(view.status)


async def _show_tree(follower: Follower, console: Console, run_id: str) -> int:
    # Each picture makes an object for every span, and a collection looks at all spans: with 100,000 of them, and
    # Python's default of 700 new objects, a third of a picture's time goes there.
    gc.set_threshold(_COLLECT_AFTER)
    view = RunView(run_id)
    tree = LiveTree(view, console, stdout_glyphs())
    try:
        async with tree:
            async for step in follower.states():
                if isinstance(step, Snapshot):
                    view.load(step.body)
                elif isinstance(step, Frame):
                    view.fold(step.body)
                tree.changed(interruption=None if isinstance(step, Snapshot | Frame) else step)
    finally:
        tree.leave_behind(_FINAL_ROWS)
    return exit_code_of(view.status)


def _report_interruption(interruption: Interruption) -> None:
    complain(f"{interruption.reason} Trying again in {interruption.retry_in_s:.1f} s.")


def _report_reset(frame: dict[str, Any]) -> None:
    complain(f"the events before {frame['first_index']} are not kept any more: going on from there.")


def _now_us() -> int:
    return time.time_ns() // 1_000
