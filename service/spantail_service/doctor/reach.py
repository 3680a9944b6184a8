"""Is the service there, does it let us in, and does its clock agree with ours?"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from spantail_service import __version__
from spantail_service.client import words
from spantail_service.client.http import NoAnswerError, RefusedError, ServiceClient, ServiceError
from spantail_service.client.service_url import shown_url
from spantail_service.client.terminal import harmless
from spantail_service.doctor.finding import Finding, Level, note, ok, wrong

if TYPE_CHECKING:
    from collections.abc import Callable

_UNAUTHORIZED: Final = 401
_NOT_FOUND: Final = 404
_CLOCK_NOTE_US: Final = 500_000
_CLOCK_WRONG_US: Final = 5_000_000


class Reached(NamedTuple):
    """What became of asking the service. `about` is its own account of itself, `None` without one."""

    findings: list[Finding]
    usable: bool
    about: dict[str, Any] | None = None


async def reach(client: ServiceClient) -> Reached:
    """Ask the service who it is."""
    shown = shown_url(client.url)
    try:
        await client.about()  # the connection is made: only then the time of a request says something of clocks
        asked = time.time_ns() // 1_000
        about = await client.about()
    except NoAnswerError as error:
        return Reached([await _why_no_answer(client, error)], usable=False)
    except RefusedError as error:
        if error.status == _NOT_FOUND:
            return await _older_or_stranger(client, error)
        subject = "token" if error.status == _UNAUTHORIZED else "service"
        return Reached([wrong(subject, str(error), _advice_of_refusal(error.status))], usable=False)
    answered = time.time_ns() // 1_000
    version = harmless(about.get("version"))
    found = [ok("service", f"Spantail {version} answers at {shown}")]
    if version != __version__:
        found.append(
            note(
                "versions",
                f"The service is {version}, this machine has {__version__}.",
                "Bring both to the same version: newer events may be read wrongly by an older service.",
            )
        )
    if isinstance(theirs := about.get("time_us"), int):
        found.append(clock_finding("the service", theirs, asked, answered))
    return Reached(found, usable=True, about=about)


async def runs_finding(client: ServiceClient) -> Finding:
    """What the service has seen so far."""
    try:
        runs = (await client.runs(limit=1))["runs"]
    except ServiceError as error:
        return note("runs", f"The list of runs cannot be read: {error}")
    if not runs:
        return note("runs", "The service has seen no run yet.")
    run = runs[0]
    when = words.ago(run["start"], time.time_ns() // 1_000) if run.get("start") else "unknown when"
    name = harmless(run.get("name") or run["run_id"])[:60]
    source = f" of {harmless(run['service'])[:40]}" if run.get("service") else ""
    return ok("runs", f"the newest is {name}{source}, {when}")


def clock_finding(whose: str, theirs_us: int, asked_us: int, answered_us: int) -> Finding:
    """How far a clock is from ours: what half the time of the request cannot explain (pure)."""
    half = (answered_us - asked_us) // 2
    off = theirs_us - (asked_us + half)
    surely = max(0, abs(off) - half)
    ahead = "ahead of" if off > 0 else "behind"
    difference = f"{whose} is {words.duration(abs(off))} {ahead} this machine"
    if surely < _CLOCK_NOTE_US:
        return ok("clock", f"{whose} agrees with this machine (to {words.duration(abs(off))})")
    advice = "Set the clocks by NTP: spans of machines that disagree stand in wrong places of the timeline."
    return Finding(Level.NOTE if surely < _CLOCK_WRONG_US else Level.WRONG, "clock", f"{difference}.", advice)


async def _why_no_answer(client: ServiceClient, error: NoAnswerError) -> Finding:
    if await _is_alive(client.healthz):
        return wrong(
            "service",
            f"The service is there, but: {error}",
            "Most likely it cannot reach its Redis: see its log, and SPANTAIL_REDIS_URL where it runs.",
        )
    return wrong(
        "service",
        str(error),
        "Start it (spantail serve), or say where it is: --url or SPANTAIL_URL. It listens on loopback unless started "
        "with --host.",
    )


async def _older_or_stranger(client: ServiceClient, error: RefusedError) -> Reached:
    if await _is_alive(client.healthz):
        finding = note("versions", "The service does not know /api/about: it is older than this command.", "Update it.")
        return Reached([finding], usable=True)
    return Reached([wrong("service", str(error), "Check --url and SPANTAIL_URL.")], usable=False)


async def _is_alive(healthz: Callable[[], Any]) -> bool:
    try:
        return bool((await healthz()).get("status") == "ok")
    except ServiceError:
        return False


def _advice_of_refusal(status: int) -> str:
    if status == _UNAUTHORIZED:
        return "export SPANTAIL_TOKEN=… with the token that the service was started with."
    return "Check --url and SPANTAIL_URL, and what stands between (a proxy?)."
