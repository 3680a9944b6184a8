"""`GET /api/runs` with conditions, its facets, pins, deletion and links; the index behind it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import orjson

from spantail_exporters.model import keys, run_script
from spantail_service.runs import index
from tests.integration.service.harness import ROOT_SPAN, RUN, START, Writer, running_app

if TYPE_CHECKING:
    import httpx
    import pytest

MANY = 100_000
_TRIES = 5
"""A command that is slow each time works hard; one that is slow once may have been interrupted."""


def _id(number: int) -> str:
    return f"{number:032x}"


def _run(writer: Writer, number: int, *, name: str = "job search", status: str = "ok", **fields: Any) -> str:
    """A run of one span that began `number` seconds after START."""
    start = START + number * 1_000_000
    root: dict[str, Any] = {"name": name, "start": start}
    if status != "running":
        root |= {"end": start + 5, "status": status}
    root |= fields
    writer.span(_id(number), **root)
    return _id(number)


async def _ids(client: httpx.AsyncClient, **params: Any) -> list[str]:
    answer = await client.get("/api/runs", params=params)
    assert answer.status_code == 200, answer.text
    return [run["run_id"] for run in answer.json()["runs"]]


async def test_conditions(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        done, failed = _run(writer, 1), _run(writer, 2, status="error", service="shop")
        open_run = _run(writer, 3, name="annotations", status="running")
        writer.span(
            open_run, "a" * 16, parent_id=ROOT_SPAN, kind="llm_call", end=START,
            account="0 0 1 2 5000000 claude_cli\n",
        )  # fmt: skip
        async with running_app(redis_url) as client:
            assert await _ids(client) == [open_run, failed, done]
            assert await _ids(client, status="failed") == [failed]
            assert await _ids(client, status=["failed", "running"]) == [open_run, failed]
            assert await _ids(client, operation="job search") == [failed, done]
            assert await _ids(client, operation="job search", status="completed") == [done]
            assert await _ids(client, operation="job") == []
            assert await _ids(client, started_from=START + 2_000_000) == [open_run, failed]
            assert await _ids(client, started_before=START + 2_000_000) == [done]
            assert await _ids(client, backend="claude_cli") == [open_run]
            assert await _ids(client, service="shop") == [failed]
            assert await _ids(client, q="SEARCH shop") == [failed]
            assert await _ids(client, min_cost_usd=0.005) == [open_run]
            assert await _ids(client, errors=True) == [failed]
            facets = (await client.get("/api/runs/facets")).json()
            assert (await client.get("/api/runs", params={"status": "odd"})).status_code == 422
    assert facets["statuses"] == {
        "queued": 0, "running": 1, "completed": 1, "failed": 1, "cancelled": 0, "abandoned": 0
    }  # fmt: skip
    assert facets["operations"] == [{"name": "annotations", "runs": 1}, {"name": "job search", "runs": 2}]


async def test_what_became_of_calls(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The accounts are those of the run script: what fell back is booked on the backend that was left."""
    accounts = (
        ("0 0 1 2 3 claude_cli\n\n0\nsonnet",),
        ("1 0 0 0 0 claude_cli\n\n0\nsonnet", "0 0 1 2 3 langchain\nclaude_cli\n0\ngpt-4o"),
        ("1 0 0 0 0 langchain\n\n0\ngpt-4o",),
        ("2 0 0 0 0 claude_cli\n", "0 0 1 2 3 langchain\nclaude_cli\n1\ngpt-4o"),  # not asked: expected
    )
    with Writer(redis_url) as writer:
        runs = [_run(writer, number) for number in range(1, len(accounts) + 1)]
        for run_id, calls in zip(runs, accounts, strict=True):
            for n, account in enumerate(calls):
                fields: dict[str, Any] = {"parent_id": ROOT_SPAN, "kind": "llm_call", "end": START}
                writer.span(run_id, f"{n + 10:016x}", account=account, **fields)
        healthy, failed_over, failed, skipped = runs
        async with running_app(redis_url) as client:
            assert await _ids(client, calls="failed") == [failed, failed_over]
            assert await _ids(client, calls="failed", backend="claude_cli") == [failed_over]
            assert await _ids(client, calls="fell_back") == [failed_over]
            assert await _ids(client, calls="fell_back", backend="claude_cli") == [failed_over]
            assert await _ids(client, calls="fell_back", backend="langchain") == []
            assert await _ids(client, model="gpt-4o") == [skipped, failed, failed_over]
            assert await _ids(client, calls="failed", model="gpt-4o") == [failed]
            assert await _ids(client, calls="failed", backend="unheard of") == []
            assert await _ids(client, calls="failed", service="shop") == []
            assert await _ids(client, demo=True) == []
            assert await _ids(client, demo=False, calls="failed") == [failed, failed_over]
            assert (await client.get("/api/runs", params={"calls": "odd"})).status_code == 422
            page = (await client.get("/api/runs", params={"calls": "failed", "limit": 1})).json()
            assert page["runs"][0]["models"] == {"gpt-4o": {"calls": 1, "errors": 1}}
            assert "looked_at" not in page  # the page is full
            monkeypatch.setattr(index, "LOOKED_AT", 3)
            page = (await client.get("/api/runs", params={"calls": "failed"})).json()
            assert [run["run_id"] for run in page["runs"]] == [failed, failed_over]
            assert page["looked_at"] == 3
            rest = {"calls": "failed", "cursor": page["next_cursor"]}
            page = (await client.get("/api/runs", params=rest)).json()
            assert page == {"runs": [], "next_cursor": None}
            one = (await client.get(f"/api/runs/{healthy}")).json()
    assert one["models"] == {"sonnet": {"calls": 1, "errors": 0}}


