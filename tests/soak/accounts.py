"""Closes the accounts: each span and log line in the ledgers against what Redis holds, run by run.

An item is stored, or there is a reason that somebody can see. What is left over is a fault.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from tests.soak.ledger import END, LOG, PULSE, PULSE_S, START, Line, read

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tests.soak.conductor import Journal
    from tests.support.runs.live_runs import StoredRun

GRACE_US: Final = 100_000
"""What was handed over so shortly before a `kill -9` may go with the process."""

_LAST_MOMENTS_US: Final = 1_000_000

_SHORT_US: Final = 250_000
"""A span that is over before its start was told is told by its end alone, and may go with it."""

_REDIS_GRACE_US: Final = 2_000_000
"""An item on its way when Redis was killed may have been ledgered a little earlier or confirmed a little later."""

_WITNESS_US: Final = 12_000_000
"""So long after Redis was killed a process may not have spoken with it again: 3 s away, 5 s of backoff, slow starts."""

_FINAL: Final = frozenset({"ok", "error", "skipped", "cancelled"})


@dataclass
class RunLedger:
    """What the ledgers say of one run, in the order in which it was written."""

    pid: int
    lines: list[Line] = field(default_factory=list)
    killed_us: int | None = None
    held_up_us: int = 0
    """For how long the machine did not let its process run, in the last moments before it was killed."""


@dataclass
class Accounts:
    """The result. `items` counts spans and log lines by what became of them, `faults` say what must not be."""

    runs: Counter[str] = field(default_factory=Counter)
    spans: Counter[str] = field(default_factory=Counter)
    logs: Counter[str] = field(default_factory=Counter)
    drops: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def fault(self, what: str, example: str) -> None:
        """Count a fault, and keep the first few for the reader."""
        self.faults[what] += 1
        if len(self.examples[what]) < 5:
            self.examples[what].append(example)

    @property
    def closed(self) -> bool:
        """Whether everything is accounted for."""
        return not self.faults

    def table(self) -> str:
        """The accounts for people."""
        lines = [f"{'':34}{'runs':>9}{'spans':>9}{'log lines':>11}"]
        rows = list(dict.fromkeys([*self.runs, *self.spans, *self.logs]))
        order = ["in the ledgers", "stored as they ended", "stored", "abandoned"]
        for row in sorted(rows, key=lambda r: (order.index(r) if r in order else len(order), r)):
            cells = [str(counts[row]) if row in counts else "" for counts in (self.runs, self.spans, self.logs)]
            lines.append(f"{row:34}{cells[0]:>9}{cells[1]:>9}{cells[2]:>11}")
        lines.append(f"counted drops: {', '.join(f'{k} {v}' for k, v in sorted(self.drops.items())) or 'none'}")
        for what, count in self.faults.most_common():
            lines.append(f"FAULT  {what}: {count}")
            lines += [f"         {example}" for example in self.examples[what]]
        lines.append("the accounts are closed" if self.closed else "THE ACCOUNTS ARE OPEN")
        return "\n".join(lines)


def close_accounts(journal: Journal, stored: Callable[[str], StoredRun], *, reaped: bool = True) -> Accounts:
    """Compare every run in the ledgers with what `stored` finds of it. Raises nothing for what it finds.

    `reaped` says that a reaper had its time: spans that a killed process left open are then abandoned.
    """
    accounts = Accounts()
    for run_id, run in _runs(journal).items():
        _close_run(accounts, run_id, run, journal, stored, reaped=reaped)
    return accounts


def _runs(journal: Journal) -> dict[str, RunLedger]:
    runs: dict[str, RunLedger] = {}
    kills = journal.kills()
    for pid, path in journal.ledgers.items():
        lines = list(read(path)) if path.exists() else []
        killed_us = kills.get(pid)
        held_up_us = _held_up_us(lines, killed_us)
        for line in lines:
            if line.what in (START, END, LOG):
                run = runs.setdefault(line.run_id, RunLedger(pid, killed_us=killed_us, held_up_us=held_up_us))
                run.lines.append(line)
    return runs


def _held_up_us(lines: Iterable[Line], killed_us: int | None) -> int:
    """The longest gap between the pulses of a process that reached into its last moments, beyond what is usual.

    0 without any pulse: it was too young to tell.
    """
    if killed_us is None:
        return 0
    pulses = [line.time_us for line in lines if line.what == PULSE]
    gaps = [after - before for before, after in pairwise([*pulses, killed_us]) if after > killed_us - _LAST_MOMENTS_US]
    return max(0, max(gaps, default=0) - int(PULSE_S * 1e6))


class _Cover:
    """Which reasons there are for what is missing from one run."""

    def __init__(
        self, run: RunLedger, drops: Mapping[str, int], journal: Journal, *, absent: bool, marked: bool
    ) -> None:
        self._killed_us = run.killed_us
        self._grace_us = GRACE_US + run.held_up_us
        self._losses = journal.redis_losses()
        self._last_us = run.lines[-1].time_us
        self._absent = absent
        self._marked = marked
        self._redis_lost = drops.get("redis_lost", 0)
        self._left = sum(count for reason, count in drops.items() if reason != "redis_lost")
        self.by_kill = False

    def of(self, line: Line) -> str | None:
        """The reason why this line's item may be missing; None when there is none."""
        if self._killed_us is not None and line.time_us >= self._killed_us - self._grace_us:
            self.by_kill = True
            return "went with a killed process"
        if any(line.time_us <= at + _REDIS_GRACE_US for at in self._losses):
            if (
                self._marked
                and self._killed_us
                and any(
                    line.time_us <= at + _REDIS_GRACE_US and at <= self._killed_us <= at + _WITNESS_US
                    for at in self._losses
                )
            ):  # it alone could have told what Redis had confirmed and lost
                return "went with Redis and its witness, marked"
            if self._redis_lost > 0:
                return "went with Redis, counted"
            if self._absent and any(self._last_us <= at + _REDIS_GRACE_US for at in self._losses):
                return "its whole run went with Redis"
        if self._left > 0:
            self._left -= 1
            return "dropped, counted"
        return None


