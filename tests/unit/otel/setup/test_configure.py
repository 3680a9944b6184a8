"""configure() in processes of its own: what it wires under which environment, and that it never hurts."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Any

import pytest

from bench.support.ports import free_port
from spantail.setup.trace_exporters import shown_url
from tests.support.otlp.endpoint import otlp_endpoint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.otlp.endpoint import Endpoint
    from tests.unit.otel.fresh_python import Python


@pytest.fixture
def receiver() -> Iterator[Endpoint]:
    with otlp_endpoint() as made:
        yield made


def names_in(receiver: Endpoint) -> list[str]:
    """The names of the spans that were sent, as often as they were."""
    return sorted(receiver.names().elements())


def resource_in(receiver: Endpoint) -> dict[str, Any]:
    """The one resource of the spans that were sent."""
    (resource,) = receiver.resources()
    return resource


@pytest.fixture
def closed_port() -> int:
    return free_port()


_WORK = """
import spantail
handle = spantail.configure({arguments})
with spantail.operation("work"):
    logging.getLogger("app").info("inside")
"""


def _work(arguments: str = "") -> str:
    return _WORK.format(arguments=arguments)


def test_nothing_configured_is_said_and_harmless(python: Python) -> None:
    run = python(_work() + "print('RESULT', json.dumps([handle.flush(), handle.sink, handle.shutdown()]))")
    assert run.result == [True, None, True]
    assert "spantail nothing configured, spans go nowhere: set SPANTAIL_REDIS_URL" in run.err


@pytest.mark.parametrize("variable", ["SPANTAIL_REDIS_URL", "OTEL_EXPORTER_LIVETAIL_URL"])
def test_a_redis_url_turns_the_live_pipeline_on(python: Python, variable: str) -> None:
    run = python(_work(), **{variable: "redis://user:s3cret@127.0.0.1:6379/2"})
    assert run.sink == {
        "url": "redis://user:s3cret@127.0.0.1:6379/2",
        "events": [["start", "work"], ["log", "inside"], ["end", "work"], ["shutdown"]],
    }
    assert "spantail spans: live → redis://127.0.0.1:6379/2" in run.err
    assert "s3cret" not in run.err


def test_arguments_outrank_the_environment(python: Python) -> None:
    run = python(
        _work("'jobs', redis_url='redis://first/', resource_attributes={'team': 'a'}, log_capture=False")
        + "print('RESULT', json.dumps(dict(handle.tracer_provider.resource.attributes)))",
        SPANTAIL_REDIS_URL="redis://second/",
        OTEL_SERVICE_NAME="other",
        OTEL_RESOURCE_ATTRIBUTES="team=b,region=eu",
    )
    assert run.sink["url"] == "redis://first/"
    assert run.sink["events"] == [["start", "work"], ["end", "work"], ["shutdown"]]
    resource = run.result
    assert (resource["service.name"], resource["team"], resource["region"]) == ("jobs", "a", "eu")
    assert resource["spantail.live"] is True
    assert resource["spantail.runner"].startswith("host:")


def test_a_second_call_returns_the_same_handle_also_from_threads(python: Python) -> None:
    run = python(
        """
        import spantail, threading
        from concurrent.futures import ThreadPoolExecutor
        barrier = threading.Barrier(8)
        def call(n):
            barrier.wait()
            return spantail.configure(f"service {n}")
        with ThreadPoolExecutor(8) as pool:
            handles = set(pool.map(call, range(8)))
        with spantail.operation("work"):
            pass
        print("RESULT", len(handles))
        """,
        SPANTAIL_REDIS_URL="redis://h",
    )
    assert run.result == 1
    assert run.sink["events"] == [["start", "work"], ["end", "work"], ["shutdown"]]


def test_after_shutdown_it_is_wired_anew(python: Python) -> None:
    run = python(
        _work()
        + """
