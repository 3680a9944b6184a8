"""One test per row of the HTTP table: every route answers as it is documented, with the token and without.

A new route is a new line in `ROWS`; a route without one fails `test_every_route_has_a_row`.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
import pytest
from fastapi.routing import iter_route_contexts
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from pydantic import BaseModel

from spantail_exporters.model import keys
from spantail_service.app import create_app
from spantail_service.settings import Settings
from spantail_service.tempo import schemas as tempo
from spantail_service.web.headers import JSON_SECURITY_HEADERS, SECURITY_HEADERS
from spantail_service.web.schemas.breakers import Breakers
from spantail_service.web.schemas.budgets import Budget, Budgets
from spantail_service.web.schemas.comparison import Comparison
from spantail_service.web.schemas.notices import NoticeRule, Notices
from spantail_service.web.schemas.operations import Operations, StartedRun
from spantail_service.web.schemas.problems import Problem
from spantail_service.web.schemas.queue import CancelledItem, CancelledRun, Queue, QueuedRun, RetriedRun, Runners
from spantail_service.web.schemas.runs import Facets, Imported, Run, RunResult, RunsPage, Snapshot
from spantail_service.web.schemas.search import RunSearchAnswer
from spantail_service.web.schemas.service import About, Alive, Ready
from spantail_service.web.schemas.sessions import SessionsPage
from spantail_service.web.schemas.spans import SpanState
from spantail_service.web.schemas.spend import Spend
from spantail_service.web.schemas.tail import Frame
from spantail_service.web.schemas.whole import RunCriticalPath, RunFlame, RunJump, RunMinimap, RunTimes
from spantail_service.web.schemas.windows import TraceWindow
from tests.integration.service.harness import OTHER_RUN, ROOT_SPAN, RUN, START, Writer, running_app

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import httpx

TOKEN = "correct-horse-battery-staple"
JSON = "application/json"
PROBLEM = "application/problem+json"
PROTOBUF = "application/x-protobuf"
NDJSON = "application/x-ndjson"
EVENTS = "text/event-stream"
FORM = "application/x-www-form-urlencoded"
HTML = "text/html"

GONE = "0af7651916cd43dd8448eb211c80319d"
UNKNOWN = "0af7651916cd43dd8448eb211c80319e"
IMPORTED = "0af7651916cd43dd8448eb211c80319f"
QUEUED = "0af7651916cd43dd8448eb211c80319a"
CANCELLED = "0af7651916cd43dd8448eb211c80319b"

OTLP_TRACE = orjson.dumps(
    {"resourceSpans": [{"scopeSpans": [{"spans": [{
        "traceId": IMPORTED, "spanId": "00f067aa0ba902b7", "name": "imported", "kind": 1,
        "startTimeUnixNano": str(START * 1000), "endTimeUnixNano": str(START * 1000 + 1000),
    }]}]}]}
)  # fmt: skip


CV_INPUT = orjson.dumps({"cv": "# Ada\n\n## Experience\n\n### Engineer, Acme, 2019 - 2024"})


class Row(NamedTuple):
    """One request and what has to come back."""

    method: str
    path: str
    """With `{run}`, `{other}` (a second run), `{gone}` (expired), `{unknown}` and `{span}` filled in."""
    status: int
    media: str = JSON
    """Media type of the answer; empty where there is no body."""
    body: type[BaseModel] | Callable[[httpx.Response], object] | None = None
    """A model that the JSON has to fit, or a check that has to be true."""
    content: bytes = b""
    sends: str = ""
    """Media type of `content`."""
    is_open: bool = False
    """Answers without the token too."""
    kind: str = ""
    """Last word of a problem's type."""

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.status} {self.sends}".strip()


def row(method: str, path: str, status: int, media: str = JSON, body: Any = None, **more: Any) -> Row:
    return Row(method, path, status, media, body, **more)


