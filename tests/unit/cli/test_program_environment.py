"""What `spantail run` adds to a program's environment, and what it leaves as it is."""

from __future__ import annotations

from typing import Any

import pytest

from spantail_service.programs.environment import environment_for

URL = "http://127.0.0.1:8321"
REDIS = "unix:///run/redis.sock"
COLLECTOR = "http://collector:4318"


def environment(environ: dict[str, str] | None = None, **options: Any) -> dict[str, str]:
    """Of `python app.py`, where the service's Redis can be reached."""
    given = {"url": URL, "token": None, "redis_url": REDIS, "launch_id": "1", "has_livetail": True, **options}
    return environment_for(["python", "app.py"], environ or {}, **given)


def test_spans_come_live_and_by_otlp_from_a_library_that_exports_by_itself() -> None:
    made = environment()
    assert made["SPANTAIL_REDIS_URL"] == REDIS
    assert made["OTEL_TRACES_EXPORTER"] == "livetail"
    assert made["OTEL_EXPORTER_OTLP_ENDPOINT"] == URL
    assert made["OTEL_METRICS_EXPORTER"] == "none"
    assert made["OTEL_SERVICE_NAME"] == "app"


@pytest.mark.parametrize("name", ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"])
def test_a_collector_keeps_what_it_gets_without_us(name: str) -> None:
    made = environment({name: COLLECTOR}, token="hush")
    assert made[name] == COLLECTOR
    assert made["OTEL_TRACES_EXPORTER"] == "livetail,otlp"
    assert "OTEL_EXPORTER_OTLP_HEADERS" not in made, "our token is not for it"
    assert made.get("OTEL_METRICS_EXPORTER") == ("none" if "TRACES" in name else None)


def test_metrics_go_on_to_an_endpoint_for_metrics() -> None:
    made = environment({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": f"{COLLECTOR}/v1/metrics"})
    assert "OTEL_METRICS_EXPORTER" not in made
    assert made["OTEL_EXPORTER_OTLP_ENDPOINT"] == URL


def test_another_program_is_not_told_a_name_that_it_does_not_know() -> None:
    assert "OTEL_TRACES_EXPORTER" not in environment(has_livetail=False)


def test_without_redis_starts_come_by_otlp() -> None:
    made = environment(redis_url=None)
    assert (made["SPANTAIL_STARTS"], made["OTEL_EXPORTER_OTLP_ENDPOINT"]) == ("otlp", URL)


def test_what_is_said_already_is_kept() -> None:
    said = {"OTEL_TRACES_EXPORTER": "console", "OTEL_METRICS_EXPORTER": "prometheus", "OTEL_SERVICE_NAME": "shop"}
    made = environment(said)
    assert {name: made[name] for name in said} == said
