"""What a run looks like in Redis, read plainly: the tests' own eyes, sharing nothing with the service's reader."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import redis

from spantail_exporters.model.keys import run_keys

if TYPE_CHECKING:
    from collections.abc import Iterable


class StoredRun:
    """All that Redis holds of one run."""

    def __init__(self, url: str, run_id: str) -> None:
        keys = run_keys(run_id)
        with redis.Redis.from_url(url) as client:
            self.first = 0
            self.events: list[dict[str, Any]] = []
            for position, (entry_id, fields) in enumerate(client.xrange(keys.buffer)):
                after = int(entry_id.split(b"-")[1])
                lines = fields[b"b"].split(b"\n")
                assert len(lines) == int(fields[b"n"])
                if position == 0:
                    self.first = after - len(lines)
                assert after - len(lines) == self.first + len(self.events), "a hole in the sequence"
                self.events += [orjson.loads(line) for line in lines]
            self.spans = {k.decode(): orjson.loads(v) for k, v in client.hgetall(keys.spans).items()}
            self.meta = {k.decode(): v.decode() for k, v in client.hgetall(keys.meta).items()}
            self.sources = {k.decode(): orjson.loads(v) for k, v in client.hgetall(keys.sources).items()}
            self.layers = orjson.loads(client.get(keys.layers) or b"[]")
            self.expiry_s = client.ttl(keys.buffer)

    @property
    def next_seq(self) -> int:
        return int(self.meta["next"])

    def come_from(self, span_id: str) -> tuple[Any, Any]:
        """The resource and the instrumentation scope of a span; None is unknown."""
        span = self.spans[span_id]
        return self.sources.get(f"r:{span.get('resource')}"), self.sources.get(f"s:{span.get('scope')}")

    def names(self) -> list[str]:
        """The events by name, in order."""
        return [event["event"] for event in self.events]

    def drops(self) -> dict[str, int]:
        return {k.removeprefix("drop:"): int(v) for k, v in self.meta.items() if k.startswith("drop:")}


def fold(events: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Fold a tail, in its order, into the latest state of each span, as a viewer does."""
    spans: dict[str, dict[str, Any]] = {}
    for event in events:
        if event["event"] == "log":
            continue
        held = spans.get(event["span_id"])
        if not event["event"].startswith(event["kind"] + "_") or (
            event["event"].removeprefix(event["kind"]) not in _CHANGES
        ):
            if held is not None:
                note = {"ts": event["ts"], "name": event["event"], "attributes": event["attributes"]}
                held.setdefault("span_events", []).append(note)
                held["noted"] = event["noted"]
            continue
        if event["event"].endswith("_update") and held is not None:
            merged = {**held.get("attributes", {}), **event.get("attributes", {})}
            held.update(event)
            held["attributes"] = merged
        else:
            spans[event["span_id"]] = dict(event)
    return spans


_CHANGES = {"_start", "_update", "_complete", "_error", "_skip", "_cancelled", "_abandoned", "_revived"}
