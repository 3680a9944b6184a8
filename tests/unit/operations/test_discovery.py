"""Operations of other packages: what they may give, and that what is wrong costs nobody else anything."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint, distributions
from typing import TYPE_CHECKING, Any

import pytest

from spantail_service.operations.catalogue import CATALOGUE, catalogue
from spantail_service.operations.discovery import GROUP, with_found

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MODULE = """
from dataclasses import replace
from pydantic import BaseModel
from spantail_service.operations.base import Operation

class Given(BaseModel):
    text: str

async def work(given, tools):
    return {}

ONE = Operation("one", "one", "The first.", Given, (), work, lambda given: given.text)
TWO = replace(ONE, name="two")
BOTH = [ONE, TWO]
MIXED = [ONE, "no operation", TWO]
CLASHES = replace(ONE, name="job-search")
NAMES = [replace(ONE, name=name) for name in ("", "Two", "two words", "../two", "two-", "x" * 65, None)]

class Unknown:
    pass

class NoSchema(BaseModel):
    model_config = {"arbitrary_types_allowed": True}
    thing: Unknown

WRONG = [
    replace(ONE, title=" "), replace(ONE, description=None), replace(ONE, work=None), replace(ONE, subject="text"),
    replace(ONE, layers=["a"]), replace(ONE, layers=(1,)), replace(ONE, input_model=dict),
    replace(ONE, input_model=NoSchema), replace(ONE, input_model=Given(text="")),
]

def function():
    return ONE

def generator():
    yield from BOTH

def fails():
    raise RuntimeError("no database")

def endless():
    while True:
        yield ONE

def leaves():
    raise SystemExit(3)
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A module of somebody else, importable."""
    (tmp_path / "theirs.py").write_text(MODULE, encoding="utf-8")
    (tmp_path / "broken.py").write_text("import no_such_module_of_theirs", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("theirs", None)


def entries(*values: str) -> list[EntryPoint]:
    return [EntryPoint(f"entry{number}", value, GROUP) for number, value in enumerate(values)]


@pytest.mark.parametrize(
    ("value", "names"),
    [("ONE", {"one"}), ("BOTH", {"one", "two"}), ("function", {"one"}), ("generator", {"one", "two"})],
)
def test_an_entry_gives_one_or_several(module: Path, value: str, names: set[str]) -> None:
    assert set(with_found({}, entries(f"theirs:{value}"))) == names


def test_ours_come_first_and_stay(module: Path, caplog: pytest.LogCaptureFixture) -> None:
    found = with_found(CATALOGUE, entries("theirs:CLASHES", "theirs:BOTH"))
    assert list(found) == [*CATALOGUE, "one", "two"]
    assert found["job-search"] is CATALOGUE["job-search"]
    (warning,) = warnings(caplog)
    assert "'job-search' is an operation of spantail already" in warning
    assert "entry0 = theirs:CLASHES" in warning


def test_the_first_of_two_keeps_the_name(module: Path, caplog: pytest.LogCaptureFixture) -> None:
    found = with_found({}, [*entries("theirs:TWO"), EntryPoint("another", "theirs:ONE", GROUP), *entries("theirs:ONE")])
    assert set(found) == {"one", "two"}
    (warning,) = warnings(caplog)
    assert "'one' is an operation of theirs already" in warning


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("broken:ONE", "No module named 'no_such_module_of_theirs'"),
        ("no_such_module_at_all:ONE", "No module named 'no_such_module_at_all'"),
        ("theirs:NONE", "has no attribute 'NONE'"),
        ("theirs:fails", "RuntimeError: no database"),
        ("theirs:leaves", "SystemExit: 3"),
        ("theirs:endless", "more than 1,000 operations"),
        ("theirs:Given", "an Operation is wanted, not ModelMetaclass"),
        ("theirs:MODULE_NAME", "has no attribute"),
    ],
)
def test_what_cannot_be_had_is_said_and_harms_nobody(
    module: Path, caplog: pytest.LogCaptureFixture, value: str, says: str
) -> None:
    assert set(with_found({}, entries(value, "theirs:TWO"))) == {"two"}
    (warning,) = warnings(caplog)
    assert says in warning
    assert value in warning


def test_what_is_no_operation_leaves_the_others_of_its_entry(module: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert set(with_found({}, entries("theirs:MIXED"))) == {"one", "two"}
    assert ["not str" in warning for warning in warnings(caplog)] == [True]


@pytest.mark.parametrize("value", ["NAMES", "WRONG"])
def test_what_would_fail_later_is_refused_now(module: Path, caplog: pytest.LogCaptureFixture, value: str) -> None:
    assert with_found({}, entries(f"theirs:{value}")) == {}
    theirs: Any = sys.modules["theirs"]
    assert len(warnings(caplog)) == len(getattr(theirs, value))


def test_what_is_installed_is_looked_at(tmp_path: Path, module: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "theirs-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: Their-Package\nVersion: 1\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\nmine = theirs:BOTH\n", encoding="utf-8")
    assert any(found.name == "Their-Package" for found in distributions())
    assert list(catalogue()) == [*CATALOGUE, "one", "two"]


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
