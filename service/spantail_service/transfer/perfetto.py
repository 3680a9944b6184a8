"""A run as Chrome trace JSON, which ui.perfetto.dev and chrome://tracing open. Pure.

Format: "Trace Event Format" (Google), JSON object form. A complete event (`X`) has to lie within the one below it on
its thread. Spans that overlap, as the calls of a parallel step do, are therefore laid on lanes: a span goes on its
parent's lane where there is room, else on the first free one. A process stands for a service and runner.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from spantail.pricing import NANO

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_SHOWN = ("span_kind", "backend", "tier", "model", "tokens", "cost_usd", "cost_source", "cost_note", "attempt",
          "fallback_from", "fallback_reason", "progress", "layer", "error", "abandoned")  # fmt: skip


class _Placed(NamedTuple):
    span_id: str
    end: int


class _Lane(NamedTuple):
    number: int
    stack: list[_Placed]

    def clear_until(self, time_us: int) -> None:
        """Forget what has ended."""
        while self.stack and self.stack[-1].end <= time_us:
            self.stack.pop()


def perfetto_file(states: Iterable[bytes], run: Mapping[str, Any], now_us: int) -> bytes:
    """The trace of a run's spans (states as stored) as JSON; `run` is its summary.

    Times are microseconds since the run's first span, whose own time is in `otherData`. A span that goes on lasts
    until `now_us` and has the argument `unfinished`. Each span is encoded by itself, for the same reason as in
    `whole_run.in_order`.
    """
    listed = sorted(states, key=lambda state: _place(orjson.loads(state), now_us))
    base = orjson.loads(listed[0])["start"] if listed else run.get("start") or 0
    processes: dict[tuple[Any, Any], int] = {}
    events: list[bytes] = []
    lanes: dict[int, _Lanes] = {}
    placed: dict[str, tuple[int, _Lane]] = {}
    spent_nano = 0
    costs: list[tuple[int, int]] = []
    for state in listed:
        span = orjson.loads(state)
        pid = processes.setdefault((span.get("service"), span.get("runner")), len(processes) + 1)
        end = _end(span, now_us)
        at_pid, of_parent = placed.get(span.get("parent_id") or "", (0, None))
        lane = lanes.setdefault(pid, _Lanes()).place(span, end, of_parent if at_pid == pid else None)
        placed[span["span_id"]] = (pid, lane)
        stated = [
            {
                "ph": "X", "name": span["name"], "cat": ",".join(_categories(span)), "pid": pid,
                "tid": lane.number, "ts": span["start"] - base, "dur": end - span["start"], "args": _arguments(span),
            },
            *_instants(span, pid, lane.number, base),
        ]  # fmt: skip
        events += map(orjson.dumps, stated)
        if span.get("cost_nano"):
            costs.append((end, span["cost_nano"]))
    for end, nano in sorted(costs):
        spent_nano += nano
        usd = spent_nano / NANO
        events.append(orjson.dumps({"ph": "C", "name": "cost", "pid": 1, "ts": end - base, "args": {"usd": usd}}))
    summary = {name: run[name] for name in ("run_id", "name", "status", "cost_usd")} | {"start_us": base}
    names = map(orjson.dumps, _names(processes, lanes))
    return b'{"displayTimeUnit":"ms","otherData":%b,"traceEvents":[%b]}' % (
        orjson.dumps(summary), b",".join([*names, *events])
    )  # fmt: skip


def _place(span: Mapping[str, Any], now_us: int) -> tuple[int, int]:
    return span["start"], -_end(span, now_us)


def _categories(span: Mapping[str, Any]) -> list[str]:
    """Kind, status and, where it is told, OpenTelemetry's kind of a span: what the viewers can be filtered by."""
    return [span["kind"], span["status"], *([span["span_kind"]] if span.get("span_kind") else [])]


def _end(span: Mapping[str, Any], now_us: int) -> int:
    end = span["end"] if span["end"] is not None else now_us
    return max(int(end), int(span["start"]))


class _Lanes:
    """The lanes of one process. Spans come by their start, each into its parent's lane or into one that is empty."""

    def __init__(self) -> None:
        self.all: list[_Lane] = []
        self._busy: list[tuple[int, int]] = []  # until when, and the number: lanes by when they become empty
        self._empty: list[int] = []

    def place(self, span: Mapping[str, Any], end: int, of_parent: _Lane | None) -> _Lane:
        """Put a span into a lane; `of_parent` is that of its parent, where it has one in this process."""
        start = span["start"]
        lane = of_parent
        if lane is not None:
            lane.clear_until(start)
            if lane.stack and not (lane.stack[-1].span_id == span.get("parent_id") and lane.stack[-1].end >= end):
                lane = None
        lane = lane or self._empty_one(start)
        lane.stack.append(_Placed(span["span_id"], end))
        if len(lane.stack) == 1:
            heappush(self._busy, (end, lane.number))
        return lane

    def _empty_one(self, start: int) -> _Lane:
        while self._busy and self._busy[0][0] <= start:
            heappush(self._empty, heappop(self._busy)[1])
        while self._empty:
            lane = self.all[heappop(self._empty) - 1]
            lane.clear_until(start)
            if not lane.stack:  # else a child came into it meanwhile
                return lane
        self.all.append(_Lane(len(self.all) + 1, []))
        return self.all[-1]


def _arguments(span: Mapping[str, Any]) -> dict[str, Any]:
    arguments: dict[str, Any] = {"span_id": span["span_id"], "status": span["status"]}
    if span["end"] is None:
        arguments["unfinished"] = True
    arguments.update((name, span[name]) for name in _SHOWN if span.get(name) is not None)
    arguments.update(span.get("attributes") or {})
    return arguments


def _instants(span: Mapping[str, Any], pid: int, tid: int, base: int) -> list[dict[str, Any]]:
    return [
        {
            "ph": "i", "s": "t", "name": event["name"], "cat": "span event", "pid": pid, "tid": tid,
            "ts": max(0, event["ts"] - base), "args": {"span_id": span["span_id"], **(event.get("attributes") or {})},
        }
        for event in span.get("span_events") or ()
    ]  # fmt: skip


def _names(processes: Mapping[tuple[Any, Any], int], lanes: Mapping[int, _Lanes]) -> list[dict[str, Any]]:
    names: list[dict[str, Any]] = []
    for (service, runner), pid in processes.items():
        label = " · ".join(part for part in (service, runner) if part) or "unknown service"
        names.append({"ph": "M", "name": "process_name", "pid": pid, "args": {"name": label}})
        names += [
            {"ph": "M", "name": "thread_name", "pid": pid, "tid": lane.number, "args": {"name": f"lane {lane.number}"}}
            for lane in lanes[pid].all
        ]
    return names
