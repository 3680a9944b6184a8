"""Each query of each dashboard on a real Prometheus: series where runs give cause, and the sums that Redis has."""

from __future__ import annotations

import json
import math
import re
import time
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.support.tools import ROOT
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.integration.monitoring.conftest import Stage

pytestmark = pytest.mark.xdist_group("monitoring")

DAY_S = 86_400
NO_CAUSE = {
    # nothing of this happens on the stage
    "Events that were dropped, per second", "Connections that were refused, per minute",
    "Spans that the Collector could not send, per second",
    "Spans and log records over OTLP, per second",
}  # fmt: skip


class Target(NamedTuple):
    """One query of a panel."""

    board: str
    panel: str
    ref: str
    expr: str

    def __str__(self) -> str:
        return f"{self.board}: {self.panel} ({self.ref})"


def _targets() -> Iterator[Target]:
    for path in sorted((ROOT / "deploy" / "grafana" / "dashboards").glob("*.json")):
        for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]:
            for target in panel.get("targets", ()):
                yield Target(path.stem, panel["title"], target["refId"], target["expr"])


TARGETS = list(_targets())


def _asked(target: Target, data: str = ".*", calls: str = "otel") -> str:
    """The query as Grafana would send it, over all the time that there was."""
    values = {
        "service": "spantail", "calls": calls, "data": data,
        "__range": "1h", "__rate_interval_ms": "600000", "__rate_interval": "10m",
    }  # fmt: skip
    expr = target.expr
    for name, value in values.items():
        expr = expr.replace(f"${name}", value)
    assert "$" not in expr
    return expr


def _series(stage: Stage, target: Target, data: str = ".*", calls: str = "otel") -> list[tuple[dict[str, str], float]]:
    # Bars of days are asked for at the beginnings of days.
    at = time.time() // DAY_S * DAY_S if "offset -1d" in target.expr else time.time()
    found = stage.prometheus.api("query", query=_asked(target, data, calls), time=str(at))["result"]
    return [(series["metric"], float(series["value"][1])) for series in found]


def _of(board: str, panel: str, ref: str = "A") -> Target:
    (target,) = [one for one in TARGETS if (one.board, one.panel, one.ref) == (board, panel, ref)]
    return target


def _one(stage: Stage, board: str, panel: str, data: str = ".*") -> float:
    # One scrape that a busy machine does not answer in time, and a gauge has no value for a moment.
    found = eventually(lambda: _series(stage, _of(board, panel), data), what=f"{board}: {panel}")
    ((_, value),) = found
    return value


def _by(stage: Stage, target: Target, *labels: str, data: str = ".*") -> dict[tuple[str, ...], float]:
    """Values by labels; what is 0 says nothing."""
    return {
        tuple(series.get(label, "") for label in labels): value
        for series, value in _series(stage, target, data)
        if value
    }


def _sum(stage: Stage, of: Callable[[dict[str, Any]], float], *, demo: bool | None = None) -> float:
    return sum(of(run) for run in stage.runs if demo is None or bool(run.get("demo")) is demo)


def test_every_query_has_series_where_there_is_cause(stage: Stage) -> None:
    for target in TARGETS:
        if target.panel not in NO_CAUSE:
            eventually(partial(_series, stage, target), what=str(target))


def test_no_value_is_no_number(stage: Stage) -> None:
    wrong = [str(one) for one in TARGETS for _, value in _series(stage, one) if not math.isfinite(value) or value < 0]
    assert not wrong, "\n".join(wrong)


def test_what_was_spent_is_what_the_runs_cost(stage: Stage) -> None:
    for data, demo in ((".*", None), ("true", True), ("|false", False)):
        nano = _sum(stage, lambda run: run["cost_nano"], demo=demo)
        assert nano > 0
        assert round(_one(stage, "spend", "Spent", data) * 1e9) == nano
    by_operation = Counter[tuple[str, ...]]()
    for run in stage.runs:
        by_operation[run["operation"],] += run["cost_nano"]
    for board, panel, ref in (("spend", "By operation", "A"), ("overview", "Operations", "B")):
        found = _by(stage, _of(board, panel, ref), "spantail_operation")
        assert {name: round(usd * 1e9) for name, usd in found.items()} == dict(+by_operation)


def _by_backend(stage: Stage, of: Callable[[dict[str, Any]], int]) -> dict[tuple[str, ...], int]:
    found = Counter[tuple[str, ...]]()
    for run in stage.runs:
        for backend, sums in run["backends"].items():
            found[backend,] += of(sums)
    return dict(+found)


def _tokens(kind: str, sums: dict[str, Any]) -> int:
    return int(sums["tokens"][kind])


def _counted(kind: str, sums: dict[str, Any]) -> int:
    return int(sums.get(kind, 0))