def _close_run(
    accounts: Accounts,
    run_id: str,
    run: RunLedger,
    journal: Journal,
    stored: Callable[[str], StoredRun],
    *,
    reaped: bool,
) -> None:
    accounts.runs["in the ledgers"] += 1
    try:
        held = stored(run_id)
    except AssertionError as error:
        accounts.fault("a hole in the sequence", f"run {run_id}: {error}")
        return
    absent = not held.meta
    accounts.runs["absent" if absent else f"stored, {held.meta.get('status')}"] += 1
    drops = held.drops()
    accounts.drops.update(drops)
    if not absent and held.next_seq != held.first + len(held.events):
        accounts.fault("a hole in the sequence", f"run {run_id}: next {held.next_seq}, {len(held.events)} events")
    cover = _Cover(run, drops, journal, absent=absent, marked=bool(held.meta.get("maybe_incomplete")))
    _close_spans(accounts, run, held, cover, reaped=reaped)
    _close_logs(accounts, run_id, run, held, cover)
    _check_order(accounts, run_id, run, held.events)
    if reaped and cover.by_kill and not absent and not held.meta.get("maybe_incomplete"):
        accounts.fault("lost something to a kill, and is not marked maybe_incomplete", f"run {run_id}")


def _close_spans(accounts: Accounts, run: RunLedger, held: StoredRun, cover: _Cover, *, reaped: bool) -> None:
    run_id, killed_us = run.lines[0].run_id, run.killed_us
    ends = {line.span_id: line for line in run.lines if line.what == END}
    begun = {line.span_id for line in run.lines if line.what == START}
    for span_id in held.spans.keys() - begun:
        accounts.fault("stored, but never started", f"run {run_id} span {span_id}")
    for line in run.lines:
        if line.what != START:
            continue
        accounts.spans["in the ledgers"] += 1
        where = f"run {run_id} span {line.span_id} pid {run.pid}"
        state = held.spans.get(line.span_id)
        end = ends.get(line.span_id)
        if state is None:
            reason = cover.of(line)
            if reason is None and end is not None and end.time_us - line.time_us < _SHORT_US:
                reason = cover.of(end)
            _missing(accounts, accounts.spans, reason, f"{where}: started {_age(line, killed_us)}")
            continue
        if (state["parent_id"] or "-") != line.detail:
            accounts.fault("under a wrong parent", f"{where}: {state['parent_id']}, not {line.detail}")
        status = state["status"]
        if status in _FINAL:
            accounts.spans["stored as they ended"] += 1
            if end is None or end.detail != status:
                accounts.fault("stored with another end", f"{where}: {status}, not {end.detail if end else 'open'}")
        elif status == "abandoned":
            accounts.spans["abandoned"] += 1
            if end is None and killed_us is None:
                accounts.fault("abandoned, but never killed", where)
            elif end is not None and cover.of(end) is None:
                accounts.fault("abandoned, but it had ended", f"{where}: ended {_age(end, killed_us)}")
        else:
            accounts.spans["still running"] += 1
            if not reaped and killed_us is not None and (end is None or cover.of(end)):
                continue
            why = f"ended {_age(end, killed_us)}" if end else "never ended"
            accounts.fault("spins for ever", f"{where}: {why}, process {'killed' if killed_us else 'gone'}")


