"""Secrets are planted wherever an application may have them; none is found in what has left the process.

An application of its own, as a user would write it: `configure()` with Redis and OTLP, log capture on. What is
searched: every key and every value in Redis, the bytes that an OTLP receiver was sent, the spool on disk, standard
output and error.
"""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest
import redis

from tests.support.otlp.receiver import otlp_receiver
from tests.support.redis.dump import dump
from tests.support.redis.servers import NEW, RedisServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_MARK: Final = "cAnArY"
"""Stands in every planted secret, with a number that tells where it was planted. Nothing but secrets holds it."""

_CARD: Final = "4111 1111 1111 1111"

# `{n}` is replaced by a new number each time, so that what is found tells where it had been planted.
_APPLICATION: Final = '''
import contextlib, json, logging, sys
from opentelemetry import baggage, context, trace
from opentelemetry.trace import Link, Status, StatusCode
import spantail

NUMBER = iter(range(1000))

def secret(shape="sk-{}"):
    """A new secret; what has no shape is secret by the name it stands under."""
    return shape.format(f"cAnArY{next(NUMBER):03d}XyZ7Qw2Lk4Vn8Tb5")

SHAPES = ["sk-{}", "Bearer {}", "password={}", "https://user:{}@host/x", "redis://:{}@host:6379/0",
          "https://host/x?api_key={}&page=2", "Authorization: Basic {}", "Cookie: session={}",
          '{{"client_secret": "{}"}}', "ghp_{0}{0}", "-----BEGIN PRIVATE KEY-----\\n{}\\n-----END PRIVATE KEY-----",
          "eyJhbGciOiJIUzI1NiJ9.{}.c2lnbmF0dXJl", "aws_secret_access_key = {}", "AccountKey={};x=y"]
KEYS = ["authorization", "http.request.header.authorization", "http.request.header.cookie", "db.password",
        "api_key", "x-api-key", "client_secret", "accessToken", "user.credentials", "private_key", "session.cookie"]

handle = spantail.configure("canary", resource_attributes={
    "deployment.token": secret("{}"), "db.url": secret("postgres://u:{}@db/x"), "notes": secret("Bearer {}"),
    "service.instance.id": secret("sk-{}"),
})
# what the application prints of its own is its own affair; everything that others log is printed
shown = logging.StreamHandler(sys.stderr)
shown.addFilter(lambda record: not record.name.startswith("app"))
logging.basicConfig(level=logging.DEBUG, handlers=[shown])
log = logging.getLogger("app")
tracer = trace.get_tracer("app")
context.attach(baggage.set_baggage("token", secret("{}")))
print("configured", flush=True)

def connect(password):
    raise ConnectionError(f"cannot reach postgres://app:{password}@db/x with password={password}")

class Account:
    def __init__(self, token):
        self.token = token
    def __repr__(self):
        return f"Account(token={self.token!r})"

with spantail.operation(secret("search with Bearer {}"), root=True,
                        attributes={key: secret("{}") for key in KEYS}) as root:
    for number, shape in enumerate(SHAPES):
        root.set(f"plain.{number}", secret("before " + shape + " after"))
        root.set(f"list.{number}", [secret(shape), "harmless"])
        root.set(f"nested.{number}", {"deep": {"er": secret(shape)}})
        root.set(f"json.{number}", json.dumps({"config": {"password": secret("{}"), "k": secret(shape)}}))
        root.set(f"bytes.{number}", secret(shape).encode())
        root.set("key that is " + secret(shape), 1)
        root.event("event " + secret(shape), text=secret(shape), **{KEYS[number % len(KEYS)]: secret("{}")})
        log.warning("shape %s", secret(shape))
    root.set("nested.keys", {key: secret("{}") for key in KEYS})
    root.set("card", "pay with 4111 1111 1111 1111 please")
    root.set("object", Account(secret("{}")))
    root.progress(1, 2, "working on " + secret("password={}"))
    with spantail.layer("layer " + secret("sk-{}"), attributes={"spantail.layer": secret("Bearer {}")}):
        log.error("with arguments %s %r", {"password": secret("{}")}, Account(secret("{}")),
                  extra={"token": secret("{}")})
    with tracer.start_as_current_span("links", links=[
            Link(root.span.get_span_context(), {"authorization": secret("{}"), "text": secret("Bearer {}")})]):
        pass
    with tracer.start_as_current_span("status") as span:
        span.set_status(Status(StatusCode.ERROR, secret("refused: api_key={}")))
    with tracer.start_as_current_span("renamed") as span:
        span.update_name(secret("GET https://u:{}@host/x"))
    with contextlib.suppress(ConnectionError), tracer.start_as_current_span("raises") as span:
        connect(password=secret("{}"))
    with contextlib.suppress(ConnectionError), spantail.phase("raises too"):
        connect(password="cAnArY900XyZ7Qw2Lk4Vn8Tb5")  # stands in the source, which tracebacks quote
    try:
        try:
            connect(password=secret("{}"))
        except ConnectionError as error:
            raise RuntimeError(f"token: {secret('{}')}") from error
    except RuntimeError:
        log.exception("failed with %s", secret("Bearer {}"))
        API_KEY = "sk-cAnArY901XyZ7Qw2Lk4Vn8Tb5"
    group = ExceptionGroup("several", [ValueError(secret("password={}")), KeyError(secret("sk-{}"))])
    with contextlib.suppress(ExceptionGroup), spantail.subphase("group"):
        raise group
    with spantail.llm_group("ask") as llm_group:
        with spantail.llm_call(backend="claude_cli", model="claude-sonnet-4-5", attributes={
                "gen_ai.prompt.0.content": secret("{}"), "input.value": secret("{}"),
                "gen_ai.tool.call.arguments": secret("{}")}) as call:
            call.prompt([{"role": "user", "content": secret("my words {}")}])
            call.chunk(secret("{}"))
            call.completion([{"role": "assistant", "content": secret("its words {}")}])
            call.usage(input_tokens=120, output_tokens=42)
        llm_group.fallback("claude_cli", "langchain", secret("rate limited for sk-{}"))
        with contextlib.suppress(RuntimeError), spantail.llm_call(
                backend="langchain", model="gpt-4o-mini", fallback_from="claude_cli",
                fallback_reason=secret("api_key={}")) as call:
            raise RuntimeError(secret("401 for Authorization: Bearer {}"))

    class Nasty:
        def __str__(self):
            raise ValueError(secret("sk-{}"))
        __repr__ = __str__

    root.set("nasty", Nasty())
    root.span.set_attribute("spantail.layers", [secret("layer sk-{}")])
    log.warning("nasty %s", Nasty())
    log.warning("%d is wrong", secret("sk-{}"))
    if "--open" in sys.argv:
        handle.flush(3)
print("run", root.run_id, "planted", next(NUMBER), flush=True)
print("stopped", handle.shutdown(5), flush=True)
'''


