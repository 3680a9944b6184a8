"""Whatever is sent to the OTLP routes is answered as the specification says, quickly, and leaves nothing behind.

This is the short form, with fixed seeds; `python -m tests.fuzz --minutes 10` goes on with new ones.
"""

from __future__ import annotations

import time
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest

from spantail_service.ingest.decoding.body import DecodedTooLargeError, MalformedRequestError, TooManyError, gunzip
from spantail_service.ingest.decoding.entries import Tally
from spantail_service.ingest.decoding.json_items import decode_logs_json, decode_traces_json
from spantail_service.ingest.decoding.protobuf_logs import decode_logs
from spantail_service.ingest.decoding.protobuf_spans import decode_traces
from tests.fuzz.mutator import Case, cases, seconds_of
from tests.integration.service.harness import running_app

if TYPE_CHECKING:
    from collections.abc import Iterable

ANSWERS = {200, 400, 413, 415}
SLOW_S = 5.0  # a hang, on however busy a machine


def decoded(case: Case) -> int | None:
    """How many items a request holds; None when it is malformed. Anything else it raises is a defect."""
    tally = Tally()
    try:
        body = gunzip(case.body, 1_000_000) if "content-encoding" in case.headers else case.body
        is_json = case.headers["content-type"] == "application/json"
        if case.path == "/v1/traces":
            items: Iterable[Any] = (decode_traces_json if is_json else decode_traces)(body, tally)
        else:
            items = (decode_logs_json if is_json else decode_logs)(body, tally)
        return sum(item is not None for item in items)
    except (MalformedRequestError, DecodedTooLargeError, TooManyError):
        return None


@pytest.mark.parametrize("seed", range(4))
def test_the_decoders_find_requests_malformed_or_read_them(seed: int) -> None:
    outcomes = [decoded(case) for case in cases(seed, 1_000)]
    assert outcomes.count(None) > 100, "the mutations break requests"
    assert sum(bool(outcome) for outcome in outcomes) > 100, "and not all of them"


def test_decoding_keeps_no_memory() -> None:
    batch = cases(99, 500)
    for case in batch:
        decoded(case)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(4):
            for case in batch:
                decoded(case)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 500_000


@pytest.mark.parametrize("seed", range(100, 103))
async def test_the_routes_answer_whatever_comes(new_redis_url: str, seed: int) -> None:
    async with running_app(new_redis_url, max_ingest_decoded_bytes=1_000_000) as client:
        for case in cases(seed, 250):
            began = time.perf_counter()
            answer = await client.post(case.path, content=case.body, headers=case.headers)
            assert answer.status_code in ANSWERS, (answer.status_code, answer.text, case)
            assert time.perf_counter() - began < SLOW_S, seconds_of(case, began)
        # what was taken of it can be read again
        runs = (await client.get("/api/runs", params={"limit": 200})).json()["runs"]
        assert runs
        for run in runs:
            for path in (f"/api/traces/{run['run_id']}", f"/api/logs/{run['run_id']}"):
                assert (await client.get(path)).status_code == 200
        receiver = client.app.state.services.receiver  # type: ignore[attr-defined]
        assert receiver.budget.held == 0