def problem(method: str, path: str, status: int, kind: str = "", **more: Any) -> Row:
    return Row(method, path, status, PROBLEM, Problem, kind=kind, **more)


ROWS = [
    # --- the tail
    row("GET", "/api/logs/{run}", 200, JSON, Frame),
    row("GET", "/api/logs/{run}?since=1&limit=1&wait=0.1", 200, JSON, lambda a: a.json()["next_index"] == 2),
    row("GET", "/api/logs/{run}?before=2", 200, JSON, Frame),
    row("GET", "/api/logs/{run}?since=99", 200, JSON, lambda a: a.json()["reset"] is True),
    problem("GET", "/api/logs/{run}?limit=1001", 422, "invalid-input"),
    problem("GET", "/api/logs/nothing", 400, "malformed-run-id"),
    problem("GET", "/api/logs/{unknown}", 404, "unknown-run"),
    problem("GET", "/api/logs/{gone}", 410, "run-expired"),
    row("GET", "/api/runs/{run}/events", 200, EVENTS, lambda a: "event: end" in a.text),
    problem("GET", "/api/runs/{unknown}/events", 404, "unknown-run"),
    problem("GET", "/api/runs/{gone}/events", 410, "run-expired"),
    # --- the snapshot
    row("GET", "/api/traces/{run}", 200, JSON, Snapshot),
    row("GET", "/api/traces/{run}?fields=tree", 200, JSON, lambda a: "attributes" not in a.json()["spans"][0]),
    row("GET", "/api/traces/{run}?fields=tree&whole_up_to=0", 200, JSON, TraceWindow),
    row("GET", "/api/traces/{run}/spans/{span}", 200, JSON, SpanState),
    row("GET", "/api/traces/{run}/window", 200, JSON, TraceWindow),
    row("GET", "/api/traces/{run}/window?root={span}&depth=1&limit=10", 200, JSON, TraceWindow),
    problem("GET", "/api/traces/{run}/window?root=00f067aa0ba90200", 404, "unknown-span"),
    problem("GET", "/api/traces/{run}/window?limit=5000", 422, "invalid-input"),
    problem("GET", "/api/traces/{unknown}/window", 404, "unknown-run"),
    row("GET", "/api/traces/{run}/jump?to=dearest", 200, JSON, RunJump),
    row("GET", "/api/traces/{run}/jump?to=error&after={span}", 200, JSON, RunJump),
    problem("GET", "/api/traces/{run}/jump?to=error&after=00f067aa0ba90200", 404, "unknown-span"),
    problem("GET", "/api/traces/{run}/jump?to=moon", 422, "invalid-input"),
    row("GET", "/api/traces/{run}/critical-path?limit=10", 200, JSON, RunCriticalPath),
    problem("GET", "/api/traces/{unknown}/critical-path", 404, "unknown-run"),
    row("GET", "/api/traces/{run}/times?adjust=true&all=true", 200, JSON, RunTimes),
    problem("GET", "/api/traces/{unknown}/times", 404, "unknown-run"),
    row("GET", "/api/traces/{run}/minimap?width=300&lanes=8", 200, JSON, RunMinimap),
    problem("GET", "/api/traces/{run}/minimap?lanes=500", 422, "invalid-input"),
    row("GET", "/api/traces/{run}/flame?width=500&span={span}&adjust=true", 200, JSON, RunFlame),
    problem("GET", "/api/traces/{run}/flame?lanes=500", 422, "invalid-input"),
    problem("GET", "/api/traces/{run}/spans/00f067aa0ba90200", 404, "unknown-span"),
    problem("GET", "/api/traces/{run}/spans/x", 400, "malformed-span-id"),
    problem("GET", "/api/traces/{unknown}", 404, "unknown-run"),
    problem("GET", "/api/traces/{gone}", 410, "run-expired"),
    # --- runs
    row("GET", "/api/runs", 200, JSON, RunsPage),
    row("GET", "/api/runs?status=completed&limit=1&q=job", 200, JSON, RunsPage),
    problem("GET", "/api/runs?cursor=x", 400, "malformed-cursor"),
    row("GET", "/api/runs?sort=cost&from=1", 200, JSON, RunsPage),
    problem("GET", "/api/runs?sort=cost&cursor=1:2", 400, "malformed-cursor"),
    problem("GET", "/api/runs?sort=name", 422, "invalid-input"),
    problem("GET", "/api/runs?status=none", 422, "invalid-input"),
    row("GET", "/api/runs/facets", 200, JSON, Facets),
    row("GET", "/api/runs/{run}", 200, JSON, Run),
    problem("GET", "/api/runs/{unknown}", 404, "unknown-run"),
    row("GET", "/api/runs/{run}/compare/{other}", 200, JSON, Comparison),
    problem("GET", "/api/runs/{run}/compare/{unknown}", 404, "unknown-run"),
    problem("GET", "/api/runs/{gone}/compare/{run}", 410, "run-expired"),
    problem("GET", "/api/runs/{run}/compare/{other}?limit=0", 422, "invalid-input"),
    row("GET", "/api/runs/{cancelled}/result", 200, JSON, RunResult),
    row("GET", "/api/runs/{run}/result", 200, JSON, RunResult),
    problem("GET", "/api/runs/{unknown}/result", 404, "unknown-run"),
    problem("GET", "/api/runs/{gone}", 410, "run-expired"),
    row("GET", "/api/runs/{run}/search?q=job", 200, JSON, RunSearchAnswer),
    problem("GET", "/api/runs/{run}/search?q=%20", 400, "malformed-search"),
    problem("GET", "/api/runs/{run}/search?q=x&cursor=x", 400, "malformed-cursor"),
    problem("GET", "/api/runs/{run}/search?q=x&limit=1001", 422, "invalid-input"),
    problem("GET", "/api/runs/{unknown}/search?q=x", 404, "unknown-run"),
    problem("GET", "/api/runs/{gone}/search?q=x", 410, "run-expired"),
    row("POST", "/api/runs/{run}/pin", 204, ""),
    problem("POST", "/api/runs/{unknown}/pin", 404, "unknown-run"),
    row("DELETE", "/api/runs/{run}/pin", 204, ""),
    row("DELETE", "/api/runs/{run}", 204, ""),
    problem("DELETE", "/api/runs/{other}", 409),  # it is going on
    row("GET", "/api/runs/{run}/export?format=otlp", 200, JSON, lambda a: "resourceSpans" in a.json()),
    row("GET", "/api/runs/{run}/export?format=otlp&span={span}", 200, JSON, lambda a: a.text.count("spanId") == 1),
    problem("GET", "/api/runs/{run}/export?span={span}", 400, "malformed-export"),
    problem("GET", "/api/runs/{run}/export?format=otlp&span=00f067aa0ba90200", 404, "unknown-span"),
    row("GET", "/api/runs/{run}/export?format=perfetto", 200, JSON, lambda a: a.json()["traceEvents"]),
    row("GET", "/api/runs/{run}/export", 200, NDJSON, lambda a: len(a.text.splitlines()) > 2),
    problem("GET", "/api/runs/{run}/export?format=x", 422, "invalid-input"),
    row("POST", "/api/runs/import", 200, JSON, Imported, content=OTLP_TRACE, sends=JSON),
    problem("POST", "/api/runs/import", 415, "unsupported-media-type", content=b"x", sends="text/plain"),
    problem("POST", "/api/runs/import", 400, "malformed-file", content=b"{", sends=JSON),
    row("GET", "/api/spend?days=2", 200, JSON, Spend),
    row("GET", "/api/spend?by=model", 200, JSON, Spend),
    row("GET", "/api/sessions", 200, JSON, SessionsPage),
    problem("GET", "/api/sessions?cursor=x", 400, "malformed-cursor"),
    problem("GET", "/api/sessions/none%0A%2F", 404, "unknown-session"),
    problem("GET", "/api/spend?by=x", 422, "invalid-input"),
    # --- operations
    row("GET", "/api/operations", 200, JSON, Operations),
    problem("POST", "/api/operations/none", 404, "unknown-operation"),
    row("POST", "/api/operations/generate-annotations", 202, JSON, StartedRun,
        content=b'{"job_id":"none"}', sends=JSON),
    row("POST", "/api/jobs/none/generate-annotations", 202, JSON, StartedRun),
    row("POST", "/api/jobs/search", 202, JSON, StartedRun, content=b'{"job_titles":["x"]}', sends=JSON),
    row("POST", "/api/jobs/ingest", 202, JSON, StartedRun, content=b'{"keywords":["x"]}', sends=JSON),
    problem("POST", "/api/jobs/ingest", 422, "invalid-input", content=b'{"keywords":[]}', sends=JSON),
    row("POST", "/api/jobs/import", 202, JSON, StartedRun,
        content=b'{"keywords":["x"],"job_ids":["a-1"]}', sends=JSON),
    problem("POST", "/api/jobs/import", 422, "invalid-input", content=b'{"keywords":["x"]}', sends=JSON),
    row("POST", "/api/jobs/none/pipeline", 202, JSON, StartedRun, content=CV_INPUT, sends=JSON),
    problem("POST", "/api/jobs/none/pipeline", 422, "invalid-input", content=b"{}", sends=JSON),
    row("POST", "/api/jobs/none/contacts/peer/0/stream", 200, EVENTS, lambda a: "event: run\n" in a.text),
    problem("POST", "/api/jobs/none/contacts/friend/0/stream", 422, "invalid-input"),
    problem("POST", "/api/jobs/search", 422, "invalid-input", content=b"{}", sends=JSON),
    problem("POST", "/api/jobs/search", 415, "unsupported-media-type", content=b"x", sends="text/plain"),
    row("POST", "/api/operations/job-search?queue=true&priority=high", 202, JSON, StartedRun,
        content=b'{"job_titles":["x"]}', sends=JSON),
    problem("POST", "/api/operations/job-search?priority=high", 422, "invalid-input",
            content=b'{"job_titles":["x"]}', sends=JSON),
    # --- the queue
    row("GET", "/api/queue", 200, JSON, Queue),
    row("GET", "/api/queue?version=1", 200, JSON, Queue),
    problem("GET", "/api/queue?version=x", 422, "invalid-input"),
    row("POST", "/api/queue", 202, JSON, QueuedRun,
        content=b'{"operation":"job-search","input":{"job_titles":["x"]}}', sends=JSON),
    problem("POST", "/api/queue", 404, "unknown-operation", content=b'{"operation":"none"}', sends=JSON),
    problem("POST", "/api/queue", 422, "invalid-input", content=b'{"operation":"job-search"}', sends=JSON),
    problem("POST", "/api/queue", 415, "unsupported-media-type", content=b"x", sends="text/plain"),
    row("POST", "/api/queue/waits/cancel", 202, JSON, CancelledItem),
    problem("POST", "/api/queue/over/cancel", 409, "item-state"),
    problem("POST", "/api/queue/none/cancel", 404, "unknown-item"),
    row("POST", "/api/queue/over/retry", 202, JSON, QueuedRun),
    problem("POST", "/api/queue/waits/retry", 409, "item-state"),
    problem("POST", "/api/queue/none/retry", 404, "unknown-item"),
    row("POST", "/api/runs/{queued}/cancel", 202, JSON, CancelledRun),
    problem("POST", "/api/runs/{run}/cancel", 409, "run-is-over"),
    problem("POST", "/api/runs/{other}/cancel", 409, "not-ours"),
    problem("POST", "/api/runs/{unknown}/cancel", 404, "unknown-run"),
    problem("POST", "/api/runs/{gone}/cancel", 410, "run-expired"),
    row("POST", "/api/runs/{cancelled}/retry", 202, JSON, RetriedRun),
    problem("POST", "/api/runs/{queued}/retry", 409, "run-not-over"),
    problem("POST", "/api/runs/{run}/retry", 409, "not-ours"),
    problem("POST", "/api/runs/{unknown}/retry", 404, "unknown-run"),
    problem("POST", "/api/runs/{gone}/retry", 410, "run-expired"),
    row("GET", "/api/runners", 200, JSON, Runners),
    # --- OTLP
    row("POST", "/v1/traces", 200, PROTOBUF, lambda a: ExportTraceServiceResponse.FromString(a.content) is not None,
        sends=PROTOBUF),
    row("POST", "/v1/traces", 200, JSON, lambda a: a.json() == {}, content=OTLP_TRACE, sends=JSON),
    row("POST", "/v1/traces", 400, PROTOBUF, lambda a: a.content, content=b"\xff\xff", sends=PROTOBUF),
    row("POST", "/v1/logs", 200, PROTOBUF, lambda a: a.content == b"", sends=PROTOBUF),
    row("POST", "/v1/logs", 200, JSON, lambda a: a.json() == {}, content=b"{}", sends=JSON),
    row("POST", "/v1/metrics", 200, PROTOBUF, lambda a: b"No metrics are kept here" in a.content, sends=PROTOBUF),
    row("POST", "/v1/metrics", 200, JSON, lambda a: "none" in a.json()["partialSuccess"]["errorMessage"],
        content=b"{}", sends=JSON),
    problem("POST", "/v1/metrics", 415, "unsupported-media-type", content=b"x", sends="text/plain"),
    problem("POST", "/v1/logs", 415, "unsupported-media-type", content=b"x", sends="text/plain"),
    # --- Tempo
    row("GET", "/tempo/api/echo", 200, "text/plain", lambda a: a.text == "echo"),
    row("GET", "/tempo/api/status/buildinfo", 200, JSON, tempo.TempoBuild),
    row("GET", "/tempo/api/traces/{run}", 200, JSON, lambda a: len(a.json()["batches"]) == 1),
    row("GET", "/tempo/api/v2/traces/{run}", 200, JSON, lambda a: "resourceSpans" in a.json()["trace"]),
    problem("GET", "/tempo/api/traces/{unknown}", 404, "unknown-run"),
    problem("GET", "/tempo/api/v2/traces/{gone}", 404, "run-expired"),
    problem("GET", "/tempo/api/traces/nothing", 400, "malformed-run-id"),
    row("GET", "/tempo/api/search?q={{}}&limit=1", 200, JSON, tempo.TempoSearch),
    problem("GET", "/tempo/api/search?q=nothing", 400, "traceql-not-understood"),
    row("GET", "/tempo/api/search/tags?scope=span", 200, JSON, tempo.TempoTags),
    row("GET", "/tempo/api/v2/search/tags", 200, JSON, tempo.TempoScopes),
    row("GET", "/tempo/api/search/tag/service.name/values", 200, JSON, tempo.TempoTagValues),
    row("GET", "/tempo/api/v2/search/tag/.service.name/values", 200, JSON, tempo.TempoTypedValues),
    problem("GET", "/tempo/api/v2/search/tag/nothing/values", 400, "traceql-not-understood"),
    # --- the service itself
    row("GET", "/healthz", 200, JSON, Alive, is_open=True),
    row("GET", "/readyz", 200, JSON, Ready, is_open=True),
    row("GET", "/api/about", 200, JSON, About),
    row("GET", "/api/breakers", 200, JSON, Breakers),
    # --- notices
    row("GET", "/api/notices", 200, JSON, Notices),
    row("PUT", "/api/notices/spend_above", 200, JSON, NoticeRule, content=b'{"threshold":2.5}', sends=JSON),
    problem("PUT", "/api/notices/run_failed", 400, "rule-out-of-range", content=b'{"threshold":2}', sends=JSON),
    problem("PUT", "/api/notices/none", 404, "unknown-rule", content=b"{}", sends=JSON),
    problem("PUT", "/api/notices/budget_met", 422, "invalid-input", content=b'{"webhook":"x"}', sends=JSON),
    # --- budgets
    row("GET", "/api/budgets", 200, JSON, Budgets),
    row("PUT", "/api/budgets/operation:job-search", 200, JSON, Budget, content=b'{"limit_usd":2.5}', sends=JSON),
    row("PUT", "/api/budgets/session:a%2Fb", 200, JSON, Budget, content=b'{"limit_usd":null}', sends=JSON),
    problem("PUT", "/api/budgets/week:1", 400, "malformed-scope", content=b'{"limit_usd":1}', sends=JSON),
    problem("PUT", "/api/budgets/day:2026-11-31", 400, "malformed-scope", content=b'{"limit_usd":1}', sends=JSON),
    problem("PUT", "/api/budgets/session:s", 422, "invalid-input", content=b'{"limit_usd":-1}', sends=JSON),
    problem("PUT", "/api/budgets/session:t", 422, "invalid-input", content=b"{}", sends=JSON),
    row("GET", "/metrics", 200, "text/plain", lambda a: "spantail_redis_up 1.0" in a.text),
    row("GET", "/login", 200, HTML, lambda a: 'name="token"' in a.text, is_open=True),
    row("POST", "/login", 303, "", lambda a: a.headers["location"] == "/docs", is_open=True,
        content=f"token={TOKEN}&next=/docs".encode(), sends=FORM),
    row("POST", "/logout", 303, "", lambda a: a.headers["location"] == "/login"),
    row("GET", "/docs", 200, HTML, lambda a: "/api/logs/{run_id}" in a.text),
    row("GET", "/docs/style.css", 200, "text/css", is_open=True),
    row("GET", "/openapi.json", 200, JSON, lambda a: a.json()["openapi"].startswith("3.")),
    row("GET", "/", 200, HTML),
    row("GET", "/runs/{run}", 200, HTML),
    row("GET", "/queue", 200, HTML),
    row("GET", "/budgets", 200, HTML),
    row("GET", "/notices", 200, HTML),
    row("GET", "/sessions", 200, HTML),
    row("GET", "/sessions/any", 200, HTML),
    row("GET", "/sessions/any%2Fthing%0A", 200, HTML),
    row("GET", "/spend", 200, HTML),
    row("GET", "/compare", 200, HTML),
    row("GET", "/compare/{run}/{run}", 200, HTML),
    row("GET", "/components", 200, HTML),
    row("GET", "/favicon.svg", 200, "image/svg+xml", is_open=True),
    row("GET", "/favicon.ico", 200, "image/svg+xml", is_open=True),
    problem("GET", "/assets/none.js", 404, is_open=True),
    problem("GET", "/none", 404),
    problem("PATCH", "/api/runs", 405),
]  # fmt: skip

