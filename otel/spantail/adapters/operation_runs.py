"""`create_operation_run`, `create_log_callback` and their like: a run whose code only knows its id."""

from __future__ import annotations

import contextlib
import threading
import weakref
from typing import TYPE_CHECKING, Final

from opentelemetry import context as otel_context

from spantail.adapters.event_names import split_name
from spantail.adapters.runs import OperationRun, runs
from spantail.adapters.steps import NO_END
from spantail.adapters.text_lines import parse_line
from spantail.process.background import SignalSafeCall
from spantail.trouble import report_trouble
from spantail.values import any_text

if TYPE_CHECKING:
    from collections.abc import Iterator

_callbacks: Final[weakref.WeakKeyDictionary[OperationRun, int]] = weakref.WeakKeyDictionary()
_callbacks_lock: Final = threading.Lock()


def create_operation_run(job_id: str, operation: str, *, event_costs: bool = True) -> str:
    """Begin the run of an operation, and return its id at once: the work may go on in the background.

    It is the root of a new trace, with a link to the span that is current. Its events come by `create_log_callback`, by
    a `StructuredLogger` inside of it, and by log records that name it (`RedisPubSubHandler`).

    It ends, whichever comes first,

    - with the event that ends what its first event began: after `ingest_start` that is `ingest_complete`, or
      `ingest_error`, which makes it fail; `pipeline_complete` or `pipeline_error` where there was no such event;
    - by `finish_operation_run`, or at the end of a `with operation_run(run_id)` block, which takes precedence over the
      events;
    - when its last log callback is gone, or the process ends: as cancelled, because no end was reported.

    Args:
        job_id: What it is about.
        operation: The operation's name.
        event_costs: Whether a cost on an event that is no LLM call counts where no call was reported that had it. Set
            it to False where the LLM calls are traced by other means.

    Returns:
        The run's id, 32 hexadecimal digits.
    """
    return runs.create(any_text(job_id), any_text(operation), event_costs=event_costs).run_id


def finish_operation_run(run_id: str, error: BaseException | str | None = None) -> None:
    """End a run; nothing happens when it is not open in this process.

    Args:
        run_id: Its id.
        error: Why it failed; None when it went well.
    """
    run = runs.get(run_id)
    if run is not None:
        run.finish(error)


@contextlib.contextmanager
def operation_run(run_id: str) -> Iterator[None]:
    """Do the work of a run: its span is current inside the block, and ends with it; an exception makes it fail.

    Args:
        run_id: Its id; one that is not open in this process changes nothing.
    """
    run = runs.get(run_id)
    if run is None:
        yield
        return
    run.hold()
    before = otel_context.get_current()
    otel_context.attach(run.context)
    failure: BaseException | None = None
    try:
        yield
    except BaseException as error:
        failure = error
        raise
    finally:
        otel_context.attach(before)
        run.release(failure)
        del failure  # else the frame and its own exception keep each other alive


class LogCallback:
    """Writes events and lines to one run; `create_log_callback` makes it."""

    def __init__(self, run: OperationRun | None) -> None:
        self._run = run
        if run is None:
            return
        with _callbacks_lock:
            _callbacks[run] = _callbacks.get(run, 0) + 1
        weakref.finalize(self, _let_go, run).atexit = False  # the end of the process has a hook of its own

    def __call__(self, event: str, data: object = None) -> None:
        """Write an event, or a line of text; never raises.

        Args:
            event: The event's name; or a line, which may name one: `[ingest_start] source=himalayas`.
            data: The event's data.
        """
        if self._run is None:
            return
        try:
            text = str(event)
            if data is None and (parse_line(text) is not None or not split_name(text).is_step):
                self._run.write_line(text)
            else:
                self._run.write(text, data)
        except Exception:
            report_trouble("an event could not be written")


def create_log_callback(run_id: str) -> LogCallback:
    """Return a function that writes events, and lines of text, to a run.

    When the last one of a run is gone, the run ends, see `create_operation_run`.

    Args:
        run_id: The id of a run; for one that is not open in this process the function does nothing, and a line in the
            log says so once.
    """
    run = runs.get(run_id)
    if run is None:
        report_trouble("a log callback was made for a run that is not open in this process")
    return LogCallback(run)


def _let_go(run: OperationRun) -> None:
    """Take note that a callback is gone.

    It may be called by the garbage collector, in the middle of anything; so what takes locks is done elsewhere.
    """
    with contextlib.suppress(RuntimeError):  # the interpreter is shutting down and starts no more threads
        SignalSafeCall(lambda: _count_down(run)).start()


def _count_down(run: OperationRun) -> None:
    with _callbacks_lock:
        left = _callbacks.get(run, 1) - 1
        _callbacks[run] = left
    if left <= 0:
        run.abandon(NO_END)