def leaks(haystack: bytes, where: str) -> list[str]:
    """Every planted secret in some bytes, with what stands around it."""
    text = haystack.decode("utf-8", "replace")
    found = [f"{where}: …{text[max(0, m.start() - 60) : m.end() + 40]}…" for m in re.finditer(_MARK, text)]
    return found + [f"{where}: a card number" for _ in re.findall(_CARD, text)]


@pytest.fixture
def guarded_redis(redis_servers: Callable[[str], RedisServer]) -> Iterator[tuple[RedisServer, str, str]]:
    """A Redis with a user whose password is a secret too: the server, the user's URL, one with a wrong password."""
    server = redis_servers(NEW)
    server.empty()
    password = f"{_MARK}800{secrets.token_hex(8)}"
    with redis.Redis.from_url(server.url) as client:
        client.execute_command("ACL", "SETUSER", "app", "on", f">{password}", "~*", "&*", "+@all")
        host = f"127.0.0.1:{server.port}/0"
        yield server, f"redis://app:{password}@{host}", f"redis://app:{_MARK}801wrong@{host}"
        client.execute_command("ACL", "DELUSER", "app")


def run_application(folder: Path, environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[bytes]:
    script = folder / "app.py"
    script.write_text(_APPLICATION, encoding="utf-8")
    return subprocess.run(
        [sys.executable, str(script), *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        timeout=60,
        check=False,
        cwd=folder,
    )


def test_no_secret_leaves_the_process(guarded_redis: tuple[RedisServer, str, str], tmp_path: Path) -> None:
    server, url, _ = guarded_redis
    with otlp_receiver() as received:
        done = run_application(
            tmp_path,
            {
                "SPANTAIL_REDIS_URL": url,
                "SPANTAIL_SPOOL_DIR": str(tmp_path / "spool"),
                "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{received.endpoint}",
                "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
                "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{_MARK}810",
            },
            "--open",
        )
        assert done.returncode == 0, done.stderr.decode()
        sent = [batch.SerializeToString() for batch in received.batches]
    said = re.search(rb"run (\w+) planted (\d+)", done.stdout)
    assert said is not None
    assert int(said[2]) > 150, "less was planted than there is to plant"

    contents = dict(dump(server.url))
    run = said[1].decode()
    assert contents[f"redis {f'logs:{{{run}}}:spans'.encode()!r}"].count(b"[redacted]") > 100
    assert b"harmless" in b"".join(contents.values())
    assert sent
    assert b"".join(sent).count(b"[redacted]") > 50

    found = [leak for where, value in contents.items() for leak in leaks(value, where)]
    found += [leak for batch in sent for leak in leaks(batch, "otlp")]
    found += leaks(done.stdout, "stdout") + leaks(done.stderr, "stderr")
    assert found == []


def test_without_redaction_the_search_finds_them(guarded_redis: tuple[RedisServer, str, str], tmp_path: Path) -> None:
    server, url, _ = guarded_redis
    with otlp_receiver() as received:
        done = run_application(
            tmp_path,
            {
                "SPANTAIL_REDACT": "false",
                "SPANTAIL_REDIS_URL": url,
                "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{received.endpoint}",
                "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
            },
        )
        assert done.returncode == 0, done.stderr.decode()
        sent = b"".join(batch.SerializeToString() for batch in received.batches)
    stored = b"".join(content for _, content in dump(server.url))
    planted = {f"{_MARK}{number:03d}".encode() for number in range(250)}
    assert sum(mark in stored for mark in planted) > 150
    assert sum(mark in sent for mark in planted) > 100
    assert _CARD.encode() in stored


def test_no_secret_reaches_the_disk_or_the_log_when_redis_refuses(
    guarded_redis: tuple[RedisServer, str, str], tmp_path: Path
) -> None:
    server, _, wrong_url = guarded_redis
    spool = tmp_path / "spool"
    done = run_application(tmp_path, {"SPANTAIL_REDIS_URL": wrong_url, "SPANTAIL_SPOOL_DIR": str(spool)})
    assert done.returncode == 0, done.stderr.decode()
    files = [path for path in spool.rglob("*") if path.is_file()]
    content = b"".join(path.read_bytes() for path in files)
    assert content.count(b"[redacted]") > 100, "the spool holds what Redis did not take"
    found = [leak for path in files for leak in leaks(path.read_bytes(), path.name) + leaks(bytes(path), "file name")]
    found += leaks(done.stdout, "stdout") + leaks(done.stderr, "stderr")
    assert found == []
    assert dict(dump(server.url)) == {}
    assert all(path.stat().st_mode & 0o077 == 0 for path in spool.rglob("*"))
