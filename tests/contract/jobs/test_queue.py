"""`/api/queue`: what is put in can be seen at once, by everybody; what is wrong is refused by name."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import orjson
import pytest
import redis
from fastapi.exceptions import RequestValidationError
from redis.asyncio import Redis

from spantail_exporters.model import keys
from spantail_service.jobs.queue.changes import QueueChanges
from spantail_service.jobs.queue.frame import QueueFrames
from spantail_service.jobs.queue.job_queue import JobQueue
from spantail_service.operations.catalogue import CATALOGUE
from spantail_service.routes.start_options import start_options
from spantail_service.storage.wakeups import WakeUps
from spantail_service.web.schemas.queue import CancelledItem, Queue, QueuedRun
from tests.integration.service.harness import running_app
from tests.support.runs.live_runs import StoredRun

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

SEARCH = {"operation": "job-search", "input": {"job_titles": ["python developer"]}}
UNKNOWN = "0" * 31 + "1"


@asynccontextmanager
async def queue_app(redis_url: str, **settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A service that nobody works for: what is queued there stays."""
    async with running_app(redis_url, **settings) as client:
        yield client


async def queued(client: httpx.AsyncClient, **more: Any) -> dict[str, Any]:
    answer = await client.post("/api/queue", json={**SEARCH, **more})
    assert answer.status_code == 202, answer.text
    body: dict[str, Any] = answer.json()
    QueuedRun.model_validate(body)
    assert answer.headers["location"] == f"/runs/{body['run_id']}"
    return body


async def listed(client: httpx.AsyncClient, **query: Any) -> dict[str, Any]:
    answer = await client.get("/api/queue", params=query)
    assert answer.status_code == 200, answer.text
    Queue.model_validate_json(answer.content)
    assert answer.headers["cache-control"] == "no-store"
    body: dict[str, Any] = answer.json()
    return body


# ------------------------------------------------------------------------------------------------- putting in, looking


async def test_a_queued_run_can_be_seen_at_once(redis_url: str) -> None:
    async with queue_app(redis_url) as client:
        taken = await queued(client)
        found = await listed(client)
        run = (await client.get(f"/api/runs/{taken['run_id']}")).json()
        events = (await client.get(f"/api/logs/{taken['run_id']}")).json()["logs"]
    (item,) = found["items"]
    assert found["counts"] == {"pending": 1, "delayed": 0, "running": 0, "failed": 0}
    assert found["changed"] is True
    assert item["enqueued"] > 1_700_000_000_000_000
    assert item == {
        "id": taken["item_id"], "operation": "job-search", "title": "job search",
        "name": "job search · python developer", "status": "pending", "priority": "normal", "position": 0,
        "attempts": 0, "max_attempts": 3, "enqueued": item["enqueued"], "available": None, "started": None,
        "finished": None, "runner": None, "run_id": taken["run_id"], "earlier_runs": [], "cancelling": False,
        "error": None,
    }  # fmt: skip
    assert (taken["status"], run["status"], run["operation"]) == ("queued", "queued", "job-search")
    assert [event["event"] for event in events] == ["operation_start", "queue_start"]
    assert events[0]["links"], "to the request's own span"


async def test_who_knows_the_version_is_told_no_more(redis_url: str) -> None:
    async with queue_app(redis_url) as client:
        empty = await listed(client)
        assert await listed(client, version=empty["version"]) == {"version": empty["version"], "changed": False}
        await queued(client)
        full = await listed(client, version=empty["version"])
        assert full["version"] > empty["version"]
        assert len(full["items"]) == 1
        assert await listed(client, version=full["version"]) == {"version": full["version"], "changed": False}
        assert (await listed(client, version=2**53 - 1))["changed"] is True


async def test_places_in_line(redis_url: str) -> None:
    async with queue_app(redis_url) as client:
        for number, priority in enumerate(("low", "normal", "high", "normal")):
            await queued(client, id=f"{number}", priority=priority)
        await queued(client, id="later", delay_s=60)
        found = await listed(client)
    assert [(item["id"], item["position"]) for item in found["items"]] == [
        ("2", 0), ("1", 1), ("3", 2), ("0", 3), ("later", None),
    ]  # fmt: skip
    assert found["counts"] == {"pending": 4, "delayed": 1, "running": 0, "failed": 0}
    later = found["items"][-1]
    assert later["status"] == "delayed"
    assert 59_000_000 < later["available"] - later["enqueued"] < 61_000_000