async def test_other_orders_than_by_start(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        runs = [_run(writer, number, end=START + number * 1_000_000 + (10 - number)) for number in range(1, 6)]
        for number, nano in ((2, 7), (4, 9)):
            writer.span(
                _id(number), "a" * 16, parent_id=ROOT_SPAN, kind="llm_call", end=START, account=f"0 0 0 0 {nano} b\n"
            )
        writer.span(_id(3), "b" * 16, parent_id=ROOT_SPAN, end=START, status="error")
        running = _run(writer, 6, status="running")
        async with running_app(redis_url) as client:
            assert await _ids(client, sort="duration") == [running, *runs]
            assert await _ids(client, sort="cost") == [_id(n) for n in (4, 2, 6, 5, 3, 1)]
            assert await _ids(client, sort="errors", limit=2) == [_id(3), running]
            assert await _ids(client, sort="start") == [running, *reversed(runs)]
            assert await _ids(client, **{"sort": "cost", "from": START + 2_000_000, "to": START + 4_000_000}) == [
                _id(2), _id(3)
            ]  # fmt: skip
            assert await _ids(client, sort="cost", backend="b") == [_id(4), _id(2)]
            seen, cursor = [], None
            while True:
                query: dict[str, Any] = {"sort": "duration", "limit": 4, **({"cursor": cursor} if cursor else {})}
                page = (await client.get("/api/runs", params=query)).json()
                assert (page["sorted_of"], page["sorted_all"]) == (6, True)
                seen += [run["run_id"] for run in page["runs"]]
                cursor = page["next_cursor"]
                if cursor is None:
                    break
            assert seen == [running, *runs]


def _source(writer: Writer, run_id: str, **attributes: Any) -> None:
    """What the root of `_run(..., resource="0")` comes from, as writers tell it."""
    table = {"attributes": {name.replace("__", "."): value for name, value in attributes.items()}}
    writer.redis.hset(keys.run_keys(run_id).sources, "r:0", orjson.dumps(table))


async def test_environment_and_version(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        reported = [_run(writer, number, resource="0") for number in range(1, 6)]
        silent = _run(writer, 6)
        lost = _run(writer, 7, resource="1")  # its table is not there
        _source(writer, reported[0], deployment__environment__name="production", service__version="1.4.2")
        _source(writer, reported[1], deployment__environment="production", service__version="1.5")
        _source(writer, reported[2], deployment__environment__name="test", deployment__environment="production")
        _source(writer, reported[3], deployment__environment__name=7, service__version="")
        _source(writer, reported[4], service__version="1.4.2")
        async with running_app(redis_url) as client:
            assert await _ids(client, environment="production") == [reported[1], reported[0]]
            assert await _ids(client, environment="test") == [reported[2]]
            assert await _ids(client, version="1.4.2") == [reported[4], reported[0]]
            assert await _ids(client, version="1.4.2", environment="production") == [reported[0]]
            assert await _ids(client, environment="prod") == []
            # an empty condition is none
            assert await _ids(client, environment="", version="") == [lost, silent, *reversed(reported)]
            assert (await client.get("/api/runs", params={"environment": "x" * 201})).status_code == 422
            listed = {run["run_id"]: run for run in (await client.get("/api/runs")).json()["runs"]}
            one = (await client.get(f"/api/runs/{reported[0]}")).json()
            snapshot = (await client.get(f"/api/traces/{reported[0]}")).json()
            facets = (await client.get("/api/runs/facets")).json()
            later = _run(writer, 8, resource="0", status="running")
            _source(writer, later, service__version="2")
            again = (await client.get("/api/runs/facets")).json()
    for run in (listed[reported[0]], one, snapshot["run"]):
        assert (run["environment"], run["version"]) == ("production", "1.4.2")
    for run_id in (reported[3], silent, lost):
        assert (listed[run_id]["environment"], listed[run_id]["version"]) == (None, None)
    assert facets["environments"] == [{"name": "test", "runs": 1}, {"name": "production", "runs": 2}]
    assert facets["versions"] == [{"name": "1.4.2", "runs": 2}, {"name": "1.5", "runs": 1}]
    assert again["environments"] == facets["environments"]
    assert again["versions"] == [{"name": "2", "runs": 1}, *facets["versions"]]


async def test_paging_with_a_condition_that_no_index_answers(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        wanted = [_run(writer, n, service="rare" if n % 7 == 0 else "common") for n in range(1, 60)]
        async with running_app(redis_url) as client:
            seen: list[str] = []
            cursor: str | None = None
            while True:
                params: dict[str, Any] = {"service": "rare", "limit": 3}
                params |= {"cursor": cursor} if cursor else {}
                page = (await client.get("/api/runs", params=params)).json()
                seen += [run["run_id"] for run in page["runs"]]
                cursor = page["next_cursor"]
                if cursor is None:
                    break
    assert seen == [run_id for n, run_id in enumerate(wanted, 1) if n % 7 == 0][::-1]


async def test_a_status_that_changes_leaves_one_entry(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        run_id = _run(writer, 1, status="running")
        _run(writer, 1, status="error", rev=5)
        held = {s: writer.redis.zrange(keys.runs_of_status(s), 0, -1) for s in ("running", "failed", "completed")}
    assert held == {"running": [], "failed": [run_id.encode()], "completed": []}


async def test_the_reader_repairs_what_a_dead_writer_left(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        run_id = _run(writer, 1)
        writer.redis.zadd(keys.runs_of_status("running"), {run_id: START + 1_000_000})
        writer.redis.hset(keys.RUNS_FACTS, run_id, f"1 0 {START + 1_000_000} running ")
        async with running_app(redis_url) as client:
            assert await _ids(client, status="running") == []  # it has ended: seen, and put right
            assert await _ids(client, status="completed") == [run_id]
        assert writer.redis.zrange(keys.runs_of_status("running"), 0, -1) == []


async def test_status_operation_and_time_cost_no_scan_at_100_000_runs(new_redis_url: str) -> None:
    with Writer(new_redis_url) as writer:
        wanted = _run(writer, MANY + 1, name="rare", status="error")
        pipe = writer.redis.pipeline(transaction=False)
        common = keys.runs_of_operation("common")
        for first in range(0, MANY, 1_000):
            block = {_id(n): START + n * 10 for n in range(first + 1, first + 1_001)}
            pipe.zadd(keys.RUNS_RECENT, block)
            pipe.zadd(keys.runs_of_status("completed"), block)
            pipe.zadd(common, block)
            digest = keys.operation_digest("common")
            pipe.hset(keys.RUNS_FACTS, mapping={i: f"1 1 {start} completed {digest}" for i, start in block.items()})
            pipe.execute()
        async with running_app(new_redis_url) as client:
            conditions: tuple[dict[str, Any], ...] = (
                {"status": "failed"},
                {"operation": "rare"},
                {"operation": "rare", "status": "failed"},
                {"started_from": START + (MANY + 1) * 1_000_000},
            )
            for params in conditions:
                took: list[dict[str, float]] = []
                for _ in range(_TRIES):
                    writer.redis.config_resetstat()
                    assert await _ids(client, **params, limit=50) == [wanted], params
                    used = writer.redis.info("commandstats")
                    took.append({name: figures["usec_per_call"] for name, figures in used.items()})
                    reads = sum(used.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in ("hgetall", "hmget"))
                    assert reads < 30, (params, used)  # what is shown, and the service's own rounds
                busy = [name for name in took[0] if min(one.get(name, 0) for one in took) > 5_000]
                assert not busy, (params, took)


async def test_expired_runs_leave_the_index_and_are_remembered(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        gone, there = _run(writer, 1), _run(writer, 2)
        writer.redis.delete(*keys.run_keys(gone))
        link = "http://jaeger.example/trace/{trace_id}?start={start_ms}"
        async with running_app(redis_url, jaeger_link=link, grafana_link="https://g/?l={{}}&t={trace_id}") as client:
            assert await _ids(client) == [there]
            assert writer.redis.zrange(keys.RUNS_RECENT, 0, -1) == [there.encode()]
            for path in (f"/api/runs/{gone}", f"/api/traces/{gone}", f"/api/logs/{gone}"):
                answer = await client.get(path)
                assert answer.status_code == 410, path
                problem = answer.json()
                assert problem["type"] == "urn:spantail:problem:run-expired"
                assert problem["links"] == {
                    "jaeger": f"http://jaeger.example/trace/{gone}?start={(START + 1_000_000) // 1000 - 60_000}",
                    "grafana": f"https://g/?l={{{{}}}}&t={gone}",
                }
            links = (await client.get(f"/api/runs/{there}")).json()["links"]
            assert links["jaeger"].startswith(f"http://jaeger.example/trace/{there}?")


async def test_a_pinned_run_neither_expires_nor_is_trimmed(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_script, "_INDEX_HEAD", (*run_script._INDEX_HEAD[:-1], 3))
    with Writer(redis_url) as writer:
        pinned = _run(writer, 1)
        async with running_app(redis_url) as client:
            for _ in range(2):
                assert (await client.post(f"/api/runs/{pinned}/pin")).status_code == 204
            others = [_run(writer, n) for n in range(2, 7)]
            writer.lines(pinned, 1)  # what comes late brings no expiry back
            assert {writer.redis.ttl(key) for key in keys.run_keys(pinned) if writer.redis.exists(key)} == {-1}
            assert await _ids(client) == [*others[:-3:-1], pinned]
            assert await _ids(client, pinned=True) == [pinned]
            assert (await client.delete(f"/api/runs/{pinned}/pin")).status_code == 204
            assert 0 < writer.redis.ttl(keys.run_keys(pinned).meta) <= 6 * 3600
            assert await _ids(client, pinned=True) == []
            _run(writer, 8)
            assert pinned not in await _ids(client)
            assert (await client.post(f"/api/runs/{RUN}/pin")).status_code == 404


async def test_a_run_that_goes_while_it_is_pinned_leaves_nothing(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Writer(redis_url) as writer:
        going = _run(writer, 1)
        async with running_app(redis_url) as client:
            keeper = client.app.state.services.run_retention  # type: ignore[attr-defined]
            look = keeper._meta

            async def look_and_lose(run_id: str) -> Any:
                found = await look(run_id)
                writer.redis.delete(*keys.run_keys(run_id))
                return found

            monkeypatch.setattr(keeper, "_meta", look_and_lose)
            assert (await client.post(f"/api/runs/{going}/pin")).status_code == 410
        assert not writer.redis.exists(keys.run_keys(going).meta)
        assert not writer.redis.sismember(keys.RUNS_PINNED, going)


async def test_a_pin_that_crosses_with_its_end_is_known_as_one(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Writer(redis_url) as writer:
        run_id = _run(writer, 1)
        async with running_app(redis_url) as client:
            services = client.app.state.services  # type: ignore[attr-defined]
            execute = services.redis.execute_command

            async def unpinned_before(*command: Any, **options: Any) -> Any:
                if command[0] == "EVAL" and keys.run_keys(run_id).meta in command:
                    monkeypatch.setattr(services.redis, "execute_command", execute)
                    await services.run_retention.unpin(run_id)
                return await execute(*command, **options)

            monkeypatch.setattr(services.redis, "execute_command", unpinned_before)
            await services.run_retention.pin(run_id)
            assert services.redis.execute_command == execute
            assert await _ids(client, pinned=True) == [run_id]
        assert writer.redis.sismember(keys.RUNS_PINNED, run_id)


async def test_delete(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        over, going_on = _run(writer, 1), _run(writer, 2, status="running")
        async with running_app(redis_url) as client:
            refused = await client.delete(f"/api/runs/{going_on}")
            assert (refused.status_code, refused.json()["type"]) == (409, "urn:spantail:problem:run-not-over")
            assert (await client.delete(f"/api/runs/{over}")).status_code == 204
            assert (await client.delete(f"/api/runs/{over}")).status_code == 404
            assert (await client.get(f"/api/runs/{over}")).status_code == 404
            assert await _ids(client) == [going_on]
        stored: list[bytes] = writer.redis.keys()  # type: ignore[assignment]
        assert not any(over in key.decode() for key in stored)
        assert writer.redis.hget(keys.RUNS_FACTS, over) is None


async def test_a_run_is_found_by_the_name_the_service_gave_its_operation(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        _run(writer, 1, name='of "many"\\ quotes', status="running")
        state = b'{"run_id":"x","operation":"job-search","status":"running","created":7,"demo":true}'
        async with running_app(redis_url) as client:
            assert await _ids(client, operation='of "many"\\ quotes') == [_id(1)]
            writer.write(_id(1), [], state=(state, "running"), now_us=time.time_ns() // 1000)
            assert await _ids(client, operation="job-search") == [_id(1)]
            assert await _ids(client, operation='of "many"\\ quotes') == []