def _close_logs(accounts: Accounts, run_id: str, run: RunLedger, held: StoredRun, cover: _Cover) -> None:
    reported = Counter(event["message"] for event in held.events if event["event"] == "log")
    for line in run.lines:
        if line.what != LOG:
            continue
        accounts.logs["in the ledgers"] += 1
        count = reported.pop(f"line {line.detail}", 0)
        if count:
            accounts.logs["stored"] += 1
        else:
            where = f"run {run_id} line {line.detail} pid {run.pid}, written {line.time_us}"
            _missing(accounts, accounts.logs, cover.of(line), where)
    for message in reported:
        accounts.fault("stored, but never logged", f"run {run_id}: {message}")


def _missing(accounts: Accounts, counts: Counter[str], reason: str | None, where: str) -> None:
    counts[reason or "NOT ACCOUNTED FOR"] += 1
    if reason is None:
        accounts.fault("lost in silence", where)


def _check_order(accounts: Accounts, run_id: str, run: RunLedger, events: Iterable[dict[str, Any]]) -> None:
    """One thread made the run: its ends and log lines must stand in the tail in the order of the ledger."""
    place = {}
    for position, line in enumerate(run.lines):
        if line.what == END:
            place["end", line.span_id] = position
        elif line.what == LOG:
            place["log", line.detail] = position
    last, seen = -1, set()
    revisions: dict[str, int] = {}
    for event in events:
        span_id = event["span_id"]
        if event["event"] == "log":
            item = ("log", event["message"].removeprefix("line "))
        elif event["status"] in _FINAL:
            item = ("end", span_id)
        else:
            if ("end", span_id) in seen:
                accounts.fault("out of order", f"run {run_id}: span {span_id} goes on after its end")
            if event["rev"] < revisions.get(span_id, 0):
                accounts.fault("out of order", f"run {run_id}: span {span_id} goes back in time")
            revisions[span_id] = event["rev"]
            continue
        if item in seen:
            accounts.fault("told twice", f"run {run_id}: {item}")
        seen.add(item)
        if (at := place.get(item, last)) < last:
            accounts.fault("out of order", f"run {run_id}: {item} at {at} after {last}")
        last = max(at, last)


def _age(line: Line, killed_us: int | None) -> str:
    if killed_us is None:
        return f"at {line.time_us}"
    return f"{(killed_us - line.time_us) / 1000:.0f} ms before the kill"
