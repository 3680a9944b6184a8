"""Which of the service's runs are a program's own."""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from spantail_service.client.http import ServiceError
from spantail_service.programs.environment import LAUNCH_ID

if TYPE_CHECKING:
    from collections.abc import Iterable

    from spantail_service.client.http import ServiceClient

_LOOKED_AT: Final = 50
_CLOCK_US: Final = 5_000_000
"""How far the service's clock may be behind ours."""


class OwnRuns:
    """Looks for the runs of one program, among those that began since this was made.

    A run is the program's when the resource of its spans has the launch's id; where the service knows no resource,
    when its process is the program or one below it, or, of a source that names no process, when it has the service name
    that the program was given.
    """

    def __init__(self, client: ServiceClient, *, launch_id: str, service: str | None) -> None:
        self._client = client
        self._launch_id = launch_id
        self._service = service
        self._since = time.time_ns() // 1_000 - _CLOCK_US
        self._decided: set[str] = set()

    async def begin(self) -> None:
        """Leave out what is there already.

        Raises:
            ServiceError: The service does not answer, or refuses.
        """
        self._decided = {run["run_id"] for run in await self._recent()}

    async def look(self, pid: int) -> list[dict[str, Any]]:
        """New runs of the program with this process id, oldest first; none when nobody answers."""
        found = []
        try:
            for run in reversed(await self._recent()):
                if run["run_id"] in self._decided or (run.get("start") or self._since) < self._since:
                    continue
                is_ours = self._is_ours(await self._client.snapshot(run["run_id"]), run, pid)
                if is_ours is not None:
                    self._decided.add(run["run_id"])
                if is_ours:
                    found.append(run)
        except ServiceError:
            pass  # it may be back at the next look
        return found

    async def _recent(self) -> list[dict[str, Any]]:
        runs: list[dict[str, Any]] = (await self._client.runs(limit=_LOOKED_AT))["runs"]
        return runs

    def _is_ours(self, snapshot: dict[str, Any], run: dict[str, Any], pid: int) -> bool | None:
        """None: cannot be said yet."""
        launches = set(_launches(snapshot))
        if launches:
            return self._launch_id in launches
        spans = snapshot.get("spans") or []
        runners = {span["runner"] for span in spans if span.get("runner")}
        if runners:
            return any(_is_below(runner, pid) for runner in runners)
        service = run.get("service") or next((span["service"] for span in spans if span.get("service")), None)
        if service is None:
            return None
        return bool(service == self._service)


def _launches(snapshot: dict[str, Any]) -> Iterable[str]:
    resources = snapshot.get("resources")
    for resource in resources.values() if isinstance(resources, dict) else ():
        launch = (resource.get("attributes") or {}).get(LAUNCH_ID)
        if isinstance(launch, str):
            yield launch


def _is_below(runner: str, pid: int) -> bool:
    """Whether the process named by `host:pid:start` is `pid` or a process that it started."""
    host, _, rest = runner.partition(":")
    number = rest.partition(":")[0]
    if host != socket.gethostname().replace(":", "-") or not number.isdecimal():
        return False
    process = int(number)
    for _ in range(64):  # generations
        if process == pid:
            return True
        if process <= 1:
            return False
        process = _parent(process)
    return False


def _parent(pid: int) -> int:
    """The parent's id; 0 when the process is gone."""
    status = Path(f"/proc/{pid}/stat")
    try:
        if status.parent.parent.joinpath("self").exists():
            # The name in parentheses may hold anything; state and parent come after it.
            return int(status.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[1])
        answer = subprocess.run(
            ["/bin/ps", "-o", "ppid=", "-p", str(pid)], capture_output=True, text=True, timeout=2, check=False
        )
        return int(answer.stdout or 0)
    except (OSError, ValueError, IndexError, subprocess.TimeoutExpired):
        return 0
