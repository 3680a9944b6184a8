"""Log records inside spans: taken, formatted, guarded, and never in anybody's way."""

from __future__ import annotations

import io
import logging
import logging.config
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from spantail.live.log_handler import SpanLogHandler, log_level
from spantail.process.log_capture import LogCapture
from spantail.scopes.operation import layer, operation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spantail.live import LogEvent
    from tests.unit.otel.conftest import Spans


class Sink:
    """Keeps what is logged."""

    runner_id = "host:1:1"

    def __init__(self) -> None:
        self.events: list[LogEvent] = []

    def started(self, span: object) -> None: ...
    def ended(self, span: object) -> None: ...

    def logged(self, event: LogEvent) -> None:
        self.events.append(event)

    def flush(self, timeout_s: float) -> bool:
        return timeout_s > 0

    def shutdown(self, timeout_s: float) -> bool:
        return timeout_s > 0


@pytest.fixture
def sink() -> Iterator[Sink]:
    made = Sink()
    capture = LogCapture(SpanLogHandler(made))
    capture.attach()
    yield made
    capture.detach()


@pytest.fixture
def log() -> Iterator[logging.Logger]:
    logger = logging.getLogger("app.work")
    logger.setLevel(logging.DEBUG)
    yield logger
    logger.setLevel(logging.NOTSET)


def test_a_record_belongs_to_the_span_it_was_logged_in(spans: Spans, sink: Sink, log: logging.Logger) -> None:
    log.info("before")
    with operation("work") as scope, layer("inner") as inner:
        log.warning("%d of %s", 3, "ten")
    log.info("after")
    (event,) = sink.events
    assert (f"{event.trace_id:032x}", f"{event.span_id:016x}") == (scope.run_id, inner.span_id)
    assert (event.level, event.logger, event.message, event.error) == (
        "WARNING",
        "app.work",
        "3 of ten",
        None,
    )
    (start, end) = (
        (span.start_time or 0, span.end_time or 0) for span in spans.all() if span.name == "inner"
    ).__next__()
    assert start - 1_000_000 <= event.time_ns <= end + 1_000_000


def test_an_exception_comes_with_its_traceback(spans: Spans, sink: Sink, log: logging.Logger) -> None:
    with operation("work"):
        try:
            empty: dict[str, str] = {}
            empty["gone"]
        except KeyError:
            log.exception("failed")
        log.error("no exception here", exc_info=(None, None, None))
    error = sink.events[0].error
    assert error is not None
    assert (error["type"], error["message"]) == ("KeyError", "'gone'")
    assert "test_logs.py" in error["traceback"]
    assert sink.events[1].error is None
    assert len(spans.all()) == 1


def test_only_recording_sampled_spans_count(spans: Spans, sink: Sink, log: logging.Logger) -> None:
    with operation("ended") as scope:
        pass
    with trace.use_span(scope.span):
        log.info("the span has ended")
    remote = trace.NonRecordingSpan(trace.SpanContext(1, 2, is_remote=True, trace_flags=trace.TraceFlags(1)))
    with trace.use_span(remote):
        log.info("not ours")
    unsampled = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False).get_tracer("t").start_span("unsampled")
    with trace.use_span(unsampled):
        log.info("unsampled")
    assert sink.events == []


@pytest.mark.parametrize(
    "name",
    ["opentelemetry", "opentelemetry.sdk.trace", "redis.client", "spantail", "spantail_exporters.delivery.batcher"],
)
def test_those_who_deliver_make_no_echo(spans: Spans, sink: Sink, name: str) -> None:
    with operation("work"):
        logging.getLogger(name).error("trouble")
    assert sink.events == []


@pytest.mark.parametrize("name", ["spantail_service.operations", "redistribution", "opentelemetryish"])
def test_similar_names_are_the_application_s(spans: Spans, sink: Sink, name: str) -> None:
    with operation("work"):
        logging.getLogger(name).error("trouble")
    assert len(sink.events) == 1


class _Hostile:
    def __str__(self) -> str:
        raise RuntimeError("hostile")


class _Chatty:
    def __init__(self, log: logging.Logger) -> None:
        self._log = log

    def __str__(self) -> str:
        self._log.warning("being formatted")
        return "chatty"


