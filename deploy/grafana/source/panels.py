"""What all dashboards have in common: variables, colours, links, and the kinds of panels."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from grafana_foundation_sdk.builders import bargauge, common, dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.models import common as options
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from grafana_foundation_sdk.cog.builder import Builder

PROMETHEUS: Final = model.DataSourceRef(type_val="prometheus", uid="${datasource}")
TRACES: Final = "spantail"
"""Identity of the data source that reads Spantail by Tempo's API (`provisioning/datasources/spantail.yaml`)."""

COLOURS: Final = {
    "completed": "green", "failed": "red", "cancelled": "text", "abandoned": "purple", "running": "blue",
    "queued": "yellow", "pending": "yellow", "delayed": "text", "alive": "green", "draining": "orange",
    "busy": "blue", "free": "text", "accepted": "green", "rejected": "red", "p50": "green", "p95": "orange",
    "p99": "red", "limit": "red", "spent": "blue", "reserved": "yellow", "used": "blue",
}  # fmt: skip
"""The same word has the same colour everywhere."""


@dataclass(frozen=True, slots=True)
class Query:
    """One query of a panel: `expr` in PromQL, and how its series are called."""

    expr: str
    legend: str = ""
    exemplars: bool = False


@dataclass(frozen=True, slots=True)
class About:
    """What is said of a panel: its title, the unit of its values, and what they mean."""

    title: str
    unit: str
    meaning: str


# ------------------------------------------------------------------------------------------------------------- links


def traces(query: str, title: str = "Traces of these runs") -> dashboard.DashboardLink:
    """A link from a series to what TraceQL finds in Spantail, within the period that is shown."""
    pane = {
        "datasource": TRACES,
        "queries": [
            {"refId": "A", "datasource": {"type": "tempo", "uid": TRACES}, "queryType": "traceql", "query": query}
        ],
        "range": {"from": "${__from}", "to": "${__to}"},
    }
    # Grafana puts the values of variables in after this: their names stay as they are.
    panes = quote(json.dumps({"traces": pane}, separators=(",", ":")), safe="${}._")
    return _link(title, f"/explore?schemaVersion=1&panes={panes}")


def runs(title: str = "Runs on Spantail's page", **conditions: str) -> dashboard.DashboardLink:
    """A link from a series to the list of runs, narrowed down."""
    query = "&".join(f"{name}={value}" for name, value in conditions.items())
    return _link(title, f"${{spantail}}/{'?' if query else ''}{query}")


def _link(title: str, url: str) -> dashboard.DashboardLink:
    return dashboard.DashboardLink(title).url(url).target_blank(True)


# ------------------------------------------------------------------------------------------------------------ panels


def graph(
    about: About, *queries: Query, links: Sequence[Builder[model.DashboardLink]] = (), bars: bool = False
) -> timeseries.Panel:
    """Lines over time, or bars that stand on each other."""
    panel = (
        timeseries.Panel()
        .title(about.title).description(about.meaning).unit(about.unit).datasource(PROMETHEUS)
        .targets([_target(query, chr(65 + at)) for at, query in enumerate(queries)])
        .overrides(_colours(*queries)).data_links(list(links)).color_scheme(_by_name())
        .min(0).line_width(2).fill_opacity(10).show_points(options.VisibilityMode.NEVER)
        .legend(common.VizLegendOptions().show_legend(True).display_mode(options.LegendDisplayMode.LIST)
                .placement(options.LegendPlacement.BOTTOM))
        .tooltip(common.VizTooltipOptions().mode(options.TooltipDisplayMode.MULTI).sort(options.SortOrder.DESCENDING))
    )  # fmt: skip
    if bars:
        panel.draw_style(options.GraphDrawStyle.BARS).fill_opacity(80).line_width(0)
        panel.stacking(common.StackingConfig().mode(options.StackingMode.NORMAL))
    return panel


