"""What is written of spans and runs whose process is gone. Pure."""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

from spantail_exporters.model.changes import Change
from spantail_exporters.model.event import dumps
from spantail_exporters.model.rules.layers import layers_of

RUNNER_DIED = "runner_died"
SILENT = "silent"


class Abandonment(NamedTuple):
    """Why a process is thought gone, when that was decided, and when it was last heard (µs; None is never)."""

    reason: str
    at_us: int
    last_heartbeat: int | None = None

    def as_json(self) -> dict[str, Any]:
        """The field `abandoned` of an event and of a run state."""
        fields: dict[str, Any] = {"reason": self.reason}
        if self.last_heartbeat is not None:
            fields["last_heartbeat"] = self.last_heartbeat
        return fields


def abandoned(held: dict[str, Any], abandonment: Abandonment) -> Change:
    """The change that ends an open span: its held state, whole, with a new status and its last sign of life as end.

    The revision stays: the script lets an abandoned state win over a running one of any revision, and lose
    against a final one, or against a second abandonment of the same. Costs are not settled, the attempt's outcome is
    unknown; its own end settles them should it still come.
    """
    body = {
        # the run script says again, at the end, that it was corrected
        **{name: value for name, value in held.items() if name != "corrected"},
        "status": "abandoned",
        "ts": abandonment.at_us,
        "event": f"{held['kind']}_abandoned",
        # a span may have started, or changed, after the last of its process' heartbeats, which come once a second
        "end": max(held["start"], held["ts"], abandonment.last_heartbeat or 0),
        "abandoned": abandonment.as_json(),
    }
    # its layer must not stay `running`, nor those that it announced `pending`
    layers = layers_of(body, held.get("attributes") or {})
    return Change(held["span_id"], held.get("parent_id") or "", [dumps(body)], layers=layers)


def final_state(run_id: str, stored: bytes | None, status: str, abandonment: Abandonment) -> bytes:
    """The state `run:{run_id}` of an operation whose process died before it wrote a final one."""
    state = _object(stored) or {"run_id": run_id}
    return orjson.dumps({**state, "status": status, "finished": abandonment.at_us, "abandoned": abandonment.as_json()})


def restored(stored: bytes | None) -> bytes | None:
    """The running state again, once the process is back.

    None when the stored one was not written by the reaper, or another run has taken its place.
    """
    state = _object(stored)
    abandonment = state.pop("abandoned", None) if state is not None and "retried_as" not in state else None
    if state is None or not isinstance(abandonment, dict) or abandonment.get("reason") not in {RUNNER_DIED, SILENT}:
        return None
    state.pop("finished", None)
    return orjson.dumps({**state, "status": "running"})


def _object(stored: bytes | None) -> dict[str, Any] | None:
    try:
        state = orjson.loads(stored) if stored else None
    except ValueError:
        return None
    return state if isinstance(state, dict) else None
