"""Links out of a run: from the address of a tool to the address of one run in it."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import ValidationError

from spantail_service.runs.links import LinkTemplates
from spantail_service.settings import LinkSettings

RUN = "4bf92f3577b34da6a3ce929d0e0e4736"
START_US, END_US = 1_795_308_986_084_596, 1_795_308_987_000_000


def links(jaeger: str = "", grafana: str = "") -> dict[str, str]:
    """Of a run, by these settings."""
    settings = LinkSettings(jaeger_link=jaeger, grafana_link=grafana)
    return LinkTemplates(settings.jaeger_link, settings.grafana_link).of(RUN, START_US, END_US, "jobs & more")


def test_without_an_address_there_is_no_link() -> None:
    assert links() == {}


@pytest.mark.parametrize("address", ["http://localhost:16686", "https://tools.example/jaeger/ui/"])
def test_the_address_of_jaeger_is_enough(address: str) -> None:
    assert links(jaeger=address) == {"jaeger": f"{address.rstrip('/')}/trace/{RUN}"}


def test_the_address_of_grafana_is_enough() -> None:
    link = urlsplit(links(grafana="http://localhost:3000")["grafana"])
    assert (link.netloc, link.path) == ("localhost:3000", "/explore")
    query = parse_qs(link.query, strict_parsing=True)
    assert (query["schemaVersion"], query["orgId"]) == (["1"], ["1"])
    (pane,) = json.loads(query["panes"][0]).values()
    assert pane["datasource"] == "tempo"
    (asked,) = pane["queries"]
    assert (asked["queryType"], asked["query"]) == ("traceql", RUN)
    assert asked["datasource"] == {"type": "tempo", "uid": "tempo"}
    window = {name: int(value) for name, value in pane["range"].items()}
    assert window["from"] * 1_000 < START_US < END_US < window["to"] * 1_000


def test_a_whole_address_stays_as_it_is() -> None:
    given = "https://g.example/d/spans?var-trace={trace_id}&var-service={service}&from={start_ms}&x={other}"
    assert links(grafana=given)["grafana"] == (
        f"https://g.example/d/spans?var-trace={RUN}&var-service=jobs%20%26%20more"
        f"&from={START_US // 1_000 - 60_000}&x={{other}}"
    )


def test_settings_may_be_read_twice() -> None:
    """A process hands its settings on to those that it starts."""
    once = LinkSettings(jaeger_link="http://localhost:16686", grafana_link="http://localhost:3000")
    assert LinkSettings(**once.model_dump()) == once


@pytest.mark.parametrize(
    "address",
    ["localhost:16686", "ftp://localhost", "http://", "http://local host", "http://localhost/trace?id=", "http://{host}",
     "http://localhost/{trace}", "javascript:alert('{trace_id}')"],
)  # fmt: skip
def test_what_leads_nowhere_is_refused(address: str) -> None:
    for name in ("jaeger_link", "grafana_link"):
        with pytest.raises(ValidationError, match="the address of the tool alone"):
            LinkSettings.model_validate({name: address})
