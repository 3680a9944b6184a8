"""Following a run: history first, then live, over long polls, through interruptions and restarts."""

from __future__ import annotations

import asyncio
import random
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import typer

from spantail_service.client.http import PAGE, NoAnswerError, NoRunError, RefusedError, ServiceClient, ServiceError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

FINAL: Final = frozenset({"completed", "failed", "cancelled", "abandoned"})
ALIVE: Final = frozenset({"running", "queued"})
_PACE_S: Final = 0.1  # a busy run fills frames instead of asking for each event
_LONGEST_BACKOFF_S: Final = 10.0
_FIRST_BACKOFF_S: Final = 0.5
_GONE_FOR_S: Final = 30.0  # a Redis that came back empty gets open runs again from their writers
_NEXT_RUN_S: Final = 1.0
_LATEST: Final = 200
_RUN_ID: Final = re.compile(r"[0-9a-f]{32}")
_BEGINNING: Final = re.compile(r"[0-9a-f]{4,31}")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The whole run as it stands; what was known before is to be forgotten."""

    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Frame:
    """The next events. `reset`: they do not follow on those before."""

    body: dict[str, Any]
    reset: bool = False


@dataclass(frozen=True, slots=True)
class Interruption:
    """The service does not answer; the next try comes in `retry_in_s`."""

    reason: str
    retry_in_s: float


def is_settled(frame: dict[str, Any]) -> bool:
    """Whether the run is over and everything of it has been read."""
    expected = frame["expected_log_count"]
    return frame["status"] in FINAL and expected is not None and frame["next_index"] >= expected


def backoff_s(failures: int, chance: Callable[[], float] = random.random) -> float:
    """Seconds until the next try: doubling from 0.5 to 10, jittered, so that viewers do not all come at once."""
    full: float = min(_LONGEST_BACKOFF_S, _FIRST_BACKOFF_S * 2 ** min(failures - 1, 10))
    return full * (0.5 + chance() / 2)


class Follower:
    """Follows one run until it has settled.

    `give_up_s` is how long the service may stay away before its error is raised; 0 is for ever.
    """

    def __init__(self, client: ServiceClient, run_id: str, *, give_up_s: float) -> None:
        self._client = client
        self._run_id = run_id
        self._give_up_s = give_up_s
        self._failures = 0
        self._failing_since: float | None = None
        self._seen = False

    async def states(self) -> AsyncIterator[Snapshot | Frame | Interruption]:
        """A snapshot, then the frames after it; a snapshot again whenever the tail cannot be followed on.

        Raises:
            ServiceError: the run is not there, the service refuses, or it stayed away for too long.
        """
        held: dict[str, Any] | None = None
        while True:
            try:
                if held is None:
                    body = await self._client.snapshot(self._run_id)
                    held = {"next_index": body["next_index"], "epoch": body["epoch"]}
                    self._answered()
                    yield Snapshot(body)
                    continue
                frame = await self._client.frame(self._run_id, held["next_index"], held["epoch"])
            except ServiceError as error:
                interruption = self._interrupted(error)
                yield interruption
                await asyncio.sleep(interruption.retry_in_s)
                continue
            self._answered()
            if frame["reset"] or (held["epoch"] is not None and frame["epoch"] != held["epoch"]):
                held = None
                continue
            held = {"next_index": frame["next_index"], "epoch": frame["epoch"]}
            yield Frame(frame)
            if is_settled(frame):
                return
            if len(frame["logs"]) < PAGE:
                await asyncio.sleep(_PACE_S)

    async def events(self, since: int) -> AsyncIterator[Frame | Interruption]:
        """Every event from `since` on, as frames; raises as `states` does."""
        next_index, epoch = since, None
        while True:
            try:
                frame = await self._client.frame(self._run_id, next_index, epoch)
            except ServiceError as error:
                interruption = self._interrupted(error)
                yield interruption
                await asyncio.sleep(interruption.retry_in_s)
                continue
            self._answered()
            next_index, epoch = frame["next_index"], frame["epoch"]
            yield Frame(frame, reset=frame["reset"])
            if is_settled(frame):
                return
            if len(frame["logs"]) < PAGE:
                await asyncio.sleep(_PACE_S)

    def _answered(self) -> None:
        self._failures, self._failing_since, self._seen = 0, None, True

    def _interrupted(self, error: ServiceError) -> Interruption:
        """What to do about `error`: wait, or raise it."""
        if not self._seen:
            raise error  # from the start: a wrong address, most likely
        now = asyncio.get_running_loop().time()
        if self._failing_since is None:
            self._failing_since = now
        limit_s = _GONE_FOR_S if isinstance(error, NoRunError) else self._give_up_s
        if (isinstance(error, RefusedError) and not isinstance(error, NoRunError)) or (
            limit_s and now - self._failing_since >= limit_s
        ):
            raise error
        self._failures += 1
        retry_after = error.retry_after_s if isinstance(error, NoAnswerError) else 0.0
        return Interruption(str(error), min(max(backoff_s(self._failures), retry_after), _LONGEST_BACKOFF_S))


async def find_run(client: ServiceClient, given: str) -> str:
    """The id of the run that `given` names: an id, a dashed one, its beginning (4 digits), or a page's address.

    Raises:
        NoRunError: none of the latest runs begins so, or more than one does.
        typer.BadParameter: this is no run id.
    """
    text = given.strip().rstrip("/").rpartition("/runs/")[2].partition("?")[0].partition("#")[0]
    text = text.lower().replace("-", "")
    if _RUN_ID.fullmatch(text):
        return text
    if not _BEGINNING.fullmatch(text):
        raise typer.BadParameter("a run id is 32 hex digits; its first four or more will do", param_hint="RUN_ID")
    latest = (await client.runs(limit=_LATEST))["runs"]
    found = [run["run_id"] for run in latest if run["run_id"].startswith(text)]
    if not found:
        raise NoRunError(
            f"None of the latest {_LATEST} runs begins with {text}. `spantail runs` lists them, "
            "`spantail doctor` tells why a run is missing.",
            404,
        )
    if len(found) > 1:
        raise NoRunError(f"{len(found)} runs begin with {text}: give more digits ({', '.join(found[:4])}).", 404)
    return str(found[0])


async def newest_running(client: ServiceClient) -> str | None:
    """The id of the newest run that is under way; `None` when there is none."""
    runs = (await client.runs(status="running", limit=_LATEST))["runs"]
    return next((run["run_id"] for run in runs if run["status"] in ALIVE), None)


async def newest(client: ServiceClient) -> str | None:
    """The id of the newest run, over or not; `None` when there is none."""
    return next((run["run_id"] for run in (await client.runs(limit=1))["runs"]), None)


async def next_run(client: ServiceClient, *, give_up_s: float) -> AsyncIterator[Interruption | str]:
    """Waits for a run that is not there yet; yields interruptions meanwhile, and at last its id."""
    known: set[str] | None = None
    newest = 0
    failures, failing_since = 0, 0.0
    clock = asyncio.get_running_loop().time
    while True:
        try:
            runs = (await client.runs(limit=20))["runs"]
        except NoAnswerError as error:
            failing_since = failing_since if failures else clock()
            if known is None or (give_up_s and clock() - failing_since >= give_up_s):
                raise
            failures += 1
            interruption = Interruption(
                str(error), min(max(backoff_s(failures), error.retry_after_s), _LONGEST_BACKOFF_S)
            )
            yield interruption
            await asyncio.sleep(interruption.retry_in_s)
            continue
        failures = 0
        ids = {run["run_id"] for run in runs}
        if known is None:
            known = ids
            newest = max((run["start"] or 0 for run in runs), default=0)
            fresh = [run["run_id"] for run in runs if run["status"] in ALIVE]  # started while we looked
        else:
            # A short one may be over by now: it is the next one all the same. An old one moves up when another is
            # deleted.
            fresh = [run["run_id"] for run in runs if run["run_id"] not in known and (run["start"] or 0) >= newest]
        if fresh:
            yield fresh[-1]
            return
        await asyncio.sleep(_NEXT_RUN_S)
