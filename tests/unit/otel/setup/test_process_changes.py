"""What configure() changes in the process: shutdown() undoes it, each can be declined, and others' changes stay."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.otel.fresh_python import Python

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and fork of POSIX")

# `state()` is everything that the table in `spantail.process` lists and that can be put back. The provider is set
# first, as by `opentelemetry-instrument`.
PRELUDE = """
import atexit, logging.config, multiprocessing.util, os, signal, sys, threading
import celery.signals
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
import spantail

provider = TracerProvider(resource=Resource({"service.name": "before", "other": 1}))
tracer = provider.get_tracer("somebody")
trace.set_tracer_provider(provider)

# `atexit` does not say what it holds
hooks, register, unregister = [], atexit.register, atexit.unregister

def noting_register(hook):
    hooks.append(hook)
    return register(hook)

def noting_unregister(hook):
    hooks[:] = [other for other in hooks if other != hook]
    unregister(hook)

atexit.register, atexit.unregister = noting_register, noting_unregister

def state():
    return {
        "root handlers": list(logging.root.handlers),
        "basicConfig": logging.basicConfig,
        "dictConfig": logging.config.dictConfig,
        "fileConfig": logging.config.fileConfig,
        "SIGTERM": signal.getsignal(signal.SIGTERM),
        "signal": signal.signal,
        "atexit": [hook for hook in hooks if hook.__module__.startswith("spantail")],
        "multiprocessing": len(multiprocessing.util._afterfork_registry),
        "finalisers": len(multiprocessing.util._finalizer_registry),
        "celery": len(celery.signals.worker_process_shutdown.receivers or ()),
        "excepthook": sys.excepthook,
        "thread excepthook": threading.excepthook,
        "resource": dict(provider.resource.attributes),
        "resource of a tracer": dict(tracer.resource.attributes),
        "processors": provider._active_span_processor._span_processors,
    }

def changed(before):
    now = state()
    return sorted(name for name, value in now.items() if value != before[name])

before = state()
"""

ALWAYS = ["processors", "resource", "resource of a tracer"]
LOGGING = ["basicConfig", "dictConfig", "fileConfig"]
EXIT = ["atexit", "celery", "multiprocessing"]
REDIS = "redis://127.0.0.1:1/0"


def test_shutdown_undoes_every_change_and_a_second_configure_works(python: Python) -> None:
    run = python(
        PRELUDE
        + """
results = []
for _ in range(3):
    handle = spantail.configure("mine")
    results.append(changed(before))
    with spantail.operation("work"):
        logging.getLogger("app").info("line")
    assert handle.sink.events == [["start", "work"], ["log", "line"], ["end", "work"]], handle.sink.events
    assert provider.resource.attributes["service.name"] == "mine"
    assert handle.shutdown()
    results.append(changed(before))
    handle.sink.report = lambda: None
print("RESULT", json.dumps(results))
""",
        SPANTAIL_REDIS_URL=REDIS,
    )
    everything = sorted([*ALWAYS, *LOGGING, *EXIT, "root handlers", "SIGTERM"])
    assert run.result == [everything, []] * 3
    assert "was replaced" not in run.err


def test_the_wrapper_of_signal_is_undone_where_the_application_holds_sigterm(python: Python) -> None:
    run = python(
        PRELUDE.replace("before = state()", "signal.signal(signal.SIGTERM, lambda *_: None)\nbefore = state()")
        + """
results = []
for _ in range(2):
    handle = spantail.configure()
    results.append(changed(before))
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    assert callable(signal.getsignal(signal.SIGTERM))
    assert handle.shutdown()
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    signal.signal(signal.SIGTERM, before["SIGTERM"])
    results.append(changed(before))
