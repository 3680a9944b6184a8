"""Each example in Python, run as its own text says, is a run with the right tree.

Those in other languages are in tests/integration/clients.
"""

from __future__ import annotations

import ast
import difflib
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.support.service.process import ServiceProcess, running_service
from tests.support.strict import missing
from tests.support.tools import ROOT
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.xdist_group("examples")  # their service is started once

EXAMPLES = ROOT / "examples"
SOURCES = os.pathsep.join(str(ROOT / part) for part in ("otel", "exporters", "service"))
RUN_S = 120


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The service's data directory, in which its Redis listens on a socket: what `make run` calls `.spantail`."""
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def service(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    command = [sys.executable, "-m", "spantail_service", "serve", "--port", "0", "--data-dir", str(data)]
    with running_service(command, tmp_path_factory.mktemp("service"), {"PYTHONPATH": SOURCES}) as process:
        yield process


@pytest.fixture
def settings(service: ServiceProcess, data: Path) -> dict[str, str]:
    """What each example is told by environment variables."""
    return {
        "SPANTAIL_REDIS_URL": f"unix://{data}/redis/redis.sock",
        "SPANTAIL_URL": service.url,
        "PYTHONPATH": SOURCES,
    }


def _needs(*modules: str) -> None:
    absent = [name for name in modules if find_spec(name.partition(".")[0]) is None]
    if absent:
        missing(f"not installed: {', '.join(absent)}")


def _run_example(name: str, environment: dict[str, str]) -> str:
    """Run an example to its end; answers the run id at the end of the address that it prints."""
    return _run_id(_output(sys.executable, EXAMPLES / name, environment=environment))


def _output(*command: object, cwd: Path | None = None, environment: dict[str, str]) -> str:
    answer = subprocess.run(
        [str(word) for word in command], cwd=cwd,
        env=os.environ | environment, capture_output=True, text=True, timeout=RUN_S, check=False,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


def _run_id(text: str) -> str:
    (found,) = re.findall(r"/runs/([0-9a-f]{32})$", text.strip(), re.MULTILINE)
    return str(found)


def _settled_trace(service: ServiceProcess, run_id: str) -> dict[str, Any]:
    def listed() -> bool:
        return run_id in {run["run_id"] for run in service.json("/api/runs")["runs"]}

    eventually(listed, timeout_s=20, what=f"run {run_id} in the list")
    eventually(lambda: service.json(f"/api/logs/{run_id}")["expected_log_count"], timeout_s=20, what="all of the run")
    trace: dict[str, Any] = service.json(f"/api/traces/{run_id}")
    return trace


def _tree(trace: dict[str, Any]) -> dict[str, str | None]:
    """Name of every span → name of its parent."""
    names = {span["span_id"]: span["name"] for span in trace["spans"]}
    return {span["name"]: names.get(span["parent_id"]) for span in trace["spans"]}


def test_the_stock_sdk_needs_none_of_our_code(service: ServiceProcess) -> None:
    source = (EXAMPLES / "stock_opentelemetry.py").read_text(encoding="utf-8")
    imported = {
        name.partition(".")[0]
        for node in ast.walk(ast.parse(source))
        for name in (
            [alias.name for alias in node.names] if isinstance(node, ast.Import)
            else [node.module or ""] if isinstance(node, ast.ImportFrom)
            else []
        )
    }  # fmt: skip
    assert imported <= {"opentelemetry"} | sys.stdlib_module_names

    endpoint = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{service.url}/v1/traces"}
    trace = _settled_trace(service, _run_example("stock_opentelemetry.py", endpoint))
    assert _tree(trace) == {
        "answer a question": None,
        "find documents": "answer a question",
        "chat gpt-4o-mini": "answer a question",
        "store the answer": "answer a question",
    }
    spans = {span["name"]: span for span in trace["spans"]}
    assert spans["chat gpt-4o-mini"]["kind"] == "llm_call"
    assert spans["chat gpt-4o-mini"]["tokens"] == {"input": 412, "output": 96}
    assert spans["store the answer"]["status"] == "error"
    assert spans["store the answer"]["error"]["type"] == "TimeoutError"
    assert "traceback" in spans["store the answer"]["error"]
    assert [event["name"] for event in spans["answer a question"]["span_events"]] == ["answer kept in memory"]


def test_the_live_pipeline(service: ServiceProcess, settings: dict[str, str]) -> None:
    run_id = _run_example("live_pipeline.py", settings)
    trace = _settled_trace(service, run_id)
    tree = _tree(trace)
    assert tree["summarise a folder"] is None
    assert tree["read"] == tree["summarise"] == "summarise a folder"
    assert tree["summarise a document"] == "summarise"
    calls = [span for span in trace["spans"] if span["kind"] == "llm_call"]
    assert [call["cost_source"] for call in calls] == ["calculated"] * 5

    tail = service.json(f"/api/logs/{run_id}?limit=1000")
    assert tail["next_index"] == tail["expected_log_count"]
    assert tail["dropped"] == {}
    assert [line["message"] for line in tail["logs"] if line["event"] == "log"] == [
        f"document {number} is short" for number in range(5)
    ]
    assert sum(call["cost_nano"] for call in calls) == tail["backends"]["openai"]["cost_nano"] > 0


def test_what_the_readme_shows_works_as_it_is_written(
    service: ServiceProcess, settings: dict[str, str], tmp_path: Path
) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    (tmp_path / "app.py").write_text(program, encoding="utf-8")
    command = (sys.executable, "-m", "spantail_service", "run", "--", sys.executable, "app.py")
    answer = subprocess.run(
        command, cwd=tmp_path, env=os.environ | settings, capture_output=True, text=True, timeout=RUN_S, check=True
    )
    (run_id,) = re.findall(r"/runs/([0-9a-f]{32})", answer.stderr)
    trace = _settled_trace(service, run_id)
    assert _tree(trace) == {
        "import jobs": None, "fetch": "import jobs", "score": "import jobs", "chat gpt-4o-mini": "score",
    }  # fmt: skip
    assert trace["run"]["cost_nano"] > 0


def test_a_fastapi_application(service: ServiceProcess, settings: dict[str, str], tmp_path: Path) -> None:
    _needs("fastapi", "uvicorn", "opentelemetry.instrumentation.fastapi")
    command = [sys.executable, "-m", "uvicorn", "--app-dir", str(EXAMPLES), "--port", "0", "fastapi_app:app"]
    with running_service(command, tmp_path, settings) as application:
        answer = httpx.post(f"{application.url}/summaries", params={"document": "report"}, timeout=60)
        assert answer.status_code == 200, answer.text
        trace = _settled_trace(service, _run_id(answer.json()["trace"]))
    assert _tree(trace) == {
        "POST /summaries": None,
        "find the document": "POST /summaries",
        "summarise": "POST /summaries",
        "chat gpt-4o-mini": "summarise",
    }
    spans = {span["name"]: span for span in trace["spans"]}
    assert spans["POST /summaries"]["span_kind"] == "server"
    assert spans["find the document"]["kind"] == "retrieval"
    call = spans["chat gpt-4o-mini"]
    assert (call["backend"], call["cost_source"], call["tokens"]["output"]) == ("openai", "calculated", 20)
    assert call["cost_nano"] > 0


def test_older_code_differs_from_what_it_was_by_its_imports() -> None:
    now = (EXAMPLES / "older_code.py").read_text(encoding="utf-8").splitlines()
    before = (ROOT / "tests" / "fixtures" / "older_code.py.txt").read_text(encoding="utf-8").splitlines()
    changed = [line for line in difflib.ndiff(before, now) if line[0] in "+-" and line[2:].strip()]
    assert changed == [
        "- from runner_service.operations import create_log_callback, create_operation_run",
        "- from src.common.structured_logger import StructuredLogger",
        "+ import spantail",
        "+ from spantail.adapters import StructuredLogger, create_log_callback, create_operation_run",
        '+ spantail.configure(service_name="older-code")',
    ]


def test_older_code(service: ServiceProcess, settings: dict[str, str], tmp_path: Path) -> None:
    _needs("fastapi", "uvicorn")
    command = [sys.executable, "-m", "uvicorn", "--app-dir", str(EXAMPLES), "--port", "0", "older_code:app"]
    with running_service(command, tmp_path, settings) as application:
        search = httpx.post(f"{application.url}/search", timeout=60).json()["run_id"]
        annotations = httpx.post(f"{application.url}/jobs/7/generate-annotations", timeout=60).json()["run_id"]
        httpx.post(f"{application.url}/ingest", timeout=60).raise_for_status()
    assert _tree(_settled_trace(service, search)) == {"job-search": None}
    tail = service.json(f"/api/logs/{search}")
    assert (tail["status"], [line["event"] for line in tail["logs"]][1:-1]) == (
        "completed",
        ["search_start", *["source_search_start", "source_search_complete"] * 2, "search_complete"],
    )
    assert [line["attributes"].get("cache_hit") for line in tail["logs"] if "cache_hit" in line["attributes"]] == [
        False, True,
    ]  # fmt: skip

    trace = _settled_trace(service, annotations)
    assert _tree(trace) == {
        "generate-annotations": None,
        "match": "generate-annotations",
        "chat claude-sonnet-4-5": "match",
        "chat gpt-4o-mini": "match",
    }
    tail = service.json(f"/api/logs/{annotations}")
    assert (tail["status"], [layer["status"] for layer in tail["layers"]]) == ("completed", ["complete"])
    assert tail["backends"]["langchain"]["cost_nano"] == 100_000
    assert (tail["backends"]["claude_cli"]["errors"], tail["backends"]["claude_cli"]["fallbacks"]) == (1, 1)
    assert [line["message"] for line in tail["logs"] if line["event"] == "log"] == ["that was all"]

    # of its own, or that of the request where an instrumentation of FastAPI has opened a span for it
    (ingest,) = (run["run_id"] for run in service.json("/api/runs")["runs"] if run["name"].endswith("ingest"))
    _settled_trace(service, ingest)
    tail = service.json(f"/api/logs/{ingest}")
    assert tail["status"] == "completed"
    assert tail["backends"]["openrouter"]["cost_nano"] == 8_200_000
    assert [line["event"] for line in tail["logs"]].count("job_scored") == 2


def test_a_celery_worker(service: ServiceProcess, settings: dict[str, str], data: Path, tmp_path: Path) -> None:
    _needs("celery")
    settings |= {"CELERY_BROKER_URL": f"redis+socket://{data}/redis/redis.sock?virtual_host=1"}
    log = tmp_path / "worker.log"
    command = [
        sys.executable, "-m", "celery", "--workdir", str(EXAMPLES), "--app", "celery_worker", "worker",
        "--concurrency", "2",
    ]  # fmt: skip
    with (
        log.open("wb") as output,
        subprocess.Popen(command, env=os.environ | settings, stdout=output, stderr=output) as worker,
    ):
        try:
            run_id = _run_example("celery_worker.py", settings)
            eventually(
                lambda: worker.poll() is not None or _ended(service, run_id, "summarise") == 3,
                RUN_S, interval_s=0.1, what="three tasks",
            )  # fmt: skip
        finally:
            worker.terminate()
    assert worker.returncode == 0, log.read_text(encoding="utf-8")
    trace = _settled_trace(service, run_id)
    assert sorted((span["name"], span["kind"]) for span in trace["spans"]) == [
        *[("chat gpt-4o-mini", "llm_call")] * 3,
        ("send documents", "operation"),
        *[("summarise", "operation")] * 3,
    ]
    tree = _tree(trace)
    assert tree == {"send documents": None, "summarise": "send documents", "chat gpt-4o-mini": "summarise"}
    assert len({span["runner"] for span in trace["spans"]}) > 1, "the tasks ran in the worker"
    assert service.json(f"/api/logs/{run_id}")["backends"]["openai"]["calls"] == 3


def test_fallback_between_backends(service: ServiceProcess, settings: dict[str, str]) -> None:
    run_id = _run_example("fallback.py", settings)
    trace = _settled_trace(service, run_id)
    tree = _tree(trace)
    assert tree["ask"] == tree["store"] == "answer questions"
    assert {tree[f"answer question {number}"] for number in range(1, 5)} == {"ask"}
    parents = {span["span_id"]: span["name"] for span in trace["spans"]}
    attempts = sorted(
        (parents[span["parent_id"]], span["backend"], span["status"])
        for span in trace["spans"] if span["kind"] == "llm_call"
    )  # fmt: skip
    assert attempts == [
        ("answer question 1", "anthropic", "ok"),
        ("answer question 2", "anthropic", "error"),
        ("answer question 2", "openai", "ok"),
        ("answer question 3", "anthropic", "ok"),
        ("answer question 4", "anthropic", "error"),
        ("answer question 4", "openai", "ok"),
    ]
    tail = service.json(f"/api/logs/{run_id}?limit=1000")
    assert (tail["status"], [layer["status"] for layer in tail["layers"]]) == ("completed", ["complete"] * 2)
    assert (tail["backends"]["anthropic"]["errors"], tail["backends"]["anthropic"]["fallbacks"]) == (2, 2)
    assert tail["backends"]["openai"]["cost_nano"] > 0
    assert [line["event"] for line in tail["logs"]].count("llm_call_fallback") == 2


def test_a_langchain_agent(service: ServiceProcess, settings: dict[str, str]) -> None:
    _needs("langchain_openai", "openinference.instrumentation.langchain")
    run_id = _run_example("langchain_agent.py", settings)
    trace = _settled_trace(service, run_id)
    calls = [span for span in trace["spans"] if span["kind"] == "llm_call"]
    tools = [span for span in trace["spans"] if span["kind"] == "tool"]
    assert [(span["name"], span["status"]) for span in tools] == [("find_jobs", "ok")]
    assert [(span["model"], span["cost_source"]) for span in calls] == [("gpt-4o-mini", "calculated")] * 2
    assert all(span["cost_nano"] > 0 and span["tokens"]["input"] > 0 for span in calls)
    roots = [span for span in trace["spans"] if span["parent_id"] is None]
    assert [(span["name"], span["kind"]) for span in roots] == [("find work", "operation")]
    assert {_tree(trace)[span["name"]] for span in (*calls, *tools)} == {"find work"}
    # Prompts are content, and content stays at home.
    assert "Bern" not in str(trace)


def test_own_operations(tmp_path: Path) -> None:
    """The package, installed as pip does it, beside a service that knows nothing of it."""
    source, installed = tmp_path / "source", tmp_path / "installed"
    shutil.copytree(EXAMPLES / "own_operations", source)  # a build leaves files behind
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-index"]
    options = ["--no-deps", "--no-build-isolation", "--target", installed, source]
    _output(*pip, *options, environment={})
    settings = {"PYTHONPATH": os.pathsep.join([str(installed), SOURCES]), "SPANTAIL_DEMO": "1"}
    settings["SPANTAIL_CLAUDE_COMMAND"] = "no-such-command"
    command = [sys.executable, "-m", "spantail_service", "serve", "--port", "0", "--data-dir", str(tmp_path / "data")]
    with running_service(command, tmp_path, settings) as service:
        offered = {found["name"]: found for found in service.json("/api/operations")["operations"]}
        assert {"job-search", "count-words", "write-headlines"} <= set(offered)

        def start(name: str, given: dict[str, Any]) -> dict[str, Any]:
            answer = httpx.post(service.url + offered[name]["path"], json=given, timeout=30)
            assert answer.status_code == 202, answer.text
            return _settled_trace(service, answer.json()["run_id"])

        counted = start("count-words", {"text": "one two three"})
        written = start("write-headlines", {"texts": ["One text.", "Another text."]})
        refused = start("count-words", {"text": " "})
        wrong = httpx.post(service.url + offered["count-words"]["path"], json={"words": 3}, timeout=30)
    # It makes no span: its run has one all the same.
    assert _tree(counted) == {"count words": None}
    assert (counted["run"]["status"], counted["run"]["name"]) == ("completed", "count words · one two three")
    assert refused["run"]["status"] == "failed"
    (root,) = refused["spans"]
    assert (root["kind"], root["error"]["message"]) == ("operation", "the text has no words")
    assert wrong.status_code == 422
    tree = _tree(written)
    assert (tree["clean"], tree["write"], tree["text 2"]) == ("write headlines", "write headlines", "write")
    assert tree["write headline"] in {"text 1", "text 2"}
    assert [layer["status"] for layer in written["run"]["layers"]] == ["complete"] * 2
    assert written["run"]["backends"]["langchain"]["cost_nano"] > 0


def _ended(service: ServiceProcess, run_id: str, name: str) -> int:
    spans = service.json(f"/api/traces/{run_id}")["spans"]
    return sum(span["name"] == name and span["end"] is not None for span in spans)


def test_the_gallery_names_every_example_and_each_says_how_to_run_it() -> None:
    gallery = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    linked = set(re.findall(r"\]\(([\w./-]+)\)", gallery))
    scripts = {path.name for path in EXAMPLES.glob("*.py")}
    folders = {f"{path.name}/" for path in EXAMPLES.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert scripts | folders <= linked
    for name in scripts:
        text = ast.get_docstring(ast.parse((EXAMPLES / name).read_text(encoding="utf-8")))
        assert text is not None
        assert f"python examples/{name}" in text or "--app-dir examples" in text
