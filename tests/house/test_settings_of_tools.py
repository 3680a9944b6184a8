"""What is said to several tools is said to all of them alike."""

from __future__ import annotations

import re
import shlex
import tomllib

import yaml

from tests.support.tools import ROOT


def test_lines_are_as_long_for_the_editor_as_for_the_formatters() -> None:
    lengths = re.findall(r"(?m)^max_line_length = (\d+)$", (ROOT / ".editorconfig").read_text(encoding="utf-8"))
    ruff = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["ruff"]
    biome = (ROOT / "frontend" / "biome.jsonc").read_text(encoding="utf-8")  # with comments, so no JSON
    (page,) = re.findall(r'"lineWidth": (\d+)', biome)
    assert [int(length) for length in lengths] == [ruff["line-length"], int(page)]


def test_every_python_that_is_promised_is_tested() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    promised = re.findall(r"Python :: (3\.\d+)", "\n".join(project["classifiers"]))
    workflow = yaml.safe_load((ROOT / ".github/workflows/checks.yml").read_text(encoding="utf-8"))
    assert workflow["jobs"]["python"]["strategy"]["matrix"]["python"] == promised
    assert project["requires-python"] == f">={promised[0]}"


def test_workflows_call_what_the_makefile_has() -> None:
    targets = set(re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8")))
    for path in (ROOT / ".github/workflows").glob("*.yml"):
        workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
        for job in workflow["jobs"].values():
            for command in (shlex.split(step["run"]) for step in job["steps"] if "run" in step):
                if command[0] == "make":
                    assert {word for word in command[1:] if "=" not in word} <= targets


def test_hooks_before_a_commit_are_those_of_make_lint() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"][0]["hooks"]
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8").partition("\nlint:")[2].partition(".PHONY")[0]
    for hook in hooks:
        command = hook["entry"].removesuffix(" --force-exclude")
        assert command == "make lint-page" or command.replace(".venv/bin", "$(BIN)") in recipe
