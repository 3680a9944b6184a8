"""Settings of links out of a run: the address of a tool is enough, the rest of the link follows from it."""

from __future__ import annotations

import json
import re
from typing import Final
from urllib.parse import quote

from pydantic import Field, field_validator

from spantail_service.settings.part import Part

_ADDRESS = re.compile(r"https?://[^\s{}]\S*")
_PLACEHOLDERS: Final = ("trace_id", "start_ms", "end_ms")

_IN_JAEGER: Final = "/trace/{trace_id}"


def _in_grafana(data_source: str) -> str:
    """A trace in Grafana's Explore, as its documentation says that other tools may link there: `panes` in JSON."""
    query = {
        "refId": "A",
        "datasource": {"type": "tempo", "uid": data_source},
        "queryType": "traceql",
        "query": "{trace_id}",
    }
    window = {"from": "{start_ms}", "to": "{end_ms}"}
    panes = {"run": {"datasource": data_source, "queries": [query], "range": window}}
    encoded = quote(json.dumps(panes, separators=(",", ":")), safe=":,")
    for name in _PLACEHOLDERS:
        encoded = encoded.replace(f"%7B{name}%7D", f"{{{name}}}")
    return f"/explore?schemaVersion=1&orgId=1&panes={encoded}"


_IN_GRAFANA: Final = _in_grafana("tempo")


class LinkSettings(Part):
    """Links out of a run, to other tools."""

    jaeger_link: str = Field(
        "",
        max_length=2_000,
        description="Address of Jaeger's page, `http://localhost:16686`, or of a run on it, with `{trace_id}`; also "
        "known are `{service}`, `{start_ms}` and `{end_ms}`. Without it there is no link.",
    )
    grafana_link: str = Field(
        "",
        max_length=4_000,
        description="Address of Grafana, `http://localhost:3000`: a run is opened in Explore, from the data source "
        "with the uid `tempo`. Or of a run in it, with the same names in braces; any other brace stays as it is.",
    )

    @field_validator("jaeger_link", "grafana_link")
    @classmethod
    def _without_spaces(cls, value: str) -> str:
        is_complete = "{trace_id}" in value or not re.search(r"[{}?#]", value)
        if value and not (_ADDRESS.fullmatch(value) and is_complete):
            raise ValueError(
                "must begin with http:// or https://, have no space, and either hold {trace_id} or end before "
                "any ?, # or brace: the address of the tool alone"
            )
        return value

    @field_validator("jaeger_link")
    @classmethod
    def _of_a_trace_in_jaeger(cls, value: str) -> str:
        return _completed(value, _IN_JAEGER)

    @field_validator("grafana_link")
    @classmethod
    def _of_a_trace_in_grafana(cls, value: str) -> str:
        return _completed(value, _IN_GRAFANA)


def _completed(value: str, end: str) -> str:
    return value if not value or "{trace_id}" in value else value.rstrip("/") + end