print("RESULT", json.dumps(results))
""",
        SPANTAIL_REDIS_URL=REDIS,
    )
    everything = sorted([*ALWAYS, *LOGGING, *EXIT, "root handlers", "signal"])
    assert run.result == [everything, []] * 2


DECLINED = [
    ("log_capture", ["root handlers", *LOGGING]),
    ("patch_logging", LOGGING),
    ("exit_hooks", EXIT),
    ("handle_sigterm", ["SIGTERM"]),
]


@pytest.mark.parametrize("by", ["parameter", "setting"])
@pytest.mark.parametrize(("name", "left_alone"), DECLINED, ids=[name for name, _ in DECLINED])
def test_each_change_can_be_declined(python: Python, name: str, left_alone: list[str], by: str) -> None:
    arguments = f"{name}=False" if by == "parameter" else ""
    script = f"handle = spantail.configure({arguments})\nresults = [changed(before)]\n"
    script += "handle.shutdown()\nprint('RESULT', json.dumps([*results, changed(before)]))\n"
    environ = {f"SPANTAIL_{name.upper()}": "false"} if by == "setting" else {}
    run = python(PRELUDE + script, SPANTAIL_REDIS_URL=REDIS, **environ)
    everything = {*ALWAYS, *LOGGING, *EXIT, "root handlers", "SIGTERM"}
    assert run.result == [sorted(everything.difference(left_alone)), []]


@pytest.mark.parametrize("by", ["patch_signal", "handle_sigterm", "SPANTAIL_PATCH_SIGNAL", "SPANTAIL_HANDLE_SIGTERM"])
def test_the_wrapper_of_signal_can_be_declined(python: Python, by: str) -> None:
    arguments = "" if by.isupper() else f"{by}=False"
    script = f"""
handle = spantail.configure({arguments})
results = changed(before)
signal.signal(signal.SIGTERM, signal.SIG_DFL)
assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
print("RESULT", json.dumps(results))
"""
    prelude = PRELUDE.replace("before = state()", "signal.signal(signal.SIGTERM, lambda *_: None)\nbefore = state()")
    run = python(prelude + script, SPANTAIL_REDIS_URL=REDIS, **({by: "off"} if by.isupper() else {}))
    assert run.result == sorted([*ALWAYS, *LOGGING, *EXIT, "root handlers"])


def test_a_parameter_outranks_its_setting(python: Python) -> None:
    script = "spantail.configure(handle_sigterm=True, log_capture=False)\n"
    script += "print('RESULT', json.dumps(changed(before)))\n"
    run = python(PRELUDE + script, SPANTAIL_REDIS_URL=REDIS, SPANTAIL_HANDLE_SIGTERM="0", SPANTAIL_LOG_CAPTURE="true")
    assert run.result == sorted([*ALWAYS, *EXIT, "SIGTERM"])


def test_functions_that_somebody_wrapped_since_stay_theirs_and_it_is_said(python: Python) -> None:
    script = """
signal.signal(signal.SIGTERM, lambda *_: None)
handle = spantail.configure()
calls = []

def wrap(module, name):
    original = getattr(module, name)
    def theirs(*args, **kwargs):
        calls.append(name)
        return original(*args, **kwargs)
    setattr(module, name, theirs)
    return theirs

wrapped = {name: wrap(module, name) for module, name in ((signal, "signal"), (logging, "basicConfig"))}
handle.shutdown()
assert signal.signal is wrapped["signal"] and logging.basicConfig is wrapped["basicConfig"]
assert logging.config.dictConfig is before["dictConfig"]
# what is left of ours only passes on
signal.signal(signal.SIGTERM, signal.SIG_DFL)
assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
logging.basicConfig(level=logging.DEBUG, force=True)
assert calls == ["signal", "basicConfig"]
assert logging.root.level == logging.DEBUG
# and it is wired anew, with theirs in place
again = spantail.configure()
assert callable(signal.getsignal(signal.SIGTERM))
with spantail.operation("work"):
    logging.getLogger("app").info("line")
