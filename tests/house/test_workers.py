"""Tests are shared among workers as tests/support/workers.py says."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.support.tools import ROOT

if TYPE_CHECKING:
    from pathlib import Path

CONFTEST = """
from tests.support import workers

def pytest_configure(config):
    config.addinivalue_line("markers", "alone: beside one other test at most")
    workers.register(config)
"""

TESTS = """
import os, time
import pytest

def say(what):
    with open("record", "a") as file:  # one write each: the workers share the file
        file.write(f"{what} {os.environ['PYTEST_XDIST_WORKER']}\\n")

@pytest.mark.parametrize("number", range(12))
def test_ordinary(number):
    say("begin ordinary")
    time.sleep(0.1)  # as long as work takes: a test that must not run beside it would be seen
    say("end ordinary")

@pytest.mark.alone
@pytest.mark.parametrize("number", range(4))
def test_alone(number):
    say("begin alone")
    time.sleep(0.2)
    say("end alone")

@pytest.mark.xdist_group("together")
@pytest.mark.parametrize("number", range(3))
def test_together(number):
    say("together")
"""


def test_groups_stay_together_and_one_other_test_runs_beside_those_alone(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    (tmp_path / "test_some.py").write_text(TESTS, encoding="utf-8")
    answer = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "4", "--dist=loadgroup", "-p", "no:cacheprovider"],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stdout + answer.stderr
    lines = [line.rsplit(" ", 1) for line in (tmp_path / "record").read_text(encoding="utf-8").splitlines()]
    assert len({worker for what, worker in lines if what == "together"}) == 1
    assert len({worker for what, worker in lines if "alone" in what}) == 1
    ordinary, is_alone, seen = 0, False, 0
    for what, _ in lines:
        ordinary += {"begin ordinary": 1, "end ordinary": -1}.get(what, 0)
        is_alone = {"begin alone": True, "end alone": False}.get(what, is_alone)
        seen += what == "begin alone"
        assert not is_alone or ordinary <= 1
    assert seen == 4
