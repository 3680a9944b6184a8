"""The order of the house: no circles, imports run down, and the domain knows no HTTP.

`FLOORS` is a map of the service, from the ground up: what stands on a floor imports from floors below it only.
Type-only and lazy imports count too.
"""

from __future__ import annotations

import pytest

from tests.support.import_graph import PACKAGES, circle_in, folders, import_graph, imports_of, neighbours

FLOORS = (
    ("settings", "errors", "service_name", "event_loop"),  # what all may use
    ("bounds",),  # limits in bytes, time, number
    ("storage",),  # Redis
    ("llm",),  # language models
    ("runs", "operations"),  # what is known of a run · the work that can be started
    ("access", "tail", "reaper", "jobs"),  # who may come in · live events · dead processes · starting work
    ("trace_windows",),  # parts of large runs
    ("metrics",),  # the figures of all these
    ("ingest", "web", "notices"),  # OTLP in · what all HTTP answers have in common
    ("transfer", "search"),  # runs out to files and in again · searching one run
    ("tempo",),  # searching runs as Grafana does
    ("services",),  # the parts of one process, as the routes get them
    ("routes",),  # what each address answers
    ("app",),  # the parts are put together
    (
        "runner_process",
        "client",
        "demo",
    ),  # one runner from start to stop · how commands speak with a service · a world to try it in
    ("runner_children", "surroundings"),  # further runners of a service · what stands around one: Redis, demo, signals
    ("server", "doctor", "programs"),  # one process from start to stop · what is wrong here · programs that are started
    ("workers",),  # several such processes on one port
    ("cli",),  # the command line
    ("command", "__main__"),  # its entry points
)

# Folders of the service that know nothing of HTTP: their errors are those of `errors.py`, which `web/problems.py` maps.
DOMAIN = (
    "bounds", "errors", "ingest", "jobs", "llm", "notices", "operations",
    "reaper", "runs", "search", "storage", "tail", "tempo", "trace_windows", "transfer",
)  # fmt: skip
HTTP = {"fastapi", "starlette", "uvicorn", "http"}


@pytest.mark.parametrize("folder", folders())
def test_no_circles(folder: str) -> None:
    """Among the modules and folders that stand in one folder; so there is none across folders either."""
    assert not circle_in(neighbours(folder))


def test_imports_run_down_the_floors_of_the_service() -> None:
    floor_of = {name: number for number, names in enumerate(FLOORS) for name in names}
    graph = neighbours("spantail_service")
    graph.pop("__init__")
    assert set(graph) == set(floor_of), "every folder and module at the top has its floor"
    wrong = [
        f"{name} imports {other}"
        for name, others in graph.items()
        for other in others - {"__init__"}
        if floor_of[other] >= floor_of[name]
    ]
    assert not wrong, "\n".join(wrong)


def test_the_domain_knows_no_http() -> None:
    modules = [
        module for module in import_graph() if module.startswith(tuple(f"spantail_service.{name}" for name in DOMAIN))
    ]
    assert modules
    wrong = [f"{module} imports {name}" for module in modules for name in _imported(module) if _top(name) in HTTP]
    assert not wrong, "\n".join(wrong)


def _imported(module: str) -> list[str]:
    package, _, rest = module.partition(".")
    return [name for _, name in imports_of(PACKAGES[package].joinpath(*rest.split(".")).with_suffix(".py"))]


def _top(name: str) -> str:
    return name.partition(".")[0]