def test_formatting_never_raises_and_never_recurses(
    spans: Spans, sink: Sink, log: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)  # pytest's own handler would complain of these records
    log.propagate = False
    handler = SpanLogHandler(sink)
    log.addHandler(handler)
    try:
        with operation("work"):
            log.info("%d", "no number")
            log.info("hostile %s", _Hostile())
            log.info("long %s", "x" * 1_000_000)
            log.info("surrogate \ud800")
            log.info("%s", _Chatty(log))
    finally:
        log.removeHandler(handler)
        log.propagate = True
    messages = [event.message for event in sink.events]
    assert messages[0] == "%d (its arguments could not be formatted)"
    assert messages[1] == "hostile %s (its arguments could not be formatted)"
    assert len(messages[2]) < 33_000
    assert messages[2].endswith("…[truncated 1,000,005 → 32,768 characters]")
    assert messages[3] == "surrogate \ufffd"
    assert messages[4:] == ["chatty"]


def test_a_sink_that_raises_does_not_reach_the_application(
    spans: Spans,
    sink: Sink,
    log: logging.Logger,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    broken = Sink()
    monkeypatch.setattr(broken, "logged", lambda _: 1 / 0)
    handler = SpanLogHandler(broken)
    log.addHandler(handler)
    try:
        with operation("work"):
            log.info("one")
            log.info("two")
    finally:
        log.removeHandler(handler)
    assert [event.message for event in sink.events] == ["one", "two"]
    assert [record.name for record in caplog.records].count("spantail.instrumentation") == 1


def test_no_lock_is_held_while_arguments_are_formatted(spans: Spans, sink: Sink) -> None:
    handler = SpanLogHandler(sink)
    inside, go_on = threading.Event(), threading.Event()

    class Slow:
        def __str__(self) -> str:
            inside.set()
            assert go_on.wait(10)
            return "slow"

    def record(*args: Any) -> logging.LogRecord:
        return logging.LogRecord("app", logging.INFO, __file__, 1, "%s", args, None)

    def slow() -> None:
        with operation("slow"):
            handler.handle(record(Slow()))

    thread = threading.Thread(target=slow)
    thread.start()
    assert inside.wait(10)
    with operation("quick"):
        handler.handle(record("quick"))
    assert [event.message for event in sink.events] == ["quick"]
    go_on.set()
    thread.join(10)
    assert [event.message for event in sink.events] == ["quick", "slow"]


@pytest.mark.parametrize(
    ("setting", "level"),
    [
        ("", logging.INFO),
        ("debug", logging.DEBUG),
        ("WARNING", logging.WARNING),
        ("35", 35),
        ("loud", logging.INFO),
    ],
)
def test_the_level_is_a_setting(setting: str, level: int) -> None:
    assert log_level({"SPANTAIL_LOG_LEVEL": setting}) == level


def test_records_below_the_level_are_not_taken(spans: Spans, sink: Sink, log: logging.Logger) -> None:
    with operation("work"):
        log.debug("below")
        log.info("at")
    assert [event.message for event in sink.events] == ["at"]


@contextmanager
def bare_root() -> Iterator[logging.Logger]:
    """Give the root logger as a fresh process has it; pytest adds its own handlers after the fixtures."""
    root = logging.root
    handlers, level = root.handlers[:], root.level
    root.handlers[:] = []
    root.setLevel(logging.WARNING)
    try:
        yield root
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


def test_warnings_that_nobody_handles_are_still_printed(capsys: pytest.CaptureFixture[str]) -> None:
    capture = LogCapture(SpanLogHandler(Sink()))
    with bare_root() as root:
        capture.attach()
        logging.getLogger("alone").warning("to the terminal")
        logging.getLogger("alone").info("not this")
        quiet = logging.getLogger("quiet")
        quiet.addHandler(logging.NullHandler())
        quiet.warning("nor this")
        capture.detach()
        assert root.handlers == []
    assert capsys.readouterr().err == "to the terminal\n"


def test_basic_config_still_works_and_dict_config_keeps_the_capture(spans: Spans) -> None:
    before = (logging.basicConfig, logging.config.dictConfig, logging.config.fileConfig)
    sink, stream = Sink(), io.StringIO()
    capture = LogCapture(SpanLogHandler(sink))
    with bare_root():
        capture.attach()
        logging.basicConfig(stream=stream, level=logging.INFO, format="%(message)s")
        with operation("work"):
            logging.getLogger("app").info("one")
        logging.config.dictConfig({"version": 1, "disable_existing_loggers": False, "root": {"level": "INFO"}})
        with operation("work"):
            logging.getLogger("app").info("two")
        capture.detach()
        capture.detach()
    assert stream.getvalue() == "one\n"
    assert [event.message for event in sink.events] == ["one", "two"]
    assert (logging.basicConfig, logging.config.dictConfig, logging.config.fileConfig) == before
    assert len(spans.all()) == 2
