"""Prometheus' configuration, rules and alerts: valid, each alert tried in both ways, each with a page that helps."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.support import tools

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = tools.ROOT / "deploy" / "prometheus"
DOCS = tools.ROOT / "docs"
SITE = "https://spantail.readthedocs.io/en/stable/"
CASES = sorted((FOLDER / "tests").glob("*.yml"))


def _yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _rules(name: str) -> list[dict[str, Any]]:
    return [rule for group in _yaml(FOLDER / name)["groups"] for rule in group["rules"]]


ALERTS = {rule["alert"]: rule for rule in _rules("alerts.yml")}


def _run(*command: str | Path) -> None:
    answer = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, timeout=60, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_configuration_and_rules_are_valid() -> None:
    _run(tools.promtool(), "check", "config", "prometheus.yml")
    _run(tools.promtool(), "check", "rules", "--lint=all", "--lint-fatal", "recording.yml", "alerts.yml")


def test_alertmanagers_configuration_is_valid() -> None:
    _run(tools.amtool(), "check-config", "alertmanager.yml")


@pytest.mark.parametrize("case", CASES, ids=[case.stem for case in CASES])
def test_alerts_fire_and_keep_silent(case: Path) -> None:
    _run(tools.promtool(), "test", "rules", case)


@pytest.mark.parametrize(
    ("case", "old", "new"),
    [
        ("llm", "for: 10m", "for: 59m"),
        ("llm", r"> 0\.2$", "> 0.9"),
        ("runs", "gained15m > 0", "gained15m > 9"),
        ("spend", 'kind="day"', 'kind="run"'),
    ],
)
def test_a_changed_rule_is_noticed(case: str, old: str, new: str, tmp_path: Path) -> None:
    """So that the test above shows something."""
    text = (FOLDER / "alerts.yml").read_text(encoding="utf-8")
    changed = re.sub(f"(?m){old}", new, text)
    assert changed != text
    (tmp_path / "alerts.yml").write_text(changed, encoding="utf-8")
    (tmp_path / "tests").mkdir()
    for name in ("recording.yml", f"tests/{case}.yml"):
        (tmp_path / name).write_text((FOLDER / name).read_text(encoding="utf-8"), encoding="utf-8")
    answer = subprocess.run(
        [tools.promtool(), "test", "rules", f"tests/{case}.yml"],
        cwd=tmp_path, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert answer.returncode != 0


def test_each_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() -> None:
    tried = [one for case in CASES for test in _yaml(case)["tests"] for one in test.get("alert_rule_test", ())]
    assert {one["alertname"] for one in tried if one["exp_alerts"]} == set(ALERTS)
    assert {one["alertname"] for one in tried if not one["exp_alerts"]} == set(ALERTS)


@pytest.mark.parametrize("name", ALERTS)
def test_each_alert_leads_to_a_page_that_helps(name: str) -> None:
    alert = ALERTS[name]
    assert alert["labels"]["severity"] in {"page", "ticket"}
    assert set(alert["annotations"]) == {"summary", "description", "runbook_url"}
    address, _, anchor = alert["annotations"]["runbook_url"].partition("#")
    page = address.removeprefix(SITE).removesuffix(".html")
    text = (tools.ROOT / f"{page}.md").read_text(encoding="utf-8")
    assert anchor == name.lower()
    (section,) = re.findall(rf"(?ms)^## {name}\n(.*?)(?=^## |\Z)", text)
    for part in ("**It means:**", "**Look at:**", "**Do:**"):
        assert part in section
    assert f"<{page.removeprefix('docs/')}>" in (DOCS / "index.md").read_text(encoding="utf-8")


def test_no_page_is_of_an_alert_that_is_gone() -> None:
    pages = (DOCS / "how-to" / "runbooks").glob("*.md")
    described = {name for page in pages for name in re.findall(r"(?m)^## (\w+)$", page.read_text(encoding="utf-8"))}
    assert described == set(ALERTS)


def test_alerts_that_need_no_more_than_the_day_wake_nobody() -> None:
    """Alertmanager's two ways are those of the alerts' severities."""
    routes = _yaml(FOLDER / "alertmanager.yml")["route"]
    assert [route["matchers"] for route in routes["routes"]] == [['severity="page"']]
    assert routes["receiver"] == "tickets"


def test_each_recorded_name_is_told_by_its_level() -> None:
    """`label:metric:operation`: one that says nothing of how it was made is easily added up twice."""
    names = [rule["record"] for rule in _rules("recording.yml")]
    assert len(set(names)) == len(names)
    assert not [name for name in names if name.count(":") != 2]
