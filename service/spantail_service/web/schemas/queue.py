"""The job queue, and the processes that work on it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from spantail_service.web.schemas.base import RUN_ID, Described, RunStatus

ItemStatus = Literal["pending", "delayed", "running", "succeeded", "failed", "cancelled"]
Priority = Literal["high", "normal", "low"]

MOST_DELAY_S = 30 * 86_400.0
MOST_ATTEMPTS = 100
MOST_BUDGET_USD = 1_000_000.0
ITEM_ID = r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$"
SESSION_ID = r"^[\x21-\x7e]{1,128}$"


class NewItem(BaseModel):
    """What is put into the queue."""

    model_config = ConfigDict(extra="forbid")

    operation: str = Field(max_length=200, description="Name of the operation.")
    input: dict[str, Any] = Field(default_factory=dict, description="Its input, by the operation's own schema.")
    priority: Priority = Field("normal", description="Who is served first; within one, who came first.")
    delay_s: float = Field(
        0.0, ge=0, le=MOST_DELAY_S, allow_inf_nan=False, description="Seconds that it waits at least."
    )
    max_attempts: int | None = Field(
        None, ge=1, le=MOST_ATTEMPTS, description="How often it is run, where its runners die, before it is given up."
    )
    id: str | None = Field(
        None, pattern=ITEM_ID, description="A name of the caller's: the same one again changes nothing."
    )
    budget_usd: float | None = Field(
        None,
        strict=True,
        gt=0,
        le=MOST_BUDGET_USD,
        allow_inf_nan=False,
        description="What each run of it may spend, in USD.",
    )
    session_id: str | None = Field(
        None, pattern=SESSION_ID, description="The user's session, which its runs are counted for."
    )


class QueuedRun(Described):
    """An item of the queue, and the run in which it will be done."""

    run_id: str = Field(pattern=RUN_ID)
    status: RunStatus
    item_id: str


class CancelledItem(Described):
    """What became of an item that was to be cancelled."""

    item_id: str
    status: Literal["cancelled", "cancelling"] = Field(description="`cancelling`: its runner was asked to stop it.")


class CancelledRun(Described):
    """A run that was asked to stop."""

    run_id: str = Field(pattern=RUN_ID)
    status: Literal["cancelling"]


class RetriedRun(Described):
    """A new run on the input of an earlier one."""

    run_id: str = Field(pattern=RUN_ID)
    status: RunStatus
    retry_of: str = Field(pattern=RUN_ID)


class QueueCounts(Described):
    """How many items there are."""

    pending: int
    delayed: int
    running: int
    failed: int


class QueuedItem(Described):
    """One item. Times are null where it is not so far."""

    id: str
    operation: str
    title: str = Field(description="The operation's, for people.")
    name: str = Field(description="What its runs are called.")
    status: ItemStatus
    priority: Priority
    position: int | None = Field(description="How many items are served before it; null where it is not in line.")
    attempts: int
    max_attempts: int
    enqueued: int
    available: int | None = Field(description="When a delayed item is due.")
    started: int | None
    finished: int | None
    runner: str | None
    run_id: str | None = Field(description="The run of the present or the last attempt.")
    earlier_runs: list[str] = Field(description="Runs of attempts before that one, oldest first; the latest fifty.")
    cancelling: bool = Field(description="Its runner was asked to stop it.")
    error: str | None


class Queue(BaseModel):
    """The queue; of each kind at most a hundred items. With `changed` false there is no more than the version."""

    model_config = ConfigDict(extra="forbid")

    version: int = Field(description="Grows with every change.")
    changed: bool
    counts: QueueCounts | None = None
    items: list[QueuedItem] | None = Field(
        None, description="Those that run, those that wait in the order in which they are served, and the others."
    )


class RunningRun(Described):
    """A run that a process has under way."""

    run_id: str = Field(pattern=RUN_ID)
    operation: str
    item_id: str | None = Field(description="The item that it is a run of; null where it was started directly.")
    since: int


class Runner(Described):
    """A process that runs operations."""

    id: str
    host: str
    pid: int
    kind: Literal["service", "runner"]
    version: str
    started: int
    last_seen: int
    alive: bool
    draining: bool = Field(description="It takes no more items, and ends when it has none.")
    concurrency: int = Field(description="How many items it takes at a time.")
    running: list[RunningRun]
    load: tuple[float, float, float] | None = Field(description="Of its machine: the last minute, 5 and 15 minutes.")


class Runners(Described):
    """The processes of the last hour."""

    runners: list[Runner]