assert ["log", "line"] in again.sink.events
again.shutdown()
assert signal.signal is wrapped["signal"] and logging.basicConfig is wrapped["basicConfig"]
assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
"""
    run = python(PRELUDE + script, SPANTAIL_REDIS_URL=REDIS)
    assert run.err.count("signal.signal was replaced by somebody else") == 1
    assert run.err.count("logging.basicConfig was replaced by somebody else") == 1


def test_functions_that_somebody_wrapped_before_are_called_and_put_back(python: Python) -> None:
    script = """
set_signal, calls = signal.signal, []
def theirs(signalnum, handler):
    calls.append(signalnum)
    return set_signal(signalnum, handler)
signal.signal = theirs
signal.signal(signal.SIGTERM, lambda *_: None)
handle = spantail.configure()
assert signal.signal is not theirs
signal.signal(signal.SIGTERM, signal.SIG_DFL)
assert callable(signal.getsignal(signal.SIGTERM))
handle.shutdown()
assert signal.signal is theirs
assert calls == [signal.SIGTERM] * 2
"""
    python(PRELUDE + script, SPANTAIL_REDIS_URL=REDIS)


def test_a_shutdown_in_another_thread_says_that_the_signal_handler_stays(python: Python) -> None:
    script = """
handle = spantail.configure()
thread = threading.Thread(target=handle.shutdown)
thread.start()
thread.join()
assert signal.getsignal(signal.SIGTERM) != signal.SIG_DFL
sys.stdout.flush()
os.kill(os.getpid(), signal.SIGTERM)
while True:
    threading.Event().wait(0.05)
"""
    run = python.ends(PRELUDE + script, -signal.SIGTERM, SPANTAIL_REDIS_URL=REDIS)
    assert "the handler of SIGTERM stays" in run.err


def test_what_somebody_else_set_in_the_resource_since_stays(python: Python) -> None:
    script = """
handle = spantail.configure("mine")
provider._update_resource(Resource({"service.name": "theirs", "more": 2}))
handle.shutdown()
attributes = dict(provider.resource.attributes)
assert attributes == dict(tracer.resource.attributes)
print("RESULT", json.dumps(attributes))
"""
    run = python(PRELUDE + script, SPANTAIL_REDIS_URL=REDIS)
    assert run.result == {"service.name": "theirs", "other": 1, "more": 2}


def test_spans_are_not_marked_live_after_the_live_pipeline_was_shut_down(python: Python) -> None:
    """The ingest passes over what is marked so."""
    script = """
import os
import spantail
first = spantail.configure("mine")
made = first.tracer_provider
assert made.resource.attributes["spantail.live"] is True
first.shutdown()
del os.environ["SPANTAIL_REDIS_URL"]
second = spantail.configure()
assert second.tracer_provider is made
assert made.resource.attributes["service.name"] == "mine"
print("RESULT", json.dumps(sorted(name for name in made.resource.attributes if name.startswith("spantail."))))
"""
    assert python(script, SPANTAIL_REDIS_URL=REDIS, OTEL_TRACES_EXPORTER="console").result == []


@pytest.mark.parametrize("lock", ["threading._active_limbo_lock", "handle._lock", "logging._lock"])
def test_sigterm_delivers_whatever_lock_the_interrupted_thread_holds(python: Python, lock: str) -> None:
    """`threading` takes the first one in `Thread.start()`."""
    script = f"""
import os, signal, threading, time
import spantail
handle = spantail.configure()
handle.sink.flush = lambda timeout_s: os.write(1, b"FLUSHED\\n") > 0
with spantail.operation("work"):
    pass
sys.stdout.flush()
with {lock}:
    os.kill(os.getpid(), signal.SIGTERM)
    while True:
        time.sleep(0.05)
"""
    run = python.ends(script, -signal.SIGTERM, SPANTAIL_REDIS_URL=REDIS, OTEL_TRACES_EXPORTER="console")
    assert "FLUSHED" in run.out
    assert '"name": "work"' in run.out
    assert run.took_s < 20