first = handle
print("FIRST", handle.shutdown(), handle.shutdown())
with spantail.operation("between"):
    logging.getLogger("app").info("between")
handle = spantail.configure()
assert handle is not first and handle.tracer_provider is first.tracer_provider
assert len(handle.tracer_provider._active_span_processor._span_processors) == 1
with spantail.operation("again"):
    pass
print("RESULT", json.dumps([first.sink.events, handle.sink.events]))
""",
        SPANTAIL_REDIS_URL="redis://h",
    )
    assert "FIRST True True" in run.out
    assert run.result == [
        [["start", "work"], ["log", "inside"], ["end", "work"], ["shutdown"]],
        [["start", "again"], ["end", "again"]],
    ]


def test_sdk_disabled_means_nothing(python: Python) -> None:
    run = python(
        _work() + "print('RESULT', json.dumps([handle.sink, handle.flush(), handle.shutdown()]))",
        OTEL_SDK_DISABLED="true",
        SPANTAIL_REDIS_URL="redis://h",
        OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1",
    )
    assert run.result == [None, True, True]
    assert "SINK" not in run.out


@pytest.mark.parametrize("asked", [{}, {"OTEL_TRACES_EXPORTER": "otlp"}, {"OTEL_TRACES_EXPORTER": "livetail,otlp"}])
@pytest.mark.parametrize("form", ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"])
def test_an_endpoint_turns_otlp_on(python: Python, receiver: Endpoint, asked: dict[str, str], form: str) -> None:
    url = receiver.url if form.endswith("OTLP_ENDPOINT") else f"{receiver.url}/v1/traces"
    run = python(
        _work("'jobs'") + "print('RESULT', json.dumps(handle.flush()))",
        **{form: url},
        **asked,
        SPANTAIL_REDIS_URL="redis://h",
        OTEL_RESOURCE_ATTRIBUTES="region=eu",
    )
    assert run.result is True
    assert names_in(receiver) == ["work"]
    assert resource_in(receiver)["service.name"] == "jobs"
    assert resource_in(receiver)["region"] == "eu"
    assert resource_in(receiver)["spantail.live"] is True
    assert resource_in(receiver)["spantail.runner"].startswith("host:")
    assert f"otlp → {url} (http/protobuf)" in run.err
    assert [event for event in run.sink["events"] if event[0] in ("start", "end")] == [
        ["start", "work"],
        ["end", "work"],
    ]


def test_without_a_live_pipeline_spans_are_not_marked_live(python: Python, receiver: Endpoint) -> None:
    python(_work(), OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url)
    assert names_in(receiver) == ["work"]  # delivered by the exit alone
    assert "spantail.live" not in resource_in(receiver)


def test_secrets_do_not_leave_over_otlp(python: Python, receiver: Endpoint) -> None:
    python(
        """
        import spantail
        spantail.configure(resource_attributes={"deploy.token": "canary7Qz9Xw2Lk4Vn8"})
        try:
            canary = "canary7Qz9Xw2Lk4Vn8"
            with spantail.operation(f"GET /?token={canary}", attributes={"password": canary}) as op:
                op.event("sent", authorization=f"Bearer {canary}")
                raise ValueError(f"redis://:{canary}@host refused")
        except ValueError:
            pass
        """,
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url,
    )
    assert names_in(receiver) == ["GET /?token=[redacted]"]
    assert b"canary7Qz9Xw2Lk4Vn8" not in b"".join(receiver.bodies)


def test_traces_exporter_none_leaves_the_live_pipeline_alone(python: Python, receiver: Endpoint) -> None:
    run = python(
        _work(),
        OTEL_TRACES_EXPORTER="none",
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url,
        SPANTAIL_REDIS_URL="redis://h",
    )
    assert receiver.traces == []
    assert ["end", "work"] in run.sink["events"]
    quiet = python(_work(), OTEL_TRACES_EXPORTER="none")
    assert "spans go nowhere: OTEL_TRACES_EXPORTER=none" in quiet.err


def test_the_console_exporter(python: Python) -> None:
    run = python(_work(), OTEL_TRACES_EXPORTER="console")
    assert '"name": "work"' in run.out


def test_an_unknown_exporter_is_said_and_left_out(python: Python) -> None:
    run = python(_work(), OTEL_TRACES_EXPORTER="zipper")
    assert "'zipper' is not installed" in run.err


def test_grpc_where_the_package_is_there(python: Python, closed_port: int) -> None:
    run = python(
        _work()
        + "print('RESULT', json.dumps([type(p.span_exporter._exporter).__module__ for p in handle._processors]))"
        "\nhandle.shutdown(0.1)",
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{closed_port}",
        OTEL_EXPORTER_OTLP_PROTOCOL="grpc",
    )
    assert run.result == ["opentelemetry.exporter.otlp.proto.grpc.trace_exporter"]
    assert f"otlp → http://127.0.0.1:{closed_port} (grpc)" in run.err


def test_grpc_without_the_package_falls_back_to_http(python: Python, receiver: Endpoint) -> None:
    run = python(
        "sys.modules['opentelemetry.exporter.otlp.proto.grpc.trace_exporter'] = None\n" + _work(),
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url,
        OTEL_EXPORTER_OTLP_PROTOCOL="grpc",
    )
    assert names_in(receiver) == ["work"]
    assert "using OTLP over HTTP" in run.err


def test_an_unknown_protocol_falls_back_to_http(python: Python, receiver: Endpoint) -> None:
    run = python(_work(), OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url, OTEL_EXPORTER_OTLP_PROTOCOL="http/json")
    assert names_in(receiver) == ["work"]
    assert "'http/json' is not supported" in run.err


@pytest.mark.parametrize(
    ("sampler", "argument", "names"),
    [
        ("always_off", "", []),
        ("traceidratio", "0.0", []),
        ("traceidratio", "1.0", ["work"]),
        ("nonsense", "", ["work"]),
    ],
)
def test_the_sampler_is_the_environment_s(
    python: Python, receiver: Endpoint, sampler: str, argument: str, names: list[str]
) -> None:
    run = python(
        _work(),
        OTEL_TRACES_SAMPLER=sampler,
        OTEL_TRACES_SAMPLER_ARG=argument,
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url,
        SPANTAIL_REDIS_URL="redis://h",
    )
    assert names_in(receiver) == names
    assert [name for kind, name in run.sink["events"][:-1] if kind == "start"] == names


def test_batch_settings_reach_the_processor(python: Python, receiver: Endpoint) -> None:
    run = python(
        _work() + "print('RESULT', json.dumps(handle._processors[0]._batch_processor._max_queue_size))",
        OTEL_BSP_MAX_QUEUE_SIZE="77",
        OTEL_BSP_MAX_EXPORT_BATCH_SIZE="7",
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url,
    )
    assert run.result == 77


def test_it_joins_a_provider_that_is_already_there(python: Python, receiver: Endpoint) -> None:
    run = python(
        """
        from opentelemetry import trace
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        provider = TracerProvider(resource=Resource.create({"service.name": "theirs"}))
        trace.set_tracer_provider(provider)
        tracer = trace.get_tracer("made before")
        import spantail
        handle = spantail.configure()
        assert handle.tracer_provider is provider is trace.get_tracer_provider()
        with tracer.start_as_current_span("plain"):
            pass
        wired = dict(provider.resource.attributes)
        handle.shutdown()
        assert provider._active_span_processor._span_processors == ()
        print("RESULT", json.dumps([wired, dict(provider.resource.attributes)]))
        """,
        SPANTAIL_REDIS_URL="redis://h",
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url,
    )
    assert run.sink["events"] == [["start", "plain"], ["end", "plain"], ["shutdown"]]
    wired, after = run.result
    assert wired["service.name"] == after["service.name"] == "theirs"
    assert wired["spantail.live"] is True
    assert not [name for name in after if name.startswith("spantail.")]
    assert receiver.traces == []  # what that provider exports is its owner's affair


def test_a_provider_of_its_own_leaves_the_global_one_alone(python: Python) -> None:
    run = python(
        """
        from opentelemetry import trace
        import spantail
        handle = spantail.configure(set_global=False)
        assert isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)
        with handle.tracer_provider.get_tracer("t").start_as_current_span("own"), spantail.operation("global"):
            pass
        """,
        SPANTAIL_REDIS_URL="redis://h",
    )
    assert run.sink["events"] == [["start", "own"], ["end", "own"], ["shutdown"]]


def test_a_foreign_kind_of_provider_is_said(python: Python) -> None:
    run = python(
        "from opentelemetry import trace\ntrace.set_tracer_provider(trace.NoOpTracerProvider())\n" + _work(),
        SPANTAIL_REDIS_URL="redis://h",
    )
    assert "takes no processors" in run.err


def test_a_wrong_url_is_said_without_its_password(python: Python) -> None:
    run = python(_work(), SPANTAIL_REDIS_URL="redis://:s3cretpw@refused:1")
    assert "the live pipeline could not be made: this URL is wrong: (url)" in run.err
    assert "s3cretpw" not in run.err


@pytest.mark.alone
def test_a_dead_endpoint_costs_neither_the_application_nor_its_exit(python: Python, closed_port: int) -> None:
    run = python(
        """
        import spantail, time
        handle = spantail.configure()
        before = time.monotonic()
        for _ in range(100):
            with spantail.operation("work"):
                pass
        worked_s = time.monotonic() - before
        before = time.monotonic()
        handle.flush(0.5)
        flushed_s = time.monotonic() - before
        with spantail.operation("last"):
            pass
        print("RESULT", json.dumps([worked_s, flushed_s]))
        """,
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{closed_port}",
    )
    worked_s, flushed_s = run.result
    assert worked_s < 2
    assert flushed_s < 3
    assert run.took_s < 20


def test_a_silent_endpoint_does_not_hold_up_the_exit(python: Python) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        run = python(_work(), OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{silent.getsockname()[1]}")
    assert run.took_s < 20


def test_batch_settings_that_contradict_each_other_are_said(python: Python, receiver: Endpoint) -> None:
    run = python(
        _work(),
        OTEL_BSP_MAX_QUEUE_SIZE="7",
        OTEL_BSP_MAX_EXPORT_BATCH_SIZE="77",
        OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url,
    )
    assert "is left out" in run.err
    assert receiver.traces == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_is_its_own_runner(python: Python) -> None:
    run = python(
        _work()
        + """
import os
def runner():
    return handle.tracer_provider.resource.attributes["spantail.runner"]
parent = runner()
read, write = os.pipe()
child = os.fork()
if child == 0:
    os.write(write, runner().encode())
    os._exit(0)
os.waitpid(child, 0)
print("RESULT", json.dumps([parent == f"host:{os.getpid()}:1", os.read(read, 100).decode() == f"host:{child}:1"]))
""",
        SPANTAIL_REDIS_URL="redis://h",
    )
    assert run.result == [True, True]


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://:pw@host:6379/0?x=secret", "redis://host:6379/0"),
        ("rediss://user:pw@[::1]:6380", "rediss://[::1]:6380"),
        ("unix:///run/redis.sock?password=x", "unix:///run/redis.sock"),
        ("pw@host", "(an address without a scheme)"),
        ("redis://h:port/", "(an address that cannot be read)"),
        ("redis+cluster://u:p@a:1,b,[::1]:2?x=y", "redis+cluster://a:1,b,[::1]:2"),
    ],
)
def test_addresses_are_shown_without_secrets(url: str, shown: str) -> None:
    assert shown_url(url) == shown
