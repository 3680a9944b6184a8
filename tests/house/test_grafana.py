"""Grafana's dashboards and data sources: written by the code beside them, whole, and each link leads somewhere."""

from __future__ import annotations

import importlib.util
import json
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from spantail_service.tempo.traceql import parse
from tests.support.strict import missing
from tests.support.tools import ROOT

GRAFANA = ROOT / "deploy" / "grafana"
FILES = sorted((GRAFANA / "dashboards").glob("*.json"))
NAMES = [path.stem for path in FILES]
BOARDS = [json.loads(path.read_text(encoding="utf-8")) for path in FILES]

each_board = pytest.mark.parametrize("board", BOARDS, ids=NAMES)


def panels_of(board: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def test_the_files_are_what_the_code_writes() -> None:
    if importlib.util.find_spec("grafana_foundation_sdk") is None:
        missing("no grafana-foundation-sdk: `make test` installs it")
    from deploy.grafana.source.__main__ import files

    assert NAMES == ["latency", "overview", "pipeline", "reliability", "spend"]
    written = files()
    old = [path.name for path in FILES if written.get(path.name) != path.read_text(encoding="utf-8")]
    assert not old, f"run `make dashboards` for: {', '.join(old)}"
    assert set(written) == {path.name for path in FILES}


@each_board
def test_every_panel_has_a_title_a_unit_a_meaning_and_a_place(board: dict[str, Any]) -> None:
    panels = panels_of(board)
    assert len(panels) > 8
    titles = [panel["title"] for panel in panels]
    assert len(set(titles)) == len(titles)
    for panel in panels:
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}, panel["title"]
        assert panel["targets"], panel["title"]
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"]), panel["title"]
        for target in panel["targets"]:
            assert target["datasource"] == panel["datasource"]
            # a series without a name of its own would be called by its whole query
            assert target.get("legendFormat") or panel["type"] in {"stat", "table"}, panel["title"]
    _does_not_overlap(board["panels"])


def _does_not_overlap(panels: list[dict[str, Any]]) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert max(x for x, _ in cells) < 24
        assert not cells & taken, panel["title"]
        taken |= cells


@each_board
def test_every_variable_that_is_named_is_there(board: dict[str, Any]) -> None:
    given = {variable["name"] for variable in board["templating"]["list"]}
    named = set(re.findall(r"\$\{?(\w+)", json.dumps(board)))
    builtin = {"__range", "__rate_interval", "__rate_interval_ms", "__from", "__to", "__field", "__data", "__value"}
    assert named - builtin <= given
    assert all(variable["label"] and variable["current"] for variable in board["templating"]["list"][1:])


@each_board
def test_links_lead_to_labels_that_are_there(board: dict[str, Any]) -> None:
    found = 0
    for panel in panels_of(board):
        legends = {target.get("legendFormat", "") for target in panel["targets"]}
        labels = {label for legend in legends for label in re.findall(r"\{\{(\w+)\}\}", legend)}
        columns = {
            name for one in panel.get("transformations", ()) for name in one["options"].get("renameByName", {}).values()
        }
        for link in panel["fieldConfig"]["defaults"].get("links", ()):
            found += 1
            assert set(re.findall(r"__field\.labels\.(\w+)", link["url"])) <= labels, panel["title"]
            assert set(re.findall(r"__data\.fields\.(\w+)", link["url"])) <= columns, panel["title"]
            if link["url"].startswith("/explore"):
                _is_understood(link["url"])
    assert found


def _is_understood(url: str) -> None:
    """Explore opens our own data source with a query that it understands."""
    (pane,) = json.loads(parse_qs(urlsplit(url).query)["panes"][0]).values()
    (query,) = pane["queries"]
    assert query["datasource"]["uid"] == pane["datasource"] in {source["uid"] for source in _sources()}
    parse(re.sub(r"\$\{[\w.]+\}", "x", query["query"]))


def _sources() -> list[dict[str, Any]]:
    text = (GRAFANA / "provisioning" / "datasources" / "spantail.yaml").read_text(encoding="utf-8")
    sources: list[dict[str, Any]] = yaml.safe_load(text)["datasources"]
    return sources


def test_data_sources_lead_to_each_other() -> None:
    sources = {source["uid"]: source for source in _sources()}
    assert {uid: source["type"] for uid, source in sources.items()} == {
        "prometheus": "prometheus", "spantail": "tempo", "jaeger": "jaeger", "tempo": "tempo",
    }  # fmt: skip
    exemplars = sources["prometheus"]["jsonData"]["exemplarTraceIdDestinations"]
    assert {one["name"] for one in exemplars} == {"trace_id"}
    assert {one["datasourceUid"] for one in exemplars if "datasourceUid" in one} <= set(sources)
    for uid in ("spantail", "jaeger", "tempo"):
        to_metrics = sources[uid]["jsonData"]["tracesToMetrics"]
        assert to_metrics["datasourceUid"] in sources
        # written twice in the file, because Grafana replaces single ones by environment variables
        assert all("$$__tags" in query["query"] for query in to_metrics["queries"])
    (header,) = sources["spantail"]["secureJsonData"].values()
    assert header == "Bearer $SPANTAIL_TOKEN"


def test_dashboards_are_found_where_they_are_provisioned() -> None:
    text = (GRAFANA / "provisioning" / "dashboards" / "spantail.yaml").read_text(encoding="utf-8")
    (provider,) = yaml.safe_load(text)["providers"]
    assert provider["options"]["path"] == "/etc/grafana/dashboards/spantail"
    assert len({board["uid"] for board in BOARDS}) == len(BOARDS)