SHOWN_ELSEWHERE = {
    "/ws/runs/{run_id}/logs": "test_live.py: a WebSocket",
    "/api/runs/events": "test_run_events.py: a stream without an end",
    "/ws/queue": "test_queue_socket.py: a WebSocket",
    "/api/sessions/{session_id:text}": "test_sessions.py: of sessions that were counted",
}


@pytest.fixture
def page(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page, for checkouts in which none has been built."""
    from spantail_service.routes.pages import page

    folder = tmp_path_factory.mktemp("page")
    for name in ("index.html", "components.html", "favicon.svg"):
        (folder / name).write_text("<!doctype html>", encoding="utf-8")
    monkeypatch.setattr(page, "STATIC", folder)


@asynccontextmanager
async def world(redis_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """A service with a token; a run that has settled, one that goes on, and one that has expired.

    And two items of the queue, for which nobody works: one waits, one is cancelled.
    """
    with Writer(redis_url) as writer:
        writer.span(RUN)
        writer.lines(RUN, 2)
        call = {"parent_id": ROOT_SPAN, "kind": "llm_call", "end": START + 4}
        writer.span(RUN, "00f067aa0ba902b8", account="0 0 120 42 990000 claude_cli\n", **call)
        writer.span(RUN, end=START + 5)
        writer.span(OTHER_RUN)
        writer.span(GONE)
        writer.redis.delete(*keys.run_keys(GONE))
    async with running_app(
        redis_url, token=TOKEN, demo=True, himalayas_url="http://127.0.0.1:9", claude_command="no-such-command"
    ) as client:
        services = client.app.state.services  # type: ignore[attr-defined]
        for item_id, run_id in (("waits", QUEUED), ("over", CANCELLED)):
            await services.jobs.queue.enqueue("job-search", b'{"job_titles":["x"]}', item_id=item_id, run_id=run_id)
            await services.jobs.enqueuer.show(await services.jobs.queue.get(item_id))
        await services.jobs.enqueuer.cancel("over")
        yield client


async def ask(client: httpx.AsyncClient, row: Row, headers: dict[str, str]) -> httpx.Response:
    path = row.path.format(
        run=RUN, other=OTHER_RUN, gone=GONE, unknown=UNKNOWN, span=ROOT_SPAN, queued=QUEUED, cancelled=CANCELLED
    )
    sends = {"content-type": row.sends} if row.sends else {}
    return await asyncio.wait_for(
        client.request(row.method, path, content=row.content, headers={**sends, **headers}), timeout=20
    )


@pytest.mark.parametrize("row", ROWS, ids=str)
async def test_row(new_redis_url: str, page: None, row: Row) -> None:
    bearer = {"authorization": f"Bearer {TOKEN}"}
    async with world(new_redis_url) as client:
        if not row.is_open:
            refused = await ask(client, row, {})
            assert refused.status_code == 401
            assert "www-authenticate" in refused.headers
        answer = await ask(client, row, bearer if not row.is_open else {})
    assert answer.status_code == row.status, answer.text
    assert answer.headers.get("content-type", "").partition(";")[0] == row.media
    wanted = JSON_SECURITY_HEADERS if row.media in ("application/json", PROBLEM) else SECURITY_HEADERS
    for name, value in wanted.items():
        assert answer.headers.get_list(name) == [value]
    if isinstance(row.body, type) and issubclass(row.body, BaseModel):
        fits = row.body.model_validate_json(answer.content)
        if row.media == PROBLEM:
            assert answer.json()["status"] == row.status
            assert isinstance(fits, Problem)
            assert not row.kind or fits.type == f"urn:spantail:problem:{row.kind}"
    elif row.body is not None:
        check: Any = row.body
        assert check(answer), answer.text
    if row.path.startswith(("/api/", "/tempo/")):
        assert "no-store" in answer.headers["cache-control"]


def test_every_route_has_a_row() -> None:
    app = create_app(Settings(redis_url="redis://127.0.0.1:1/0"))
    shown = {(row.method, row.path.partition("?")[0]) for row in ROWS if row.status < 400}
    filled = {(method, re.sub(r"\{(run|other)\}", RUN, path).replace("{span}", ROOT_SPAN)) for method, path in shown}
    missing = []
    for context in iter_route_contexts(app.routes):
        if not context.path or context.path in SHOWN_ELSEWHERE or context.path == "/assets":
            continue
        pattern = re.compile(re.sub(r"\{[^}]+\}", "[^/]+", context.path))
        missing += [
            f"{method} {context.path}"
            for method in set(context.methods or ()) - {"HEAD"}
            if not any(found == method and pattern.fullmatch(path) for found, path in filled)
        ]
    assert not missing
