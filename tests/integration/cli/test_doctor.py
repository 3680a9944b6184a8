"""`spantail doctor`: what keeps an application from being seen is found, and what to do is said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import orjson
import pytest
import redis

from bench.support.ports import free_port
from tests.integration.service.harness import RUN, Service, Writer, spantail_process
from tests.support.commands import run_command
from tests.support.redis.servers import NEW, OLD, RedisServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def service(new_redis_url: str) -> Iterator[Service]:
    with spantail_process("serve", "--port", "0", "--redis-url", new_redis_url) as running:
        running.await_ready()
        yield running


def findings(url: str, *arguments: str, **environment: str) -> tuple[int, list[dict[str, Any]]]:
    done = run_command(url, "doctor", "--json", *arguments, **environment)
    assert "Traceback" not in done.stderr
    return done.returncode, [orjson.loads(line) for line in done.stdout.splitlines()]


def reported(found: list[dict[str, Any]], level: str) -> str:
    return "\n".join(f"{one['subject']}: {one['told']} {one['advice']}" for one in found if one["level"] == level)


def test_all_is_well_and_the_probe_leaves_nothing(service: Service, new_redis_url: str, tmp_path: object) -> None:
    with Writer(new_redis_url) as writer:
        writer.span(RUN)
    environment = {
        "SPANTAIL_REDIS_URL": new_redis_url,
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{service.url}/v1/traces",
    }
    code, found = findings(service.url, **environment)
    assert code == 0, reported(found, "wrong")
    well = reported(found, "ok")
    assert "live: a span was seen" in well
    assert "took a span, and it was seen" in well
    assert "it is the one that the service reads" in well
    assert "clock: Redis agrees" in well
    assert "the newest is job search of test" in well
    runs = httpx.get(f"{service.url}/api/runs").json()["runs"]
    assert [run["run_id"] for run in runs] == [RUN]
    people = run_command(service.url, "doctor", **environment)
    assert people.returncode == 0
    # an address longer than a line is not broken: it is there to be copied
    assert all(len(line) <= 80 or "://" in line.split()[-1] for line in people.stdout.splitlines()), people.stdout
    assert "All is well, and a span that was sent arrived." in people.stdout


def test_without_any_way_out_the_service_itself_is_tried(service: Service) -> None:
    code, found = findings(service.url)
    assert code == 0
    assert "Nothing in this environment says where spans go." in reported(found, "note")
    assert "The service has seen no run yet." in reported(found, "note")
    assert "/v1/traces took a span, and it was seen" in reported(found, "ok")
    code, found = findings(service.url, "--no-probe")
    assert "probe" not in {one["subject"] for one in found}


def test_another_redis_is_found_out(service: Service, redis_servers: Callable[[str], RedisServer]) -> None:
    other = redis_servers(OLD)
    other.empty()
    code, found = findings(service.url, SPANTAIL_REDIS_URL=other.url)
    assert code == 1
    assert "writes to another Redis than the service reads" in reported(found, "wrong")


def test_a_user_without_channels_is_told_of(service: Service, new_redis_url: str) -> None:
    with redis.Redis.from_url(new_redis_url) as client:
        client.acl_setuser(
            "app", enabled=True, passwords=["+pw"], categories=["+@all"], keys=["*"], reset_channels=True
        )
        try:
            url = urlsplit(new_redis_url)._replace(netloc="app:pw@").geturl()
            code, found = findings(service.url, SPANTAIL_REDIS_URL=url)
            assert "Redis: The user may not publish" in reported(found, "note")
            assert "live: a span was seen" in reported(found, "ok")
            assert code == 0
            client.acl_setuser("app", channels=["run_logs:*", "runs_changed"])
            assert "publish" not in reported(findings(service.url, SPANTAIL_REDIS_URL=url)[1], "note")
        finally:
            client.acl_deluser("app")


def test_another_database_of_the_same_redis_is_found_by_the_probe(
    service: Service, redis_servers: Callable[[str], RedisServer]
) -> None:
    url = redis_servers(NEW).tcp_url.removesuffix("/0") + "/1"
    code, found = findings(service.url, SPANTAIL_REDIS_URL=url)
    assert code == 1
    assert "the service did not show it" in reported(found, "wrong")


def test_nobody_at_home_is_said_for_each_part() -> None:
    nowhere = f"127.0.0.1:{free_port()}"
    code, found = findings(f"http://{nowhere}", SPANTAIL_REDIS_URL=f"redis://me:secret@{nowhere}/0")
    assert code == 1
    wrong = reported(found, "wrong")
    assert "service: " in wrong
    assert "spantail serve" in wrong
    assert f"Redis: redis://{nowhere}/0 cannot be reached" in wrong
    assert "secret" not in orjson.dumps(found).decode()


def test_a_service_without_its_redis_is_told_from_one_that_is_away() -> None:
    url = f"redis://127.0.0.1:{free_port()}/0"
    with spantail_process("serve", "--port", "0", "--redis-url", url) as service:
        service.await_ready()
        code, found = findings(service.url)
        assert code == 1
        assert "it cannot reach its Redis" in reported(found, "wrong")
        assert service.stop() == 0


def test_the_token(new_redis_url: str) -> None:
    token = "hush-" * 8
    with spantail_process("serve", "--port", "0", SPANTAIL_REDIS_URL=new_redis_url, SPANTAIL_TOKEN=token) as service:
        service.await_ready()
        code, found = findings(service.url)
        assert code == 1
        assert "token: " in reported(found, "wrong")
        environment = {"SPANTAIL_TOKEN": token, "OTEL_EXPORTER_OTLP_ENDPOINT": service.url}
        code, found = findings(service.url, **environment)
        assert code == 1
        assert "the OTLP exporter sends none" in reported(found, "wrong")
        environment["OTEL_EXPORTER_OTLP_HEADERS"] = f"authorization=Bearer%20{token}"
        code, found = findings(service.url, **environment)
        assert code == 0, reported(found, "wrong")
        assert token not in orjson.dumps(found).decode()
        assert service.stop() == 0