def number(
    about: About,
    query: Query,
    steps: Mapping[int, str] | Mapping[float, str] | None = None,
    links: Sequence[Builder[model.DashboardLink]] = (),
    decimals: int | None = None,
) -> stat.Panel:
    """One number; `steps` says from which value on it has which colour."""
    panel = (
        stat.Panel()
        .title(about.title).description(about.meaning).unit(about.unit).datasource(PROMETHEUS)
        .with_target(_target(query, "A", instant=True)).data_links(list(links)).no_value("none")
        .color_mode(options.BigValueColorMode.VALUE).graph_mode(options.BigValueGraphMode.NONE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .thresholds(_thresholds(steps or {}))
    )  # fmt: skip
    return panel if decimals is None else panel.decimals(decimals)


def bars(about: About, query: Query, links: Sequence[Builder[model.DashboardLink]] = ()) -> bargauge.Panel:
    """One bar for each series, the value beside it."""
    return (
        bargauge.Panel()
        .title(about.title).description(about.meaning).unit(about.unit).datasource(PROMETHEUS)
        .with_target(_target(query, "A", instant=True)).data_links(list(links)).no_value("none").min(0)
        .orientation(options.VizOrientation.HORIZONTAL).display_mode(options.BarGaugeDisplayMode.BASIC)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .color_scheme(_by_name()).overrides(_colours(query))
    )  # fmt: skip


def rows(
    about: About,
    columns: Mapping[str, tuple[str, str]],
    names: Mapping[str, str],
    links: Sequence[Builder[model.DashboardLink]] = (),
) -> table.Panel:
    """A table: one row for each set of labels, one column for each query.

    Args:
        about: title, unit of the columns that have none of their own, meaning.
        columns: for each column its query and its unit; the largest of the first stands on top.
        names: what the labels are called.
        links: of each cell.
    """
    panel = (
        table.Panel()
        .title(about.title).description(about.meaning).unit(about.unit).datasource(PROMETHEUS)
        .data_links(list(links)).no_value("none").cell_height(options.TableCellHeight.SM)
        .sort_by([common.TableSortByFieldState().display_name(next(iter(columns))).desc(True)])
        .overrides([
            dashboard.DashboardFieldConfigSourceOverrides()
            .matcher(model.MatcherConfig(id_val="byName", options=title))
            .properties([model.DynamicConfigValue(id_val="unit", value=unit)])
            for title, (_, unit) in columns.items()
        ])
    )  # fmt: skip
    called = dict(names)
    for at, (title, (expr, _)) in enumerate(columns.items()):
        panel.with_target(_target(Query(expr), chr(65 + at), instant=True).format(PromQueryFormat.TABLE))
        called["Value" if len(columns) == 1 else f"Value #{chr(65 + at)}"] = title
    order = {"Time": 0} | {name: at for at, name in enumerate(called, 1)}
    organised = {"excludeByName": {"Time": True}, "renameByName": called, "indexByName": order}
    if len(columns) > 1:
        panel.with_transformation(model.DataTransformerConfig(id_val="merge", options={}))
    return panel.with_transformation(model.DataTransformerConfig(id_val="organize", options=organised))


def _target(query: Query, ref: str, *, instant: bool = False) -> prometheus.Dataquery:
    target = prometheus.Dataquery().expr(query.expr).ref_id(ref).datasource(PROMETHEUS)
    target = target.instant() if instant else target.range()
    if query.exemplars:
        target.exemplar(True)
    return target.legend_format(query.legend) if query.legend else target


def _thresholds(steps: Mapping[int, str] | Mapping[float, str]) -> dashboard.ThresholdsConfig:
    first = model.Threshold(value=None, color="text")
    return dashboard.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps([
        first, *(model.Threshold(value=value, color=colour) for value, colour in sorted(steps.items()))
    ])  # fmt: skip


def _by_name() -> dashboard.FieldColor:
    """A backend has the same colour on every panel."""
    return dashboard.FieldColor().mode(model.FieldColorModeId.PALETTE_CLASSIC_BY_NAME)


def _colours(*queries: Query) -> list[Builder[model.DashboardFieldConfigSourceOverrides]]:
    """Those of the words that series are called by, or may be where a label says it."""
    legends = {query.legend for query in queries}
    named = COLOURS if legends & {"{{status}}", "{{state}}", "{{outcome}}"} else legends & set(COLOURS)
    return [
        dashboard.DashboardFieldConfigSourceOverrides()
        .matcher(model.MatcherConfig(id_val="byName", options=name))
        .properties([model.DynamicConfigValue(id_val="color", value={"mode": "fixed", "fixedColor": colour})])
        for name, colour in COLOURS.items()
        if name in named
    ]


# -------------------------------------------------------------------------------------------------------- dashboards


def board(name: str, meaning: str, period: str = "now-6h") -> dashboard.Dashboard:
    """An empty dashboard with the variables and the links that all of them have."""
    return (
        dashboard.Dashboard(f"Spantail: {name}")
        .uid(f"spantail-{name.replace(' ', '-')}").description(meaning).tags(["spantail"])
        .editable().time(period, "now").refresh("30s").timezone("browser")
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .variables(_variables())
        .link(dashboard.DashboardLink("Spantail's dashboards").type(model.DashboardLinkType.DASHBOARDS)
              .tags(["spantail"]).as_dropdown(True).include_vars(True).keep_time(True))
        .link(dashboard.DashboardLink("Spantail").type(model.DashboardLinkType.LINK).url("${spantail}/")
              .tooltip("The runs as they work now").icon("external link").target_blank(True))
    )  # fmt: skip


def _variables() -> list[Builder[model.VariableModel]]:
    return [
        dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus"),
        _job("service", "Service", "spantail_build_info", "spantail")
        .description("Job of the processes whose /metrics Prometheus reads."),
        _job("calls", "LLM calls from", "gen_ai_client_operation_duration_seconds_count", "otel")
        .description("Job with the metrics of LLM calls and runs: one, so that nothing is counted twice."),
        dashboard.CustomVariable("data").label("Data").values("real : |false,demo : true,all : .*")
        .current(_option("real", "|false")).description("Runs on real data or on demo data."),
        dashboard.TextBoxVariable("spantail").label("Page").default_value("http://127.0.0.1:8321")
        .current(_option("http://127.0.0.1:8321", "http://127.0.0.1:8321"))
        .description("Address of Spantail's page, for the links to it."),
    ]  # fmt: skip


def _job(name: str, label: str, metric: str, usual: str) -> dashboard.QueryVariable:
    query: dict[str, object] = {"query": f"label_values({metric}, job)", "refId": name}
    return (
        dashboard.QueryVariable(name).label(label).query(query).datasource(PROMETHEUS)
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(model.VariableSort.ALPHABETICAL_ASC)
        .current(_option(usual, usual))
    )  # fmt: skip


def _option(text: str, value: str) -> model.VariableOption:
    return model.VariableOption(selected=True, text=text, value=value)
