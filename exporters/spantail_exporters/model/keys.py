"""Every Redis key and channel of the live tier, in one place.

The braces are literal: they are a Redis Cluster hash tag, so that all keys of one run share a slot and one
script may change them together.
"""

from __future__ import annotations

import hashlib
from typing import Final, NamedTuple

RUNS_RECENT: Final = "runs:recent"
RUNS_OPEN: Final = "runs:open"  # runs that have not settled: what a reaper has to look at
REAPER_LEASE: Final = "reaper:lease"  # STRING: which reaper acts
RUNNERS_SEEN: Final = "runners:seen"  # ZSET: the last heartbeat of every process of the last day
RUNNERS: Final = "runners"  # ZSET: the last heartbeat of every process that runs operations
RUN_CONTROL_CHANNEL: Final = "run_control"  # published to when a run is to stop: its id
RUNS_RECENT_CAP: Final = 100_000

# Beside `runs:recent`, and in its slot, for one script (`index.lua`) keeps them all: a key without braces is hashed
# whole, so the same text within braces leads to the same slot.
_INDEX: Final = "{runs:recent}:"
RUNS_INDEX: Final = _INDEX  # what the names of the parts by status and by operation begin with
RUNS_FACTS: Final = _INDEX + "facts"  # HASH: run id -> epoch, next seq, start, status, digest of its operation
RUNS_OPERATIONS: Final = _INDEX + "operations"  # ZSET: names of operations by the start of their last run
RUNS_EXPIRED: Final = _INDEX + "expired"  # ZSET by start: runs that were here and whose data has expired
RUNS_PINNED: Final = _INDEX + "pinned"  # SET: runs that are kept
RUNS_CHANGES: Final = _INDEX + "changes"  # STREAM: which runs have changed, for those who watch the list
RUNS_UNBOOKED: Final = _INDEX + "unbooked"  # ZSET: runs whose money may not be in the sums by day yet
RUNS_CHANNEL: Final = "runs_changed"  # published to with each entry of RUNS_CHANGES

SPEND_LEASE: Final = "{spend}:lease"  # STRING: which bookkeeper works

# One slot for the jobs that operations found: scripts change several of these keys at once.
JOBS_POSTINGS: Final = "{jobs}:postings"  # HASH: job id -> the posting as JSON
JOBS_USED: Final = "{jobs}:used"  # ZSET: job id -> when it was last used (us)
JOBS_IMPORTS: Final = "{jobs}:imports"  # HASH: job id -> its fingerprint, the run that imports it, how far that is
JOBS_IMPORTED: Final = "{jobs}:imported"  # ZSET: job id -> when its import began (us)
JOBS_SAME: Final = "{jobs}:same"  # HASH: fingerprint of company, title and place -> the job id that was imported

BREAKERS: Final = "breakers"  # ZSET: `backend\nmodel` of every circuit by when it last changed (s)

NOTICE_RULES: Final = "{notices}:rules"  # HASH: rules as they were set; when each was last sent, and its last error
NOTICES: Final = "{notices}:items"  # HASH: notice -> JSON
NOTICES_RECENT: Final = "{notices}:recent"  # ZSET: notices by time, the latest 200
NOTICES_PENDING: Final = "{notices}:pending"  # ZSET: notices that are to be sent, by when that is due (ms)
NOTICES_DEAD: Final = "{notices}:dead"  # ZSET: notices that could not be sent, by when they were given up (ms)
NOTICES_SEEN: Final = "{notices}:seen"  # ZSET: what there was a notice about, by when it was last so (ms); for a week
NOTICES_SPEND: Final = "{notices}:spend"  # ZSET: what was spent so far, as JSON, by time (ms); for a day
NOTICES_POSITION: Final = "{notices}:position"  # STRING: up to which change of the list failed runs were looked for
NOTICES_LEASE: Final = "{notices}:lease"  # STRING: which process looks for what rules are about, and sends

# One slot for sessions as conversations over runs: one script keeps them all.
SESSIONS: Final = "{sessions}:"  # what the names of its parts begin with
SESSIONS_RECENT: Final = SESSIONS + "recent"  # ZSET: digest of a session -> when it was last active (us)
SESSIONS_DUE: Final = SESSIONS + "due"  # ZSET: run -> when to look whether it is still there (s)

SESSIONS_ENDED: Final = "sessions:ended"  # ZSET: sessions that were signed out of, by when they would have ended


class RunKeys(NamedTuple):
    """The keys of one run, in the order in which the run script takes them."""

    buffer: str
    spans: str
    meta: str
    layers: str
    wraps: str  # HASH: the spans that have an LLM call below them, and so count nothing themselves
    sources: str  # HASH: the run's resources (`r:<key>`) and instrumentation scopes (`s:<key>`), each as JSON
    state: str


def run_keys(run_id: str) -> RunKeys:
    """Name the keys of a run; `run_id` is 32 lower-case hex digits (not checked here)."""
    base = f"logs:{{{run_id}}}:"
    return RunKeys(
        buffer=base + "buffer",
        spans=base + "spans",
        meta=base + "meta",
        layers=base + "layers",
        wraps=base + "wraps",
        sources=base + "sources",
        state=f"run:{{{run_id}}}",
    )


def channel(run_id: str) -> str:
    """Name the channel that is published to on every change of a run."""
    return f"run_logs:{{{run_id}}}"


def runner(runner_id: str) -> str:
    """Name the heartbeat of a process."""
    return f"runner:{runner_id}"


