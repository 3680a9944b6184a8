"""What belongs into the repository, and what does not."""

from __future__ import annotations

import json
import re
import tomllib
from typing import TYPE_CHECKING

import pytest

from tests.support.repository import file_names
from tests.support.tools import ROOT

if TYPE_CHECKING:
    from pathlib import Path

LARGEST_BYTES = 1_500_000
TEXT = {
    ".py", ".pyi", ".md", ".toml", ".yaml", ".yml", ".json", ".jsonl", ".ts", ".css", ".html", ".lua", ".txt", ".go",
    ".mod", ".sum", ".mjs", ".java", ".xml", ".sha256", "",
}  # fmt: skip

# In two halves, so that this file does not name what it forbids.
REGISTRIES = [".".join(parts) for parts in (
    ("pypi", "org"), ("files", "pythonhosted", "org"), ("registry", "npmjs", "org"), ("registry", "yarnpkg", "com"),
    ("proxy", "golang", "org"), ("sum", "golang", "org"), ("deb", "debian", "org"), ("crates", "io"),
    ("repo", "maven", "apache", "org"), ("repo1", "maven", "org"),
)]  # fmt: skip
MACHINE_PATH = re.compile(r"(?<![\w.:/~-])/(?:home|root|Users|work)/\w")


def _files() -> list[Path]:
    return [ROOT / name for name in file_names(ROOT)]


def _texts() -> list[tuple[str, str]]:
    return [(str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")) for path in _files() if path.suffix in TEXT]


def test_no_file_names_a_registry_or_a_path_of_one_machine() -> None:
    wrong = []
    for name, text in _texts():
        wrong += [f"{name} names {host}" for host in REGISTRIES if host in text]
        wrong += [f"{name} has {found.group()!r}…" for found in MACHINE_PATH.finditer(text)]
    assert not wrong, "\n".join(wrong)


def test_nothing_built_or_installed_is_in_the_repository() -> None:
    built = {"node_modules", "__pycache__", "static", "dist", ".venv", ".tools", ".spantail"}
    paths = [path.relative_to(ROOT) for path in _files()]
    assert not [str(path) for path in paths if built & set(path.parts[:-1])]
    assert not [str(path) for path in paths if path.suffix in {".pyc", ".so", ".whl", ".gz", ".map", ".rdb", ".aof"}]


def test_no_file_is_large() -> None:
    large = {str(path.relative_to(ROOT)): path.stat().st_size for path in _files()}
    assert not {name: size for name, size in large.items() if size > LARGEST_BYTES}


@pytest.mark.parametrize("name", ["runtime", "embedded", "development", "node"])
def test_every_locked_package_has_its_hashes(name: str) -> None:
    text = (ROOT / "deploy" / "locks" / f"{name}.txt").read_text(encoding="utf-8")
    assert "://" not in text
    requirements = re.split(r"\n(?=\w)", re.sub(r"(?m)^\s*#.*\n", "", text).strip())
    assert requirements
    hashed = re.compile(r"[\w.-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", re.DOTALL)
    assert not [line for line in requirements if not hashed.match(line)]


def test_the_locks_agree() -> None:
    def versions(name: str) -> dict[str, str]:
        text = (ROOT / "deploy" / "locks" / f"{name}.txt").read_text(encoding="utf-8")
        return dict(re.findall(r"(?m)^([\w.-]+)==(\S+)", text))

    development = versions("development")
    assert versions("runtime").items() <= development.items()
    assert versions("embedded").items() <= development.items()


def test_the_locks_hold_every_declared_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    lock = (ROOT / "deploy" / "locks" / "development.txt").read_text(encoding="utf-8")
    extras = project["project"]["optional-dependencies"].values()
    declared = [*project["project"]["dependencies"], *(line for extra in extras for line in extra)]
    names = {match.group().lower() for line in declared if (match := re.match(r"[\w.-]+", line))} - {"spantail"}
    locked = set(re.findall(r"(?m)^([\w.-]+)==", lock))
    assert names <= locked, f"run `make lock`: {names - locked}"


@pytest.mark.parametrize(
    "folder",
    ["frontend", "deploy/claude-cli", "examples/nodejs", "examples/vercel_ai_sdk",
     "tests/integration/clients/nodejs_web_app", "tests/integration/clients/vercel_ai_sdk_6"],
)  # fmt: skip
def test_npm_locks_install_on_every_platform(folder: str) -> None:
    """`npm ci` fails when the lock lacks a platform's package, also where it would not be installed."""
    packages = json.loads((ROOT / folder / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    names = {path.rpartition("node_modules/")[2] for path in packages}
    wanted = {(path, name) for path, entry in packages.items() for name in entry.get("optionalDependencies", {})}
    assert not {f"{path} wants {name}" for path, name in wanted if name not in names}
    for path, entry in packages.items():
        if path and not entry.get("inBundle"):  # a bundled package comes inside another one's archive
            assert "resolved" not in entry, path
            assert entry["integrity"].startswith("sha512-"), path