def test_calls_tokens_and_errors_are_those_of_the_runs(stage: Stage) -> None:
    backend = "spantail_backend"
    cost = _by(stage, _of("spend", "By backend", "A"), backend)
    assert {name: round(usd * 1e9) for name, usd in cost.items()} == _by_backend(stage, lambda one: one["cost_nano"])
    calls = _by_backend(stage, lambda one: one["calls"])
    assert _by(stage, _of("spend", "By backend", "B"), backend) == calls
    assert _one(stage, "spend", "Calls") == sum(calls.values())
    for panel, kind in (("Input tokens", "input"), ("Output tokens", "output")):
        tokens = sum(_by_backend(stage, partial(_tokens, kind)).values())
        assert tokens > 0
        assert _one(stage, "spend", panel) == tokens
    errors = Counter[tuple[str, ...]]()
    for (name, _, _), value in _by(
        stage, _of("reliability", "Errors of LLM calls"), backend, "gen_ai_request_model", "error_type"
    ).items():
        errors[name,] += int(value)
    assert errors == _by_backend(stage, lambda one: one["errors"])
    unpriced = sum(_by_backend(stage, lambda one: one["unpriced"]).values())
    assert _one(stage, "spend", "Calls without a price") == unpriced == 1


def test_fallbacks_are_those_of_the_runs(stage: Stage) -> None:
    found = Counter[tuple[str, ...]]()
    for (left, _, reason), value in _by(
        stage, _of("reliability", "Fallbacks"), "spantail_fallback_from", "spantail_backend", "spantail_fallback_reason"
    ).items():
        found[left, str(reason == "not_installed")] += int(value)
    wanted = {
        (*name, expected): count
        for kind, expected in (("fallbacks", "False"), ("expected_fallbacks", "True"))
        for name, count in _by_backend(stage, partial(_counted, kind)).items()
    }
    assert dict(found) == wanted
    assert wanted["anthropic", "False"] == 1


def test_runs_are_those_in_redis(stage: Stage) -> None:
    statuses = Counter(run["status"] for run in stage.runs)
    assert set(statuses) == {"completed", "failed", "cancelled", "abandoned"}
    for status, count in statuses.items():
        assert _one(stage, "reliability", f"Runs {status}") == count
    ended = Counter((run["operation"],) for run in stage.runs if run["status"] != "abandoned")
    assert _by(stage, _of("overview", "Operations"), "spantail_operation") == ended
    failed = statuses["failed"] + statuses["abandoned"]
    assert _one(stage, "reliability", "Failed runs, share") == pytest.approx(failed / len(stage.runs))


def test_today_is_what_redis_has(stage: Stage) -> None:
    days = stage.service.json("/api/spend?days=1")["days"]
    today = {(name,): sums["cost_usd"] for name, sums in days[-1]["backends"].items() if sums["cost_usd"]}
    assert _by(stage, _of("spend", "Spend of each day"), "backend") == pytest.approx(today)
    for board in ("overview", "spend"):
        assert _one(stage, board, "Spent today") == pytest.approx(sum(today.values()))


def test_without_a_collector_the_service_tells_of_its_own_calls(stage: Stage) -> None:
    """By `/metrics`: the run of its queue, which is the one on demo data."""
    ((_, spent),) = eventually(lambda: _series(stage, _of("spend", "Spent"), calls="spantail"), what="the sum")
    assert round(spent * 1e9) == _sum(stage, lambda run: run["cost_nano"], demo=True)


@pytest.mark.parametrize("job", ["otel", "spantail"])
def test_an_exemplar_leads_to_a_trace_that_the_data_source_has(stage: Stage, job: str) -> None:
    now = time.time()
    query = f'gen_ai_client_operation_duration_seconds_bucket{{job="{job}"}}'
    found = eventually(lambda: stage.prometheus.exemplars(query, now - 3_600, now + 60), what="exemplars")
    ids = {exemplar["labels"]["trace_id"] for exemplar in found}
    assert ids <= {run["run_id"] for run in stage.runs}
    trace = stage.service.json(f"/tempo/api/traces/{ids.pop()}")
    assert trace["batches"]


def test_what_has_no_cause_has_no_series(stage: Stage) -> None:
    """So that nothing is left out of the first test that could be in it."""
    empty = {target.panel for target in TARGETS if not _series(stage, target)}
    assert empty >= NO_CAUSE


def test_rules_read_metrics_that_are_there(stage: Stage) -> None:
    names = set(stage.prometheus.api("label/__name__/values"))
    text = "".join(
        (ROOT / "deploy" / "prometheus" / name).read_text(encoding="utf-8") for name in ("recording.yml", "alerts.yml")
    )
    text = re.sub(r"by \([^)]*\)", "", text)  # labels
    read = set(re.findall(r"(?<![\w:/#.])(?:spantail|gen_ai_client|up)(?:_[a-z_]+)?(?=[{\[)]| ==| offset)", text))
    assert len(read) > 15
    assert read - names == {"spantail_dropped_events_total"}  # none was dropped here


def test_rules_are_evaluated_without_an_error(stage: Stage) -> None:
    groups = stage.prometheus.api("rules")["groups"]
    assert len(groups) == 5
    rules = [rule for group in groups for rule in group["rules"]]
    assert not [(rule["name"], rule.get("lastError")) for rule in rules if rule["health"] == "err"]
