"""Runs of several spans through ingest and a real Redis: wrappers count nothing, in whatever order spans arrive."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import redis.asyncio

from spantail.redaction import Redactor
from spantail_exporters.model.keys import run_keys
from spantail_service.ingest.decoding.entries import Signal
from spantail_service.ingest.receiver import OtlpReceiver
from tests.unit.money.judge import nano_of
from tests.unit.money.requests import requests_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.unit.money.loading import Case

_MANY_BYTES: Final = 1_000_000
_SUMS: Final = ("nano", "calls", "input", "output", "unpriced")


async def faults_of_runs(redis_url: str, case: Case) -> list[str]:
    """Send the spans of a case one by one, parents first and then, as another run, children first."""
    return [
        f"{fault}, {name}"
        for trace, name, order in (
            (1, "parents first", range(len(case.spans))),
            (2, "children first", range(len(case.spans) - 1, -1, -1)),
        )
        for fault in await _faults(redis_url, case, trace, order)
    ]


async def _faults(redis_url: str, case: Case, trace: int, order: Sequence[int]) -> list[str]:
    assert case.run is not None
    client: Any = redis.asyncio.Redis.from_url(redis_url)
    async with client:
        await client.flushdb()
        receiver = OtlpReceiver(client, Redactor(), max_bytes=_MANY_BYTES, max_decoded_bytes=_MANY_BYTES)
        for request in requests_of(case, trace, order):
            received = await receiver.receive(Signal.TRACES, request, is_json=True)
            assert received.rejected == 0, received
        meta: dict[bytes, bytes] = await client.hgetall(run_keys(f"{trace:032x}").meta)
    found: Counter[str] = Counter()
    for name, value in meta.items():
        if name.startswith(b"b:"):  # "b:<backend>:<sum>", see `append/account.lua`
            found[name.decode().rpartition(":")[2]] += int(value)
    right = {
        "nano": nano_of(case.run.cost_usd), "calls": case.run.calls, "input": case.run.input,
        "output": case.run.output, "unpriced": case.run.unpriced,
    }  # fmt: skip
    units = {"nano": "nano-USD", "calls": "calls", "input": "input", "output": "output", "unpriced": "unpriced"}
    return [f"{found[name]} {units[name]} instead of {right[name]}" for name in _SUMS if found[name] != right[name]]
