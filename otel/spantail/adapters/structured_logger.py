"""`StructuredLogger`: events by name and data, written to the run that is current."""

from __future__ import annotations

import json
import sys
import threading
import time
import weakref
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from opentelemetry import trace

from spantail.adapters.event_names import split_name
from spantail.adapters.fields import plain
from spantail.adapters.runs import OperationRun, runs
from spantail.adapters.steps import NO_END
from spantail.adapters.writer import INFO
from spantail.process.background import SignalSafeCall
from spantail.trouble import report_trouble
from spantail.values import any_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spantail.adapters.writer import EventWriter


class StructuredLogger:
    """Writes events to the run of the current span; where no span is current, to a run of its own. No method raises.

    A run of its own begins with its first event and ends as `create_operation_run` says; `close()` ends it too. In a
    program in which nothing is set up (no `configure()`, no OpenTelemetry SDK), events go to stdout as lines of JSON,
    where a parent process can read them with `capture_output`.

    Args:
        job_id: What the events are about.
        event_costs: As for `create_operation_run`.
    """

    def __init__(self, job_id: str = "", *, event_costs: bool = True) -> None:
        self.job_id = any_text(job_id)
        self._event_costs = event_costs
        self._lock = threading.Lock()
        self._run: list[OperationRun] = []  # one or none; a list, so that the finaliser sees what it holds at the end
        weakref.finalize(self, _let_go, self._run).atexit = False

    def emit(self, event: str, data: object = None, *, level: str = INFO, **fields: Any) -> None:
        """Write an event.

        Args:
            event: Its name.
            data: Its data, a mapping.
            level: `INFO`, `WARNING` or `ERROR`.
            **fields: Further data.
        """
        self._emit(event, data, level, fields)

    def _emit(self, event: str, data: object, level: str, fields: Mapping[str, Any]) -> None:
        try:
            name = str(event)
            given = {**plain(data), **plain(fields)}
            if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):  # nobody has set one up
                _print(name, self.job_id, level, given)
            else:
                self._target(name).write(name, {"job_id": self.job_id or None, **given}, level)
        except Exception:
            report_trouble("an event could not be written")

    def debug(self, event: str, data: object = None, **fields: Any) -> None:
        """Write an event of level DEBUG; see `emit`."""
        self._emit(event, data, "DEBUG", fields)

    def info(self, event: str, data: object = None, **fields: Any) -> None:
        """Write an event; see `emit`."""
        self.emit(event, data, **fields)

    def warning(self, event: str, data: object = None, **fields: Any) -> None:
        """Write an event of level WARNING; see `emit`."""
        self._emit(event, data, "WARNING", fields)

    def error(self, event: str, data: object = None, **fields: Any) -> None:
        """Write an event of level ERROR, with the exception that is being handled, if any; see `emit`."""
        self._emit(event, data, "ERROR", fields)

    # -- events of layers and pipelines, by their names --

    def layer_start(self, layer: int, layer_name: str | None = None, **fields: Any) -> None:
        """Begin a layer."""
        self._step("layer_start", {"layer": layer, "layer_name": layer_name, **fields})

    def layer_complete(self, layer: int, layer_name: str | None = None, **fields: Any) -> None:
        """End a layer."""
        self._step("layer_complete", {"layer": layer, "layer_name": layer_name, **fields})

    def layer_error(self, layer: int, layer_name: str | None = None, error: object = None, **fields: Any) -> None:
        """End a layer that failed."""
        self._step(
            "layer_error", {"level": "ERROR", "layer": layer, "layer_name": layer_name, "error": error, **fields}
        )

    def layer_skip(self, layer: int, layer_name: str | None = None, reason: str | None = None, **fields: Any) -> None:
        """Tell that a layer is skipped."""
        self._step("layer_skip", {"layer": layer, "layer_name": layer_name, "reason": reason, **fields})

    def pipeline_start(self, **fields: Any) -> None:
        """Begin a pipeline."""
        self._step("pipeline_start", fields)

    def pipeline_complete(self, **fields: Any) -> None:
        """End a pipeline."""
        self._step("pipeline_complete", fields)

    def pipeline_error(self, error: object = None, **fields: Any) -> None:
        """End a pipeline that failed."""
        self._step("pipeline_error", {"level": "ERROR", "error": error, **fields})

    def _step(self, event: str, fields: dict[str, Any]) -> None:
        """Write an event whose fields may be called anything; `level` and `data` among them are those of `emit`."""
        self._emit(event, fields.pop("data", None), fields.pop("level", INFO), fields)

    def close(self, error: BaseException | str | None = None) -> None:
        """End the run of its own, if it has one.

        Args:
            error: Why it failed; None when it went well.
        """
        for run in self._run:
            run.finish(error)

    def _target(self, event: str) -> OperationRun | EventWriter:
        here = runs.writer_here(event_costs=self._event_costs)
        if here is not None:
            return here
        with self._lock:
            if not self._run or self._run[0].is_over:
                name = split_name(event).subject if split_name(event).action else self.job_id
                self._run[:] = [runs.create(self.job_id, name or event, event_costs=self._event_costs)]
            return self._run[0]


def _let_go(held: list[OperationRun]) -> None:
    """End the run of a logger that is gone; on another thread, since the garbage collector may call in any place."""
    if held and not held[0].is_over:
        try:
            SignalSafeCall(lambda: held[0].abandon(NO_END)).start()
        except RuntimeError:  # the interpreter is shutting down and starts no more threads
            return


def _print(event: str, job_id: str, level: str, fields: dict[str, Any]) -> None:
    line = {
        "timestamp": datetime.fromtimestamp(time.time(), UTC).isoformat(),
        "event": event,
        "level": level,
        "job_id": job_id or None,
        **fields,
    }
    text = json.dumps({name: value for name, value in line.items() if value is not None}, default=str)
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