async def test_the_same_id_is_one_item(redis_url: str) -> None:
    async with queue_app(redis_url) as client:
        first, second = await queued(client, id="order-7"), await queued(client, id="order-7")
        assert first == second == {"item_id": "order-7", "run_id": first["run_id"], "status": "queued"}
        await client.post("/api/queue/order-7/cancel")
        assert (await queued(client, id="order-7")) == {**first, "status": "cancelled"}
        assert len((await listed(client))["items"]) == 1


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"operation": None}, ["body", "operation"]),
        ({"input": []}, ["body", "input"]),
        ({"input": {"job_titles": []}}, ["body", "input", "job_titles"]),
        ({"input": {"job_titles": ["a"], "else": 1}}, ["body", "input", "else"]),
        ({"priority": "urgent"}, ["body", "priority"]),
        ({"delay_s": -1}, ["body", "delay_s"]),
        ({"delay_s": 1e12}, ["body", "delay_s"]),
        ({"delay_s": "soon"}, ["body", "delay_s"]),
        ({"max_attempts": 0}, ["body", "max_attempts"]),
        ({"max_attempts": 10**20}, ["body", "max_attempts"]),
        ({"budget_usd": 0}, ["body", "budget_usd"]),
        ({"budget_usd": True}, ["body", "budget_usd"]),
        ({"id": ""}, ["body", "id"]),
        ({"id": "{x}"}, ["body", "id"]),
        ({"id": "a b"}, ["body", "id"]),
        ({"id": "x" * 129}, ["body", "id"]),
        ({"id": "x\n"}, ["body", "id"]),
        ({"session_id": ""}, ["body", "session_id"]),
        ({"session_id": "a b"}, ["body", "session_id"]),
        ({"surplus": 1}, ["body", "surplus"]),
    ],
)
async def test_what_does_not_fit_is_named_and_nothing_is_queued(
    new_redis_url: str, change: dict[str, Any], where: list[str]
) -> None:
    async with queue_app(new_redis_url) as client:
        answer = await client.post("/api/queue", json={**SEARCH, **change})
        assert answer.status_code == 422, answer.text
        assert [error["loc"] for error in answer.json()["errors"]] == [where]
        assert (await listed(client))["items"] == []
    with redis.Redis.from_url(new_redis_url) as plain:
        assert not list(plain.scan_iter("queue:*"))


async def test_other_refusals(new_redis_url: str) -> None:
    async with queue_app(new_redis_url, max_starts_per_minute=2) as client:
        unknown = await client.post("/api/queue", json={"operation": "none"})
        plain = await client.post("/api/queue", content=b"x", headers={"content-type": "text/plain"})
        limited = await client.post("/api/queue", json=SEARCH)
        foreign = await client.post("/api/queue", json=SEARCH, headers={"origin": "http://evil.example"})
        version = await client.get("/api/queue?version=x")
    assert [a.status_code for a in (unknown, plain, limited, foreign, version)] == [404, 415, 429, 403, 422]
    assert unknown.json()["type"] == "urn:spantail:problem:unknown-operation"
    assert limited.headers["retry-after"]


async def test_secrets_of_an_input_are_not_shown(new_redis_url: str) -> None:
    secret = "sk-ant-api03-abcdefghijklmnopqrstuvwxyz0123456789"
    async with queue_app(new_redis_url) as client:
        await queued(client, input={"job_titles": [f"key {secret}"]})
        shown = (await client.get("/api/queue")).text
    assert secret not in shown


# -------------------------------------------------------------------------------------------------- cancel, run again


async def test_an_item_that_waits_is_cancelled_at_once_and_can_run_again(redis_url: str) -> None:
    async with queue_app(redis_url) as client:
        taken = await queued(client, id="one")
        early = await client.post("/api/queue/one/retry")
        answer = await client.post("/api/queue/one/cancel")
        assert (answer.status_code, answer.json()) == (202, {"item_id": "one", "status": "cancelled"})
        CancelledItem.model_validate(answer.json())
        (item,) = (await listed(client))["items"]
        assert (item["status"], item["position"], item["cancelling"]) == ("cancelled", None, False)
        assert (await client.get(f"/api/runs/{taken['run_id']}")).json()["status"] == "cancelled"
        late = await client.post("/api/queue/one/cancel")
        again = await client.post("/api/queue/one/retry")
        assert again.status_code == 202
        assert again.json() == {"item_id": "one", "run_id": again.json()["run_id"], "status": "queued"}
        assert again.json()["run_id"] != taken["run_id"]
        (item,) = (await listed(client))["items"]
        assert (item["status"], item["earlier_runs"], item["position"]) == ("pending", [taken["run_id"]], 0)
        snapshot = (await client.get(f"/api/traces/{again.json()['run_id']}")).json()
    for refused in (early, late):
        assert refused.status_code == 409
        assert refused.json()["type"] == "urn:spantail:problem:item-state"
    (root,) = [span for span in snapshot["spans"] if span["kind"] == "operation"]
    assert taken["run_id"] in {link["run_id"] for link in root["links"]}
    run = StoredRun(redis_url, taken["run_id"])
    assert (run.meta["status"], run.meta["open"]) == ("cancelled", "0")
    assert run.meta["expected"] == run.meta["next"]


