"""The OpenAPI document is whole and true: generated requests get the answers that it announces, and never a 5xx."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
import requests
import schemathesis
from anyio.from_thread import start_blocking_portal
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from spantail_service.app import create_app
from spantail_service.settings import Settings
from tests.integration.service.harness import OTHER_RUN, ROOT_SPAN, RUN, START, Writer, running_app
from tests.support.redis.keys import odd_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import httpx
    from schemathesis import Case

TOKEN = "correct-horse-battery-staple"
CALL = "00f067aa0ba902b8"
EXAMPLES = 25
"""Requests per operation and mode."""
TIMEOUT_S = 10
NEVER = {401, 403, 421, 500, 501, 502, 504}
CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance,
    response_schema_conformance,
]  # fmt: skip

DOCUMENT: dict[str, Any] = create_app(Settings(redis_url="redis://127.0.0.1:1/0", token=TOKEN)).openapi()
STREAMS = {"/api/runs/events", "/api/runs/{run_id}/events"}
"""These do not end; their own tests read them."""
OPERATIONS = [
    (method.upper(), path) for path, item in DOCUMENT["paths"].items() if path not in STREAMS for method in item
]
KNOWN = [None, RUN, OTHER_RUN, RUN.upper(), "*", "{x}", f"{RUN}:meta", "a b", "0" * 32, "f" * 32]
"""Run ids beside the generated ones, `None` for these."""


def test_every_operation_is_described() -> None:
    missing = []
    for path, item in DOCUMENT["paths"].items():
        for method, operation in item.items():
            where = f"{method} {path}"
            if not operation.get("summary") or not operation.get("description"):
                missing.append(f"{where}: summary, description")
            good = {status: found for status, found in operation["responses"].items() if status < "400"}
            if not good:
                missing.append(f"{where}: a good answer")
            for status, response in good.items():
                for media, content in response.get("content", {}).items():
                    if media == "application/json" and not content.get("schema"):
                        missing.append(f"{where}: schema of {status}")
                if status == "200" and not response.get("content"):
                    missing.append(f"{where}: content of {status}")
            missing += [
                f"{where}: description of {parameter['name']}"
                for parameter in operation.get("parameters", ())
                if parameter["in"] != "path"
                and not (parameter.get("description") or parameter["schema"].get("description"))
            ]
            missing += [
                f"{where}: {status} is no problem document"
                for status, response in operation["responses"].items()
                if status >= "400" and not response.get("content")
            ]
    assert not missing, "\n".join(missing)


def test_it_says_who_may_come_in() -> None:
    assert set(DOCUMENT["components"]["securitySchemes"]) == {"token", "session"}
    assert DOCUMENT["paths"]["/healthz"]["get"]["security"] == []
    assert "401" in DOCUMENT["paths"]["/api/runs"]["get"]["responses"]
    without = create_app(Settings(redis_url="redis://127.0.0.1:1/0")).openapi()
    assert "securitySchemes" not in without["components"]
    assert "401" not in without["paths"]["/api/runs"]["get"]["responses"]
    assert "HTTPValidationError" not in str(DOCUMENT)


@pytest.fixture
def ask(new_redis_url: str) -> Iterator[Callable[[Case[Any]], httpx.Response]]:
    """A service with some runs, and a way to send it a generated request."""
    with Writer(new_redis_url) as writer:
        writer.span(RUN)
        writer.lines(RUN, 3)
        writer.span(
            RUN, CALL, parent_id=ROOT_SPAN, kind="llm_call", end=START + 4, account="0 0 120 42 990000 claude_cli\n"
        )
        writer.span(RUN, end=START + 5)
        writer.span(OTHER_RUN)
    settings = {
        "token": TOKEN, "demo": True, "himalayas_url": "http://127.0.0.1:9", "claude_command": "no-such-command",
        "max_starts_per_minute": 3, "max_heavy_per_minute": 0,
    }  # fmt: skip
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(running_app(new_redis_url, may_fail=True, **settings)) as client,
    ):

        async def send(request: requests.PreparedRequest) -> httpx.Response:
            headers = {name.encode(): _raw(value) for name, value in request.headers.items()}
            url = request.url or ""
            return await asyncio.wait_for(
                client.request(request.method or "", url, content=_raw(request.body), headers=headers), TIMEOUT_S
            )

        def ask(case: Case[Any]) -> httpx.Response:
            sent = case.as_transport_kwargs(base_url="http://localhost", headers={"authorization": f"Bearer {TOKEN}"})
            allowed = ("method", "url", "headers", "params", "data", "json", "files", "cookies")
            request = requests.Request(**{name: value for name, value in sent.items() if name in allowed})
            return portal.call(send, requests.Session().prepare_request(request))

        yield ask


def _raw(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value or "").encode("utf-8", "surrogatepass")


# The service is in this process: it makes ids of spans, on its own thread, while the next request is generated.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module")
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["fitting", "unfitting"])
@pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=[f"{method} {path}" for method, path in OPERATIONS])
def test_generated_requests_get_what_is_announced(
    ask: Callable[[Case[Any]], httpx.Response], new_redis_url: str, method: str, path: str, mode: GenerationMode
) -> None:
    operation = schemathesis.openapi.from_dict(DOCUMENT)[path][method]
    try:
        cases = operation.as_strategy(generation_mode=mode)
    except schemathesis.errors.SchemathesisError:
        pytest.skip("nothing of it can be wrong")

    @hypothesis.settings(max_examples=EXAMPLES, suppress_health_check=list(hypothesis.HealthCheck))
    @hypothesis.given(case=cases, known=st.sampled_from(KNOWN))
    def every(case: Case[Any], known: str | None) -> None:
        for name in ("run_id", "trace_id"):
            if known is not None and name in (case.path_parameters or {}):
                case.path_parameters[name] = known
        case.query = {**(case.query or {}), **({"wait": 0.01} if "wait" in (case.query or {}) else {})}
        answer = ask(case)
        assert answer.status_code not in NEVER, answer.text
        case.validate_response(answer, checks=CHECKS)

    try:
        every()
    except hypothesis.errors.Unsatisfiable:
        pytest.skip("nothing of it can be wrong")
    assert odd_keys(new_redis_url) == [], "a key with something from outside in it"
