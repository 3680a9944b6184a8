"""`GET /api/traces/{run_id}`: the snapshot, and `GET …/spans/{span_id}`."""

from __future__ import annotations

from spantail_exporters.model import keys
from spantail_exporters.model.changes import Change
from tests.integration.service.harness import (
    OTHER_RUN,
    ROOT_SPAN,
    RUN,
    START,
    Writer,
    running_app,
    state,
)

CHILD = "00f067aa0ba902b8"


def _detailed(**fields: object) -> bytes:
    return state(
        RUN, CHILD, parent_id=ROOT_SPAN, kind="llm_call", end=START + 7, name="chat", backend="claude_cli",
        attributes={"a": 1}, span_events=[{"ts": START, "name": "x", "attributes": {}}], links=[],
        error={"type": "E", "message": "m", "traceback": "long"}, **fields,
    )  # fmt: skip


async def test_snapshot_holds_the_stored_states(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        writer.span(RUN, name="job search")
        writer.write(RUN, [Change(CHILD, ROOT_SPAN, [_detailed()])])
        writer.lines(RUN, 2)
    async with running_app(redis_url) as client:
        answer = await client.get(f"/api/traces/{RUN}")
    snapshot = answer.json()
    assert answer.headers["cache-control"] == "no-store"
    assert _detailed() in answer.content
    assert set(snapshot) == {"run", "resources", "scopes", "spans", "next_index", "epoch"}
    assert (snapshot["resources"], snapshot["scopes"]) == ({}, {})
    assert snapshot["next_index"] == 4
    assert {span["span_id"] for span in snapshot["spans"]} == {ROOT_SPAN, CHILD}
    run = snapshot["run"]
    assert (run["name"], run["status"], run["spans"], run["open"]) == ("job search", "running", 2, 1)
    assert run["start"] == START
    assert run["end"] is None
    assert run["service"] == "test"


async def test_tree_leaves_details_out(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        writer.span(RUN, attributes={"big": "x" * 1000})
        writer.write(RUN, [Change(CHILD, ROOT_SPAN, [_detailed()])])
    async with running_app(redis_url) as client:
        whole = (await client.get(f"/api/traces/{RUN}")).json()
        tree = (await client.get(f"/api/traces/{RUN}?fields=tree")).json()
        wrong = await client.get(f"/api/traces/{RUN}?fields=some")
    assert wrong.status_code == 422
    assert tree["run"] == whole["run"]
    for span in whole["spans"]:
        for gone in ("attributes", "span_events", "links"):
            span.pop(gone, None)
        span.get("error", {}).pop("traceback", None)
    assert sorted(tree["spans"], key=str) == sorted(whole["spans"], key=str)


async def test_one_span_whole(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        writer.span(RUN)
        writer.write(RUN, [Change(CHILD, ROOT_SPAN, [_detailed()])])
        writer.span(OTHER_RUN)
        writer.redis.delete(*(key for key in writer.redis.scan_iter() if OTHER_RUN.encode() in key))
    async with running_app(redis_url) as client:
        span = await client.get(f"/api/traces/{RUN}/spans/{CHILD.upper()}")
        other = await client.get(f"/api/traces/{RUN}/spans/{'1' * 16}")
        malformed = await client.get(f"/api/traces/{RUN}/spans/{'0' * 16}")
        expired = await client.get(f"/api/traces/{OTHER_RUN}/spans/{CHILD}")
        unknown = await client.get(f"/api/traces/{'1' * 32}")
    assert span.content == _detailed()
    assert (other.status_code, malformed.status_code) == (404, 400)
    assert (expired.status_code, unknown.status_code) == (410, 404)


async def test_one_span_says_what_it_comes_from(redis_url: str) -> None:
    resource = b'{"attributes":{"service.version":"1.2","big":9007199254740993}}'
    scope = b'{"name":"my.library","version":"0.3","attributes":{}}'
    with Writer(redis_url) as writer:
        writer.span(RUN, resource="0", scope="k")
        writer.span(RUN, CHILD, parent_id=ROOT_SPAN, resource="gone")
        writer.redis.hset(keys.run_keys(RUN).sources, mapping={"r:0": resource, "s:k": scope, "r:1": b"{}"})
    async with running_app(redis_url) as client:
        span = await client.get(f"/api/traces/{RUN}/spans/{ROOT_SPAN}")
        child = await client.get(f"/api/traces/{RUN}/spans/{CHILD}")
    assert span.content.endswith(b',"resource_details":%b,"scope_details":%b}' % (resource, scope))
    assert span.json()["scope_details"]["name"] == "my.library"
    assert {"resource_details", "scope_details"}.isdisjoint(child.json())


async def test_a_large_run_is_whole(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        writer.span(RUN)
        ids = [f"{n:016x}" for n in range(1, 3001)]
        for first in range(0, 3000, 500):
            writer.write(
                RUN,
                [
                    Change(span_id, ROOT_SPAN, [state(RUN, span_id, parent_id=ROOT_SPAN, end=START + 1)])
                    for span_id in ids[first : first + 500]
                ],
            )
    async with running_app(redis_url) as client:
        snapshot = (await client.get(f"/api/traces/{RUN}?fields=tree")).json()
    assert sorted(span["span_id"] for span in snapshot["spans"]) == sorted([ROOT_SPAN, *ids])
    assert snapshot["run"]["spans"] == 3001