def run_owner(run_id: str) -> str:
    """Name the STRING that says which process runs an operation; a lease."""
    return f"logs:owner:{{{run_id}}}"


def run_cancel(run_id: str) -> str:
    """Name the STRING that says that somebody wants a run to stop."""
    return f"logs:{{{run_id}}}:cancel"


def about_runner(runner_id: str) -> str:
    """Name the STRING in which a process that runs operations says of itself what it is and does, as JSON."""
    return f"runner:{runner_id}:about"


def runs_of_status(status: str) -> str:
    """Name the ZSET of the runs of a status, by start."""
    return f"{_INDEX}status:{status}"


def operation_digest(operation: str) -> str:
    """Shorten the name of an operation, which anybody may choose, to what may stand in a key."""
    return hashlib.sha256(operation.encode("utf-8", "replace")).hexdigest()[:20]


def runs_of_operation(operation: str) -> str:
    """Name the ZSET of the runs of an operation, by start."""
    return f"{_INDEX}operation:{operation_digest(operation)}"


def spend_of_day(day: str, by: str = "backend") -> str:
    """Name the HASH of a day's sums by `backend`, `model` or `operation`; `day` is an ISO date (UTC)."""
    return f"{spend_by(by)}day:{day}"


def spend_of_demo_day(day: str, by: str = "backend") -> str:
    """Name the HASH of the sums of a day's runs on demo data."""
    return f"{spend_by(by)}day:demo:{day}"


def spend_of_run(run_id: str) -> str:
    """Name the HASH that says how much of a run is in the sums, by backend, model and operation."""
    return f"{spend_by('backend')}booked:{run_id}"


def spend_by(by: str) -> str:
    """Name what all keys of one parting of the sums begin with."""
    return "{spend}:" if by == "backend" else f"{{spend}}:{by}:"


def runs_of_runner(runner_id: str) -> str:
    """Name the SET of the runs in which a process has open spans that it sends over OTLP; kept like an open run."""
    return f"runner:{runner_id}:runs"


def ingested(run_id: str, mark: str) -> str:
    """Name the STRING that says how many log lines of a request are stored; `mark` is a digest. Kept for minutes."""
    return f"logs:{{{run_id}}}:came:{mark}"


def breaker(backend: str, model: str) -> str:
    """Name the HASH of the circuit of a backend and model."""
    return f"breaker:{backend}:{model}"


def session(digest: str) -> str:
    """Name the HASH of a session: its id, and the sums over its runs."""
    return f"{SESSIONS}session:{digest}"


def session_runs(digest: str) -> str:
    """Name the ZSET of the runs of a session, by start."""
    return f"{SESSIONS}runs:{digest}"


class QueueKeys(NamedTuple):
    """The keys of the job queue, in the order in which its scripts take them."""

    high: str  # LIST: ids of items that wait, the first one in front
    normal: str
    low: str
    delayed: str  # ZSET: item -> when it is due (ms)
    running: str  # SET
    lease: str  # ZSET: item -> when its runner's claim ends (ms)
    failed: str  # ZSET: item -> when it failed (ms)
    history: str  # LIST: the last items that ended, the latest first
    version: str  # STRING: grows with every change


QUEUE_CHANNEL: Final = "queue:events"  # published to with every change of the queue: version, status, item
QUEUE_READY_CHANNEL: Final = "queue:ready"  # published to when an item may be claimed: its id


def queue_keys(*, is_cluster: bool = False) -> QueueKeys:
    """Name the keys of the job queue. In a cluster they share a slot."""
    base = queue_prefix(is_cluster=is_cluster)
    parts = ("pending:high", "pending", "pending:low", "delayed", "running", "lease", "failed", "history", "version")
    return QueueKeys(*(base + part for part in parts))


def queue_prefix(*, is_cluster: bool = False) -> str:
    """Name what all keys of the job queue begin with; an item's is `{prefix}item:{{id}}`."""
    return "{queue}:" if is_cluster else "queue:"


def queue_item(item_id: str, *, is_cluster: bool = False) -> str:
    """Name the HASH of an item of the job queue."""
    return f"{queue_prefix(is_cluster=is_cluster)}item:{{{item_id}}}"


class BudgetKeys(NamedTuple):
    """The keys of one budget."""

    budget: str  # HASH: limit, spent, reserved (nano-USD)
    held: str  # ZSET: reservation -> the end of its lease (ms)


def budget_prefix(*, is_cluster: bool = False) -> str:
    """Name what all keys of the budgets begin with. In a cluster they share a slot: a call reserves in several."""
    return "{budget}:" if is_cluster else "budget:"


def budget_keys(scope: str, *, is_cluster: bool = False) -> BudgetKeys:
    """Name the keys of one budget; `scope` is such as `day:2026-11-30`."""
    base = f"{budget_prefix(is_cluster=is_cluster)}{{{scope}}}"
    return BudgetKeys(base, f"{base}:held")


def budget_index(scope_kind: str, *, is_cluster: bool = False) -> str:
    """Name the ZSET of the budgets of a kind (`run`, `session`, `operation`, `day`) by their last change."""
    return f"{budget_prefix(is_cluster=is_cluster)}scopes:{scope_kind}"


def budget_settled(reservation: str, *, is_cluster: bool = False) -> str:
    """Name the STRING that says that a reservation was settled; kept for an hour."""
    return f"{budget_prefix(is_cluster=is_cluster)}settled:{reservation}"
