"""The load of telemetrygen, the generator of the Collector's authors: every trace is a run with its whole tree."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.integration.clients import programs
from tests.integration.clients.trees import assert_times, drawn_whole
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.clients.conftest import Receiver
    from tests.support.programs.collectors import RunningCollector
    from tests.support.service.process import ServiceProcess

pytestmark = pytest.mark.xdist_group("clients")

_WORKERS: Final = 4
_TRACES: Final = 200
_CHILDREN: Final = 9  # with the roots 2,000 spans: more than 2,048 at once the generator itself would drop
_TREE: Final = "lets-go: span, client, by telemetrygen\n" + "".join(
    f"  okey-dokey-{number}: span, server, by telemetrygen\n" for number in range(_CHILDREN)
)


def test_over_grpc(receiver: Receiver, tmp_path: Path) -> None:
    _generate(["--otlp-endpoint", receiver.grpc, "--service", "load-grpc"], tmp_path)
    _assert_all_there(receiver.service, "load-grpc")


def test_over_http(receiver: Receiver, tmp_path: Path) -> None:
    _generate(["--otlp-http", "--otlp-endpoint", _address(receiver.http), "--service", "load-http"], tmp_path)
    _assert_all_there(receiver.service, "load-http")


def test_through_the_collector(collector: RunningCollector, receiver: Receiver, tmp_path: Path) -> None:
    _generate(["--otlp-endpoint", collector.grpc, "--service", "load-collector"], tmp_path)
    _assert_all_there(receiver.service, "load-collector")


def _generate(where: list[str], folder: Path) -> None:
    amount = ["--workers", str(_WORKERS), "--traces", str(_TRACES // _WORKERS), "--child-spans", str(_CHILDREN)]
    pace = ["--rate", "0", "--span-duration", "1ms", "--status-code", "Ok"]
    program = programs.go_program("telemetrygen", "telemetrygen")
    programs.output_of([*program, "traces", "--otlp-insecure", *amount, *pace, *where], folder, {})


def _address(url: str) -> str:
    return url.removeprefix("http://")


def _assert_all_there(service: ServiceProcess, name: str) -> None:
    def whole() -> list[dict[str, Any]]:
        runs = _runs(service, name)
        sizes = Counter((run["status"], run["spans"], run["open"]) for run in runs)
        assert sizes == {("completed", 1 + _CHILDREN, 0): _TRACES}, sizes
        return runs

    for run in eventually(whole, timeout_s=60, interval_s=0.2, what="every trace as a run"):
        trace = programs.trace_of(service, run["run_id"])
        assert drawn_whole(trace) == _TREE
        assert_times(trace, {"lets-go": 1_000 * _CHILDREN, "okey-dokey-0": 1_000})
        assert trace["run"]["dropped"] == {}


def _runs(service: ServiceProcess, name: str) -> list[dict[str, Any]]:
    runs: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        page = service.json(f"/api/runs?limit=100&service={name}" + (f"&cursor={cursor}" if cursor else ""))
        runs += page["runs"]
        cursor = page.get("next_cursor")
    return runs
