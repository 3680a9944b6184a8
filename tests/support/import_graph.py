"""Which of our modules imports which: lazy and type-only imports included, nothing is executed."""

from __future__ import annotations

import ast
from functools import cache
from typing import TYPE_CHECKING

from tests.support.tools import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

PACKAGES = {
    "spantail": ROOT / "otel/spantail",
    "spantail_exporters": ROOT / "exporters/spantail_exporters",
    "spantail_service": ROOT / "service/spantail_service",
}


def imports_of(file: Path) -> Iterator[tuple[int, str]]:
    """Line and full name of every import in a file, those of `import_module` too.

    `from a import b` is `a.b`, whether `b` is a module or something in one.
    """
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, alias.name) for alias in names)
            case ast.ImportFrom(module=str(module), level=0, names=names):
                yield from ((node.lineno, f"{module}.{alias.name}") for alias in names)
            case ast.Call(
                func=ast.Attribute(attr="import_module") | ast.Name(id="import_module" | "__import__"),
                args=[ast.Constant(value=str(module)), *_],
            ):
                yield node.lineno, module


def _files() -> dict[str, Path]:
    """Every module of ours, by its full name."""
    return {
        ".".join((package, *file.relative_to(folder).with_suffix("").parts)): file
        for package, folder in PACKAGES.items()
        for file in sorted(folder.rglob("*.py"))
    }


@cache
def import_graph() -> Mapping[str, frozenset[str]]:
    """Every module of ours, and the modules of ours that it imports; a package is `name.__init__`."""
    files = _files()
    return {
        module: frozenset(
            found for _, name in imports_of(file) if (found := _module_of(name, files)) and found != module
        )
        for module, file in files.items()
    }


def _module_of(name: str, files: Mapping[str, Path]) -> str | None:
    """The module of ours that an imported name is, or stands in."""
    for candidate in (name, name.rpartition(".")[0]):
        for module in (candidate, f"{candidate}.__init__"):
            if module in files:
                return module
    return None


def neighbours(folder: str) -> dict[str, set[str]]:
    """What stands in a folder (modules, folders; `""` holds the packages), and which of it imports which."""
    start = f"{folder}." if folder else ""
    found: dict[str, set[str]] = {}
    for module, imported in import_graph().items():
        if module.startswith(start):
            name = module.removeprefix(start).partition(".")[0]
            others = {one.removeprefix(start).partition(".")[0] for one in imported if one.startswith(start)}
            found.setdefault(name, set()).update(others - {name})
    return found


def folders() -> list[str]:
    """Every folder with modules, and `""`, which holds the packages."""
    return sorted({"", *(module.rpartition(".")[0] for module in _files())})


def circle_in(graph: Mapping[str, set[str]]) -> list[str]:
    """One circle of `graph`, its first node again at the end; empty when there is none."""
    done: set[str] = set()

    def search(path: list[str]) -> list[str]:
        for after in sorted(graph.get(path[-1], ())):
            if after in path:
                return [*path[path.index(after) :], after]
            if after not in done and (circle := search([*path, after])):
                return circle
        done.add(path[-1])
        return []

    for node in sorted(graph):
        if node not in done and (circle := search([node])):
            return circle
    return []
