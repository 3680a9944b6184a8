"""tls.yaml and token.yaml on a real Collector: who is refused, and who is not."""

from __future__ import annotations

import contextlib
import ssl
import subprocess
from typing import TYPE_CHECKING

import grpc
import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

from tests.integration.collector.harness import APPLICATION, certificate, span
from tests.support import tools
from tests.support.otlp.receiver import otlp_receiver
from tests.support.otlp.requests import PROTOBUF, traces
from tests.support.programs.collectors import CONFIGURATION, VARIANTS, RunningCollector, running_collector
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from pathlib import Path

TLS, TOKEN = VARIANTS / "tls.yaml", VARIANTS / "token.yaml"


def _post(collector: RunningCollector, name: str, tls: ssl.SSLContext | None = None, token: str = "") -> int:
    """Send a span by HTTP; what the answer is."""
    url = collector.http if tls is None else collector.http.replace("http:", "https:")
    headers = PROTOBUF | ({"authorization": f"Bearer {token}"} if token else {})
    body = traces(APPLICATION, [span(name)]).SerializeToString()
    return httpx.post(f"{url}/v1/traces", content=body, headers=headers, verify=tls or True, timeout=10).status_code


def _call(channel: grpc.Channel, name: str, token: str = "") -> grpc.StatusCode:
    """Send a span by gRPC; what the answer is."""
    export = TraceServiceStub(channel).Export  # type: ignore[no-untyped-call]
    with channel:
        try:
            metadata = [("authorization", f"Bearer {token}")] if token else []
            export(traces(APPLICATION, [span(name)]), timeout=10, metadata=metadata)
        except grpc.RpcError as error:
            code: grpc.StatusCode = error.code()
            return code
    return grpc.StatusCode.OK


def test_without_tls_nobody_is_heard(tmp_path: Path) -> None:
    made, key = certificate(tmp_path, "collector")
    settings = {"COLLECTOR_CERT_FILE": str(made), "COLLECTOR_KEY_FILE": str(key)}
    trusting = ssl.create_default_context(cafile=made)
    with (
        otlp_receiver() as jaeger,
        running_collector(CONFIGURATION, TLS, env=settings | {"JAEGER_ENDPOINT": jaeger.endpoint}) as collector,
    ):
        with contextlib.suppress(httpx.ReadError):  # it may close before it has read what was sent
            assert _post(collector, "plain") == 400, "an HTTP request to an HTTPS server"
        assert _call(grpc.insecure_channel(collector.grpc), "plain by gRPC") is grpc.StatusCode.UNAVAILABLE
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            _post(collector, "to a stranger", ssl.create_default_context())
        assert _post(collector, "by HTTP", trusting) == 200
        channel = grpc.secure_channel(collector.grpc, grpc.ssl_channel_credentials(made.read_bytes()))
        assert _call(channel, "by gRPC") is grpc.StatusCode.OK
        eventually(lambda: jaeger.spans().keys() == {"by HTTP", "by gRPC"}, 30)


def test_senders_have_to_show_a_certificate_where_that_is_wanted(tmp_path: Path) -> None:
    made, key = certificate(tmp_path, "collector")
    client, client_key = certificate(tmp_path, "client")
    stranger, stranger_key = certificate(tmp_path, "stranger")
    settings = {
        "COLLECTOR_CERT_FILE": str(made), "COLLECTOR_KEY_FILE": str(key), "COLLECTOR_CLIENT_CA_FILE": str(client)
    }  # fmt: skip
    with (
        otlp_receiver() as jaeger,
        running_collector(CONFIGURATION, TLS, env=settings | {"JAEGER_ENDPOINT": jaeger.endpoint}) as collector,
    ):
        nobody, known, unknown = (ssl.create_default_context(cafile=made) for _ in range(3))
        known.load_cert_chain(client, client_key)
        unknown.load_cert_chain(stranger, stranger_key)
        for refused in (nobody, unknown):
            with pytest.raises(httpx.TransportError):
                _post(collector, "refused", refused)
        assert _post(collector, "known", known) == 200
        eventually(lambda: jaeger.spans().keys() == {"known"}, 30)


def test_without_a_token_nobody_is_heard(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("first-token-of-16 # the service\nsecond-token-of-16\n")
    with (
        otlp_receiver() as jaeger,
        running_collector(
            CONFIGURATION, TOKEN, env={"COLLECTOR_TOKEN_FILE": str(tokens), "JAEGER_ENDPOINT": jaeger.endpoint}
        ) as collector,
    ):
        assert [_post(collector, "no", token=token) for token in ("", "wrong", "the")] == [401, 401, 401]
        for token in ("", "wrong"):
            assert _call(grpc.insecure_channel(collector.grpc), "no", token=token) is grpc.StatusCode.UNAUTHENTICATED
        assert _post(collector, "first", token="first-token-of-16") == 200
        assert _call(grpc.insecure_channel(collector.grpc), "second", token="second-token-of-16") is grpc.StatusCode.OK
        eventually(lambda: jaeger.spans().keys() == {"first", "second"}, 30)
        tokens.write_text("third-token-of-16\n")
        eventually(lambda: _post(collector, "third", token="third-token-of-16") == 200, 30, what="the new token")
        assert _post(collector, "no", token="first-token-of-16") == 401


@pytest.mark.parametrize(
    ("variant", "complaint"),
    [(TLS, "must include both certificate and key"), (TOKEN, "no bearer token provided")],
    ids=["tls", "token"],
)
def test_it_does_not_start_without_what_it_needs(variant: Path, complaint: str) -> None:
    """Rather than let everybody in."""
    answer = subprocess.run(
        [tools.collector(), "validate", "--config", CONFIGURATION, "--config", variant],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert answer.returncode != 0
    assert complaint in answer.stderr
