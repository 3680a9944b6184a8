"""Every block of code in a document or a docstring is code: Python compiles, shell and data files parse."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import tempfile
import textwrap
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import orjson
import pytest
import yaml

from tests.support.strict import missing
from tests.support.tools import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FOLDERS: Final = ("otel", "exporters", "service", "bench", "examples", "docs", "tests")
_FENCE: Final = re.compile(r"(?ms)^(?P<indent> *)```(?P<language>[^\n`]*)\n(?P<code>.*?)^ *```")
_LITERAL: Final = re.compile(r"(?m)::\n\n(?P<code>(?: +[^\n]*\n|\n)+)")
_STATEMENT: Final = re.compile(r"(?m)^(?:import |from \S+ import |with .*:$|async with .*:$|(?:async )?def .*:$)")


class Block(NamedTuple):
    """Code with its language and where it stands."""

    place: str
    language: str
    code: str


def _documents() -> Iterator[Block]:
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        text = path.read_text(encoding="utf-8")
        for found in _FENCE.finditer(text):
            line = text.count("\n", 0, found.start()) + 1
            yield Block(f"{path.relative_to(ROOT)}:{line}", found["language"].strip(), textwrap.dedent(found["code"]))


def _docstrings(*marks: str) -> Iterator[tuple[str, str]]:
    """Those of every file, or of files that hold one of `marks`: parsing them all takes seconds in each worker."""
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*.py"):
            source = path.read_text(encoding="utf-8")
            for node in ast.walk(ast.parse(source if not marks or any(mark in source for mark in marks) else "")):
                if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and (
                    text := ast.get_docstring(node)
                ):
                    yield f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}", text + "\n"


def _in_docstrings() -> Iterator[Block]:
    for place, text in _docstrings("```", "::\n\n"):
        for found in _FENCE.finditer(text):
            yield Block(place, found["language"].strip(), textwrap.dedent(found["code"]))
        for found in _LITERAL.finditer(text):
            yield Block(place, "python", textwrap.dedent(found["code"]))


def _python(code: str) -> None:
    # a part of a program may await outside a function
    compile(code, "block", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | ast.PyCF_ONLY_AST)


def _shell(code: str) -> None:
    subprocess.run(["bash", "-n"], input=code.encode(), check=True, timeout=10)


def _javascript(code: str) -> None:
    with tempfile.NamedTemporaryFile(suffix=".mjs") as file:
        file.write(code.encode())
        file.flush()
        # finds Node.js, or installs it as a Python package
        subprocess.run([ROOT / "deploy" / "node", "node", "--check", file.name], check=True, timeout=300)


def _go(code: str) -> None:
    gofmt = shutil.which("gofmt") or missing("no Go on PATH")
    answer = subprocess.run([gofmt], input=code.encode(), capture_output=True, check=True, timeout=60)
    assert answer.stdout.decode() == code, "gofmt would write it otherwise"


def _java(code: str) -> None:
    """Statements; javac reads them and stops before it looks for what they name."""
    compiler = shutil.which("javac") or missing("no JDK on PATH")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "Block.java"
        path.write_text(f"class Block {{ void run() throws Exception {{\n{code}}} }}\n", encoding="utf-8")
        subprocess.run([compiler, "-XDshould-stop.ifNoError=PARSE", path], check=True, timeout=60)


READERS: Final[dict[str, Callable[[str], object]]] = {
    "python": _python,
    "sh": _shell,
    "json": orjson.loads,
    "yaml": yaml.safe_load,
    "toml": tomllib.loads,
    "js": _javascript,
    "go": _go,
    "java": _java,
}
UNREAD: Final = {"text", "ts", "lua", "html", "diff", "{toctree}", "{eval-rst}"}
"""Pictures, output, parts of our own files that their own tests read, and what the builder of the site reads."""
BLOCKS: Final = [*_documents(), *_in_docstrings()]


@pytest.mark.parametrize("block", BLOCKS, ids=[block.place for block in BLOCKS])
def test_a_block_of_code_can_be_read(block: Block) -> None:
    assert block.language in READERS.keys() | UNREAD, "say which language it is: ```python, ```sh, ```text, …"
    if block.language in READERS:
        READERS[block.language](block.code)


def test_code_in_a_docstring_stands_in_a_block() -> None:
    """Behind `::` and indented: else no reader of the docstring can tell it from prose, and no test reads it."""
    bare = [place for place, text in _docstrings() if _STATEMENT.search(text)]
    assert not bare
