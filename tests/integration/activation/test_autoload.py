"""`opentelemetry-instrument` on a stock FastAPI application: environment or a configuration file, no code."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
from typing import TYPE_CHECKING, Protocol

import pytest

from tests.integration.activation.harness import (
    BIN,
    application,
    assert_each_once,
    clean_environment,
    run_of,
    stored_runs,
)
from tests.support.otlp.endpoint import otlp_endpoint
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.integration.activation.harness import Application
    from tests.support.otlp.endpoint import Endpoint


class Settings(Protocol):
    """The environment that activates, given a folder for files and where to send."""

    def __call__(self, folder: Path, redis_url: str, otlp_url: str, /) -> dict[str, str]: ...


@pytest.fixture
def collector() -> Iterator[Endpoint]:
    with otlp_endpoint() as endpoint:
        yield endpoint


def by_variables(folder: Path, redis_url: str, otlp_url: str) -> dict[str, str]:
    return {
        "OTEL_TRACES_EXPORTER": "livetail,otlp",
        "OTEL_EXPORTER_LIVETAIL_URL": redis_url,
        "OTEL_EXPORTER_OTLP_ENDPOINT": otlp_url,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_SERVICE_NAME": "stock",
    }


def by_file(folder: Path, redis_url: str, otlp_url: str, *, livetail: str = "{{url: '{}'}}") -> dict[str, str]:
    file = folder / "otel.yaml"
    file.write_text(
        textwrap.dedent(f"""\
            file_format: "1.0"
            resource:
              attributes:
                - {{name: service.name, value: stock}}
            propagator:  # a file without one leaves servers without a context: they fail on each request
              composite: [{{tracecontext: }}, {{baggage: }}]
            tracer_provider:
              processors:
                - batch:
                    exporter:
                      livetail: {livetail.format(redis_url)}
                - batch:
                    exporter:
                      otlp_http: {{endpoint: "{otlp_url}/v1/traces"}}
            """),
        encoding="utf-8",
    )
    return {"OTEL_CONFIG_FILE": str(file)}


def by_file_and_variable(folder: Path, redis_url: str, otlp_url: str) -> dict[str, str]:
    return by_file(folder, redis_url, otlp_url, livetail="") | {"SPANTAIL_REDIS_URL": redis_url}


def _work_and_watch(app: Application, redis_url: str) -> None:
    """Do one piece of work, and see it while it runs."""
    request = threading.Thread(target=app.get, args=("/task/a",))
    request.start()
    try:
        run = eventually(lambda: run_of(redis_url, "step"), what="the start is seen while the request runs")
        assert run is not None
        assert run.meta["status"] == "running"
        assert {span["name"]: span["status"] for span in run.spans.values()} == {
            "GET /task/{name}": "running",
            "step": "running",
        }
        assert all(event["event"] in ("span_start", "span_update", "log") for event in run.events)
        assert request.is_alive()
    finally:
        app.get("/open/a")
        request.join(timeout=10)


@pytest.mark.parametrize("settings", [by_variables, by_file, by_file_and_variable])
def test_live_starts_and_ends_once_each(
    settings: Settings, new_redis_url: str, collector: Endpoint, tmp_path: Path
) -> None:
    with application(tmp_path, settings(tmp_path, new_redis_url, collector.url)) as app:
        _work_and_watch(app, new_redis_url)
        assert app.stop() == -signal.SIGTERM, app.output()

    runs = stored_runs(new_redis_url)
    requests = sum(
        count for name, count in collector.names().items() if name.startswith("GET ") and " http " not in name
    )
    assert len(runs) == requests >= 3, "one run per request: serving and exporting make none of their own"
    for run in runs:
        assert_each_once(run)
        assert run.meta["status"] == "completed"
        assert run.drops() == {}
    work = run_of(new_redis_url, "step")
    assert work is not None
    names = {span["name"] for span in work.spans.values()}
    assert {"GET /task/{name}", "step", "afterwards"} <= names
    (root,) = [span for span in work.spans.values() if span["parent_id"] is None]
    (above,) = [span for span in work.spans.values() if span["name"] == "afterwards"]
    while above["parent_id"] is not None:
        above = work.spans[above["parent_id"]]
    assert above is root, "a background task belongs to its request"
    assert {span["service"] for span in work.spans.values()} == {"stock"}
    assert [event["message"] for event in work.events if event["event"] == "log"] == ["working on a"]
    assert "hunter2" not in str(work.events)
    # the same spans over OTLP, once each, marked as being live already
    assert set(collector.spans().values()) == {1}
    assert collector.names()["step"] == collector.names()["afterwards"] == 1
    assert sum(collector.names().values()) == sum(len(run.spans) for run in runs)
    for resource in collector.resources():
        assert resource["spantail.live"] is True
        assert resource["spantail.runner"] == root["runner"]


def test_uvicorn_s_own_workers(new_redis_url: str, collector: Endpoint, tmp_path: Path) -> None:
    """Uvicorn starts its workers afresh (spawn), and the command's hook runs in each of them."""
    settings = by_variables(tmp_path, new_redis_url, collector.url)
    # On a busy machine a worker is not ready within uvicorn's 5 s, and is started again and again.
    arguments = ("--workers", "2", "--timeout-worker-healthcheck", "60")
    with application(tmp_path, settings, arguments=arguments) as app:
        for _ in range(20):
            app.get("/open/x")
        assert app.stop() == 0, app.output()
    runs = stored_runs(new_redis_url)
    assert len(runs) >= 20
    for run in runs:
        assert_each_once(run)
    assert collector.names()["GET /open/{name}"] == 20
    assert sum(collector.names().values()) == sum(len(run.spans) for run in runs)