@pytest.mark.parametrize("action", ["retry", "cancel"])
@pytest.mark.parametrize(("item_id", "status"), [("none", 404), ("%7Bx%7D", 422), ("a%20b", 422), ("x" * 129, 422)])
async def test_an_item_that_is_not_there(new_redis_url: str, action: str, item_id: str, status: int) -> None:
    async with queue_app(new_redis_url) as client:
        answer = await client.post(f"/api/queue/{item_id}/{action}")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_queued_run_is_cancelled_by_its_own_id(redis_url: str) -> None:
    async with queue_app(redis_url) as client:
        taken = await queued(client)
        answer = await client.post(f"/api/runs/{taken['run_id']}/cancel")
        assert (answer.status_code, answer.json()["status"]) == (202, "cancelling")
        (item,) = (await listed(client))["items"]
        assert item["status"] == "cancelled"
        late = await client.post(f"/api/runs/{taken['run_id']}/cancel")
        unknown = await client.post(f"/api/runs/{UNKNOWN}/cancel")
        malformed = await client.post("/api/runs/none/cancel")
    assert [a.status_code for a in (late, unknown, malformed)] == [409, 404, 400]
    assert late.json()["type"] == "urn:spantail:problem:run-is-over"


# ------------------------------------------------------------------------------------------- routes of the operations


@pytest.mark.parametrize("path", ["/api/operations/job-search", "/api/jobs/search"])
async def test_the_routes_of_operations_queue_too(redis_url: str, path: str) -> None:
    query = {"queue": "true", "priority": "high", "delay_s": "60", "session_id": "s-1", "budget_usd": "0.5"}
    async with queue_app(redis_url) as client:
        answer = await client.post(path, params=query, json=SEARCH["input"])
        assert answer.status_code == 202, answer.text
        (item,) = (await listed(client))["items"]
    assert answer.json() == {"run_id": item["run_id"], "status": "queued", "item_id": item["id"]}
    assert (item["priority"], item["status"]) == ("high", "delayed")
    with redis.Redis.from_url(redis_url) as plain:
        stored = plain.hgetall(keys.queue_item(item["id"]))
    assert (stored[b"session_id"], stored[b"budget_usd"]) == (b"s-1", b"0.5")


async def test_every_route_that_starts_an_operation_can_queue_it(new_redis_url: str) -> None:
    async with queue_app(new_redis_url) as client:
        offered = (await client.get("/api/operations")).json()["operations"]
        document = (await client.get("/openapi.json")).json()
    paths = {op["path"] for op in offered} & set(document["paths"])
    assert len(paths) > 3
    for path in paths:
        described = document["paths"][path]["post"]
        if "text/event-stream" not in described["responses"].get("200", {}).get("content", {}):
            assert {"queue", "priority", "delay_s"} <= {one["name"] for one in described["parameters"]}, path


@pytest.mark.parametrize(
    "query", ["priority=high", "delay_s=1", "queue=maybe", "queue=true&delay_s=nan", "budget_usd=inf", "budget_usd=0"]
)
async def test_options_that_make_no_sense_start_nothing(new_redis_url: str, query: str) -> None:
    async with queue_app(new_redis_url) as client:
        answer = await client.post(f"/api/jobs/search?{query}", json=SEARCH["input"])
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["loc"][0] == "query"
        assert (await client.get("/api/runs")).json()["runs"] == []
        assert (await listed(client))["items"] == []


def test_every_needless_option_is_named() -> None:
    with pytest.raises(RequestValidationError) as caught:
        start_options(priority="high", delay_s=1.0)
    assert [error["loc"] for error in caught.value.errors()] == [("query", "priority"), ("query", "delay_s")]


# ------------------------------------------------------------------------------------------------------- a long queue


async def test_a_long_queue_is_listed_in_part_and_never_scanned(redis_url: str) -> None:
    async with Redis.from_url(redis_url) as client:
        queue = JobQueue(client)
        changes = QueueChanges(queue, QueueFrames(CATALOGUE), WakeUps(client, 1))
        for number in range(400):
            await queue.enqueue("job-search", b"{}", item_id=f"{number}", priority=("high", "low")[number % 2])
        await client.config_resetstat()
        frame = await changes.frame()
        used: set[str] = set(await client.info("commandstats"))
    assert frame is not None
    found = orjson.loads(frame.body)
    assert found["counts"]["pending"] == 400
    assert [item["position"] for item in found["items"]] == list(range(100))
    assert not used & {f"cmdstat_{name}" for name in ("scan", "keys", "smembers", "sscan", "hscan", "zscan", "sort")}
