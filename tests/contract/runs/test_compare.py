"""`GET /api/runs/{run_id}/compare/{other_id}`: two runs side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spantail_service.runs.comparison import comparison
from spantail_service.web.schemas.comparison import Comparison
from tests.integration.service.harness import OTHER_RUN, ROOT_SPAN, RUN, START, Writer, running_app

if TYPE_CHECKING:
    import pytest

CALL = "00f067aa0ba902b8"
NEW = "00f067aa0ba902b9"


def _two_runs(url: str) -> None:
    with Writer(url) as writer:
        for run_id, model, nano in ((RUN, "gpt-4o", 500), (OTHER_RUN, "gpt-4o-mini", 20)):
            writer.span(
                run_id, CALL, parent_id=ROOT_SPAN, kind="llm_call", name=f"chat {model}", model=model,
                start=START + 1, end=START + 3_000, cost_nano=nano, tokens={"input": 10, "output": 2},
                attributes={"gen_ai.input.messages": f"[{nano}]"}, account=f"0 0 10 2 {nano} openai\n",
            )  # fmt: skip
        writer.span(OTHER_RUN, NEW, parent_id=ROOT_SPAN, name="rank", start=START + 9)
        writer.span(RUN, end=START + 5_000)
        writer.span(OTHER_RUN)


async def test_two_runs_side_by_side(redis_url: str) -> None:
    _two_runs(redis_url)
    async with running_app(redis_url) as client:
        answer = await client.get(f"/api/runs/{RUN}/compare/{OTHER_RUN.upper()}")
        some = (await client.get(f"/api/runs/{RUN}/compare/{OTHER_RUN}?limit=2")).json()
    found = answer.json()
    Comparison.model_validate(found)
    assert (found["a"]["status"], found["b"]["status"]) == ("completed", "running")
    assert [found[name] for name in ("both", "only_a", "only_b", "differing", "left_out")] == [2, 0, 1, 2, 0]
    root, chat, rank = found["rows"]
    assert root["changed"] == ["status"]
    assert (root["a"]["cost_nano"], root["b"]["cost_nano"], root["b"]["end"]) == (500, 20, None)
    assert chat["changed"] == ["model", "cost", "input"]
    assert chat["a"] == {
        "span_id": CALL, "status": "ok", "start": START + 1, "end": START + 3_000, "model": "gpt-4o",
        "tokens": {"input": 10, "output": 2}, "cost_nano": 500,
    }  # fmt: skip
    assert (rank["name"], rank["a"], rank["depth"]) == ("rank", None, 1)
    assert some["left_out"] == 1


async def test_what_cannot_be_compared(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _two_runs(redis_url)
    monkeypatch.setattr(comparison, "MOST_SPANS", 2)
    async with running_app(redis_url) as client:
        large = await client.get(f"/api/runs/{RUN}/compare/{OTHER_RUN}")
    assert large.status_code == 413
    assert large.json()["type"].endswith(":run-too-large")
    assert OTHER_RUN in large.json()["detail"]
