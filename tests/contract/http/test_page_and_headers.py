"""The page, the documentation, and what every answer carries."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from spantail_service.app import create_app
from spantail_service.routes.pages import page
from spantail_service.settings import Settings
from spantail_service.web.headers import JSON_SECURITY_HEADERS, SECURITY_HEADERS
from tests.integration.service.harness import RUN, running_app
from tests.support.tools import ROOT

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A built page, in a folder of its own."""
    monkeypatch.setattr(page, "STATIC", tmp_path)
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "index-AbC123.js").write_text("1", encoding="utf-8")
    (tmp_path / "index.html").write_text("<!doctype html><title>page</title>", encoding="utf-8")
    (tmp_path / "favicon.svg").write_text("<svg/>", encoding="utf-8")
    (tmp_path.parent / "secret.txt").write_text("secret", encoding="utf-8")
    return tmp_path


async def test_page_deep_link_and_assets(new_redis_url: str, built: Path) -> None:
    async with running_app(new_redis_url) as client:
        for path in ("/", f"/runs/{RUN}", "/queue", "/budgets", "/notices", "/sessions", "/spend", "/compare"):
            answer = await client.get(path)
            assert answer.status_code == 200
            assert answer.headers["content-type"].startswith("text/html")
            assert answer.headers["cache-control"] == "no-cache"
        asset = await client.get("/assets/index-AbC123.js")
        again = await client.get("/assets/index-AbC123.js", headers={"if-none-match": asset.headers["etag"]})
        icon = await client.get("/favicon.svg")
    assert asset.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert asset.headers["content-type"].startswith("text/javascript")
    assert again.status_code == 304
    assert icon.headers["content-type"] == "image/svg+xml"


async def test_the_page_of_a_run_has_the_browser_ask_for_it_at_once(new_redis_url: str, built: Path) -> None:
    script = (ROOT / "frontend/src/service/early.ts").read_text(encoding="utf-8")
    (most,) = re.findall(r"WHOLE_UP_TO = ([\d_]+);", script)
    (asked,) = re.findall(r"return `(/api/traces/.*)`;", script)
    url = asked.replace("${runId}", RUN).replace("${WHOLE_UP_TO}", most.replace("_", ""))
    async with running_app(new_redis_url) as client:
        for path in (f"/runs/{RUN}", f"/runs/{RUN.upper()}"):
            link = (await client.get(path)).headers["link"]
            assert link == f"<{url}>; rel=preload; as=fetch; crossorigin=anonymous"
        for path in ("/", "/runs/none", f"/runs/{'0' * 32}"):
            answer = await client.get(path)
            assert answer.status_code == 200
            assert "link" not in answer.headers


async def test_page_and_assets_are_packed_for_those_who_take_it(new_redis_url: str, built: Path) -> None:
    text = "<!doctype html><title>page</title>" + "<p>and again</p>" * 200
    (built / "index.html").write_text(text, encoding="utf-8")
    (built / "assets" / "index-AbC123.js").write_text(text, encoding="utf-8")
    async with running_app(new_redis_url) as client:
        for path in ("/", f"/runs/{RUN}", "/assets/index-AbC123.js"):
            packed = await client.get(path, headers={"accept-encoding": "gzip, br"})
            plain = await client.get(path, headers={"accept-encoding": "identity"})
            assert packed.headers["content-encoding"] == "gzip"
            assert int(packed.headers["content-length"]) < len(text) / 10
            assert "content-encoding" not in plain.headers
            assert packed.text == plain.text == text
            assert all(answer.headers["vary"].lower() == "accept-encoding" for answer in (packed, plain)), path


async def test_nothing_beside_the_page_is_served(new_redis_url: str, built: Path) -> None:
    async with running_app(new_redis_url) as client:
        for path in ("/assets/../secret.txt", "/assets/%2e%2e/%2e%2e/secret.txt", "/assets/", "/assets/none.js"):
            answer = await client.get(path)
            assert answer.status_code == 404, path
            assert answer.headers["content-type"] == "application/problem+json"
            assert "immutable" not in answer.headers.get("cache-control", "")


async def test_a_page_that_is_not_built_says_what_to_do(
    new_redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "STATIC", tmp_path / "nothing")
    async with running_app(new_redis_url) as client:
        answer = await client.get("/")
        icon = await client.get("/favicon.svg")
    assert answer.status_code == 503
    assert "make install" in answer.text
    assert icon.status_code == 404


async def test_every_answer_carries_the_security_headers(new_redis_url: str) -> None:
    async with running_app(new_redis_url, may_fail=True) as client:

        async def broken() -> None:
            raise RuntimeError("the secret reason")

        client.app.get("/broken")(broken)  # type: ignore[attr-defined]

        answers = [
            await client.get(path)
            for path in ("/", "/docs", "/docs/style.css", "/openapi.json", "/healthz", "/readyz", "/api/runs",
                         f"/api/logs/{RUN}", "/none", "/broken", "/assets/none.js")
        ]  # fmt: skip
        answers += [await client.post("/v1/traces"), await client.put("/api/runs")]
    for answer in answers:
        is_json = answer.headers["content-type"] in ("application/json", "application/problem+json")
        for name, value in (JSON_SECURITY_HEADERS if is_json else SECURITY_HEADERS).items():
            assert answer.headers.get_list(name) == [value], answer.request.url
    assert {answer.headers["content-security-policy"] for answer in answers} == {
        SECURITY_HEADERS["content-security-policy"], "default-src 'none'; frame-ancestors 'none'",
    }  # fmt: skip
    assert [answer.status_code for answer in answers[-2:]] == [415, 405]
    failed = answers[9]
    assert failed.status_code == 500
    assert failed.json() == {"type": "about:blank", "title": "Internal Server Error", "status": 500}


async def test_documentation_needs_nothing_from_elsewhere(new_redis_url: str) -> None:
    async with running_app(new_redis_url) as client:
        docs = (await client.get("/docs")).text
        paths = (await client.get("/openapi.json")).json()["paths"]
    assert "<script" not in docs
    assert "style=" not in docs
    assert "://" not in docs
    for path in paths:
        assert path.replace("{", "{") in docs
    assert {"/api/logs/{run_id}", "/v1/traces", "/api/jobs/search", "/api/operations/{name}"} <= set(paths)


async def test_alive_and_ready(redis_url: str) -> None:
    async with running_app(redis_url) as client:
        assert (await client.get("/healthz")).json() == {"status": "ok"}
        assert (await client.get("/readyz")).json() == {"status": "ready", "demo": False}


def test_an_app_without_a_redis_is_not_made() -> None:
    with pytest.raises(ValueError, match="SPANTAIL_REDIS_URL"):
        create_app(Settings())
