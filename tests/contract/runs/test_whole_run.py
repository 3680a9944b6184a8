"""Answers about a run as a whole: jumps, the critical path, the flame graph."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

from spantail_service.trace_windows import whole_run
from tests.contract.runs.large_runs import child, fill, read, read_slowly
from tests.integration.service.harness import ROOT_SPAN, RUN, START, Writer, running_app
from tests.support.waiting import eventually_async

if TYPE_CHECKING:
    import pytest


async def test_jumps_path_and_flame_are_of_the_whole_run_as_it_is_now(new_redis_url: str) -> None:
    with Writer(new_redis_url) as writer:
        writer.span(RUN, name="job search", end=START + 10_000)
        fill(writer, 1, 300)
        fill(writer, 301, 1, status="error")
        async with running_app(new_redis_url) as client:
            dearest = await read(client, "jump", to="dearest")
            assert dearest["span_ids"] == [child(number) for number in range(301, 281, -1)]
            assert (dearest["complete"], dearest["indexed"]) == (True, 302)
            assert (await read(client, "jump", to="error"))["span_ids"] == [child(301)]
            assert (await read(client, "jump", to="running"))["span_ids"] == []
            fill(writer, 302, 1, status="error")
            assert (await read(client, "jump", to="error", after=child(301)))["span_ids"] == [child(302)], "as new"
            path = await read(client, "critical-path", limit=200)
            assert path["spans"] == 303
            assert path["length_us"] == 10_000
            assert path["parts"][ROOT_SPAN][0] == [START + 3_025, START + 10_000]
            assert path["left_out_us"] == (303 - 200) * 5
            flame = await read(client, "flame", width=1_000, span=child(7))
            assert (flame["from"], flame["to"], flame["lanes"]) == (START, START + 10_000, 2)
            assert flame["place"] == {"lane": 1, "start": START + 70, "end": START + 75}
            assert [frame["spans"] for frame in flame["frames"]] == [1, 300, 2]
            assert [state["span_id"] for state in flame["states"]] == [ROOT_SPAN]
            small = await read(client, "minimap", width=20, lanes=2)
            assert (small["from"], small["to"]) == (START, START + 10_000)
            assert small["lanes"] == ["llll" + 16 * "o", "   llle" + 13 * " "], "303 rows share two lanes"
            times = await read(client, "times")
            assert (times["start"], times["end"], times["outside"]) == (START, START + 10_000, 0)
            assert times["gaps"] == [[START + 3_025, START + 10_000]], "after the last call only the root was open"
            near = await read(client, "flame", **{"from": START + 70, "to": START + 84, "first": 1})
            assert [frame["span_id"] for frame in near["frames"]] == [child(7), child(8)]
            assert [state["name"] for state in near["states"]] == ["chat", "chat"]


async def test_windows_are_answered_while_something_long_is_worked_out(
    new_redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, over = threading.Event(), threading.Event()

    def slow(*_: object) -> list[str]:
        begun.set()
        over.wait(20)
        return ["as it was"]

    monkeypatch.setattr(whole_run, "minimap", slow)
    with Writer(new_redis_url) as writer:
        writer.span(RUN, end=START + 10_000)
        fill(writer, 1, 3)
        async with running_app(new_redis_url) as client:
            before = await read(client, "window")
            small = asyncio.create_task(read(client, "minimap"))
            await eventually_async(begun.is_set)
            fill(writer, 4, 1)
            meanwhile = await read(client, "window")
            assert [span["span_id"] for span in meanwhile["spans"]] == [ROOT_SPAN, child(1), child(2), child(3)]
            assert meanwhile["next_index"] == before["next_index"], "from there on the tail tells of the fourth"
            # one of a span that is new to the index is worth the wait
            fourth = asyncio.create_task(read(client, "window", root=child(4)))
            also = asyncio.create_task(read(client, "times"))
            assert [span["span_id"] for span in (await read(client, "window", root=child(3)))["spans"]] == [child(3)]
            assert not small.done()
            assert not fourth.done()
            over.set()
            assert (await small)["lanes"] == ["as it was"]
            assert [span["span_id"] for span in (await fourth)["spans"]] == [child(4)]
            assert (await also)["complete"]
            assert len((await read(client, "window"))["spans"]) == 5


async def test_of_a_run_that_is_still_being_read_nothing_is_said(
    new_redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_slowly(monkeypatch)
    with Writer(new_redis_url) as writer:
        writer.span(RUN)
        fill(writer, 1, 600)
    async with running_app(new_redis_url) as client:
        first = await read(client, "jump", to="dearest")
        assert first["complete"] is False
        assert first["span_ids"] == []
        assert (await read(client, "times"))["start"] is None
        flame = await read(client, "flame")
        while not flame["complete"]:
            assert flame["frames"] == []
            flame = await read(client, "flame")
        assert sum(frame["spans"] for frame in flame["frames"]) == 601