def _instrumented(folder: Path, script: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    (folder / "script.py").write_text(textwrap.dedent(script), encoding="utf-8")
    return subprocess.run(
        [str(BIN / "opentelemetry-instrument"), sys.executable, "script.py"],
        cwd=folder, env=clean_environment(environment), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


_SCRIPT = """
    from opentelemetry import trace
    with trace.get_tracer("script").start_as_current_span("only"):
        pass
    processors = trace.get_tracer_provider()._active_span_processor._span_processors
    print(sorted(type(processor).__name__ for processor in processors))
"""


def test_a_script_that_ends_at_once_loses_nothing(new_redis_url: str, collector: Endpoint, tmp_path: Path) -> None:
    done = _instrumented(tmp_path, _SCRIPT, by_variables(tmp_path, new_redis_url, collector.url))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() == "['BatchSpanProcessor', 'BatchSpanProcessor', 'LiveSpanProcessor']"
    (run,) = stored_runs(new_redis_url)
    assert run.names() in (["span_complete"], ["span_start", "span_complete"])
    assert collector.names() == {"only": 1}


def test_configure_in_the_application_changes_nothing(new_redis_url: str, collector: Endpoint, tmp_path: Path) -> None:
    script = "    import spantail\n    spantail.configure('again')\n" + _SCRIPT.lstrip("\n")
    done = _instrumented(tmp_path, script, by_variables(tmp_path, new_redis_url, collector.url))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("LiveSpanProcessor") == 1
    (run,) = stored_runs(new_redis_url)
    assert run.names() in (["span_complete"], ["span_start", "span_complete"])
    assert [span["service"] for span in run.spans.values()] == ["stock"]


def test_nothing_is_done_where_no_livetail_exporter_was_made(collector: Endpoint, tmp_path: Path) -> None:
    settings = by_variables(tmp_path, "redis://127.0.0.1:1/0", collector.url) | {"OTEL_TRACES_EXPORTER": "otlp"}
    done = _instrumented(tmp_path, _SCRIPT, settings)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "['BatchSpanProcessor']", "")
    assert collector.names() == {"only": 1}
    assert "spantail.live" not in collector.resources()[0]


def test_without_a_url_the_other_exporters_go_on(collector: Endpoint, tmp_path: Path) -> None:
    settings = by_variables(tmp_path, "", collector.url)
    done = _instrumented(tmp_path, _SCRIPT, settings)
    assert done.returncode == 0
    assert "spans do not go to the live tier: no Redis URL" in done.stderr
    assert collector.names() == {"only": 1}


@pytest.mark.parametrize("url", ["nonsense://host", "redis://127.0.0.1:1/0"], ids=["a wrong URL", "nobody there"])
def test_a_live_tier_that_cannot_be_had_harms_nobody(url: str, collector: Endpoint, tmp_path: Path) -> None:
    environment = by_variables(tmp_path, url, collector.url) | {"XDG_DATA_HOME": os.fspath(tmp_path)}
    done = _instrumented(tmp_path, _SCRIPT, environment)
    assert done.returncode == 0, done.stderr
    assert "only" in collector.names()
    assert "Failed to auto initialize" not in done.stderr
    assert "Traceback" not in done.stderr


def test_sdk_disabled_means_nothing(new_redis_url: str, collector: Endpoint, tmp_path: Path) -> None:
    settings = by_variables(tmp_path, new_redis_url, collector.url) | {"OTEL_SDK_DISABLED": "true"}
    done = _instrumented(tmp_path, "print('went on')", settings)
    assert (done.returncode, done.stdout.strip()) == (0, "went on")
    assert stored_runs(new_redis_url) == []
