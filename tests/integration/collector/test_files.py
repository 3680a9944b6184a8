"""collector.yaml and the files on top of it say what they read, and name only what the official distribution has."""

from __future__ import annotations

import os
import re
import subprocess
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.integration.collector.harness import certificate
from tests.support import tools
from tests.support.otlp.receiver import otlp_receiver
from tests.support.programs.collectors import CONFIGURATION, VARIANTS, running_collector

if TYPE_CHECKING:
    from pathlib import Path

FILES = [CONFIGURATION, *sorted(VARIANTS.glob("*.yaml"))]
KINDS = ("receivers", "processors", "connectors", "exporters", "extensions")
REFERENCE = tools.ROOT / "docs" / "reference" / "collector.md"
CONTENT_ONLY = {"redaction/content", "transform/content"}


def _read(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return loaded


def _table() -> dict[str, tuple[str, str]]:
    """Kind and stability of each component in the reference."""
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| ([^|]+) \|", REFERENCE.read_text(encoding="utf-8"), re.MULTILINE)
    return {name: (kind, stability) for name, kind, stability in rows}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_its_first_lines_say_which_variables_it_reads(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    said = set(re.findall(r"^#   ([A-Z][A-Z_]+)\b(?!=)", text, re.MULTILINE))
    read = set(re.findall(r"\$\{env:(\w+)", text))
    shared = {"COLLECTOR_QUEUE_BYTES"}  # of collector.yaml
    assert read - said <= shared if path != CONFIGURATION else read == said
    assert said <= read


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_default_is_told_as_it_is(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    defaults = re.findall(r"\$\{env:(\w+):-([^}]+)}", text)
    assert len(dict(defaults)) == len(set(defaults)), "one default each"
    for name, default in set(defaults):
        line = re.search(rf"^#   {name}\s+(.*)$", text, re.MULTILINE)
        assert line is None or default == "none" or line[1].startswith(default), (name, default)


def test_the_reference_has_each_component_and_no_other() -> None:
    named = {
        (key.split("/")[0], kind.removesuffix("s"))
        for path in FILES
        for kind in KINDS
        for key in _read(path).get(kind, {})
    }
    assert named == {(name, kind) for name, (kind, _) in _table().items()}


def test_each_component_has_the_name_and_stability_that_the_reference_says() -> None:
    """By the Collector's own list: it has the names that are in force, and not those that are deprecated."""
    answer = subprocess.run([tools.collector(), "components"], capture_output=True, text=True, check=True, timeout=60)
    found = yaml.safe_load(answer.stdout)
    assert found["buildinfo"]["version"] in REFERENCE.read_text(encoding="utf-8")
    stability = {
        (str(one["name"]), kind.removesuffix("s")): {
            level for level in one["stability"].values() if level != "Undefined"
        }
        for kind in KINDS
        for one in found[kind]
    }
    for name, (kind, said) in _table().items():
        assert {level for level in ("Stable", "Beta", "Alpha") if level in said} <= stability[name, kind], name
        assert stability[name, kind] <= set(re.findall(r"[A-Z][a-z]+", said)), name


def test_content_yaml_leaves_out_what_removes_prompts_and_nothing_else() -> None:
    pipelines = _read(CONFIGURATION)["service"]["pipelines"]
    for name, pipeline in _read(VARIANTS / "content.yaml")["service"]["pipelines"].items():
        before = pipelines[name]["processors"]
        assert pipeline["processors"] == [one for one in before if one not in CONTENT_ONLY]


def test_token_yaml_keeps_the_extensions() -> None:
    before = _read(CONFIGURATION)["service"]["extensions"]
    assert _read(VARIANTS / "token.yaml")["service"]["extensions"] == [*before, "bearertokenauth"]


def test_no_two_files_change_the_same_list() -> None:
    """Lists of a later file take the place of those of an earlier one, so two such files would not go together."""
    changed: dict[str, list[str]] = {}
    for path in FILES[1:]:
        for pipeline, parts in _read(path)["service"].get("pipelines", {}).items() if "service" in _read(path) else ():
            for part in parts:
                changed.setdefault(f"{pipeline} {part}", []).append(path.name)
    assert not {place: names for place, names in changed.items() if len(names) > 1}


@pytest.mark.parametrize(("one", "other"), list(pairwise(FILES[1:])), ids=lambda path: path.stem)
def test_two_files_are_valid_together(one: Path, other: Path) -> None:
    """And so all, each with its neighbour."""
    given = {name: str(CONFIGURATION) for name in ("COLLECTOR_TOKEN_FILE", "COLLECTOR_CERT_FILE", "COLLECTOR_KEY_FILE")}
    files = [option for path in (CONFIGURATION, one, other) for option in ("--config", str(path))]
    answer = subprocess.run(
        [tools.collector(), "validate", *files], env=os.environ | given,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (answer.returncode, answer.stderr) == (0, "")


def test_all_files_together_start_without_a_warning(tmp_path: Path) -> None:
    """None of their settings is deprecated, and none gets into the way of another."""
    made, key = certificate(tmp_path, "collector")
    tokens = tmp_path / "tokens"
    tokens.write_text("a-token-of-16-or-more\n")
    with otlp_receiver() as spantail, otlp_receiver() as jaeger:
        settings = {
            "COLLECTOR_CERT_FILE": str(made), "COLLECTOR_KEY_FILE": str(key), "COLLECTOR_TOKEN_FILE": str(tokens),
            "COLLECTOR_FILES": str(tmp_path / "files"), "JAEGER_ENDPOINT": jaeger.endpoint,
            "SPANTAIL_ENDPOINT": spantail.endpoint,
        }  # fmt: skip
        with running_collector(*FILES, env=settings, log=tmp_path / "log"):
            pass
    lines = (tmp_path / "log").read_text().splitlines()
    assert not [line for line in lines if re.search(r"\t(?:warn|error)\t|deprecat", line)]
