"""A webhook behind TLS: the connection goes to the checked address, the certificate has to be that of the name."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from typing import TYPE_CHECKING

import pytest

from spantail_service.notices.store import new_notice
from spantail_service.notices.webhook import Webhook
from tests.support.programs.webhook_receiver import webhook_receiver
from tests.support.strict import missing

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.anyio

SECRET = "a secret of at least 24 bytes"


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate, with its key, for the name `localhost` and no address."""
    program = shutil.which("openssl")
    if program is None:
        missing("no openssl, which makes a certificate")
    path = tmp_path / "localhost.pem"
    subprocess.run(
        [
            program, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
            "-keyout", tmp_path / "key.pem", "-out", path,
        ],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    return path


async def test_the_certificate_is_checked_for_the_name(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked_for: list[str | None] = []
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, certificate.with_name("key.pem"))
    tls.sni_callback = lambda _socket, name, _context: asked_for.append(name)
    notice = new_notice("run_failed", 1_795_308_000_000_000, "Run failed", "")
    with webhook_receiver(tls) as receiver:
        by_name = receiver.url.replace("127.0.0.1", "localhost")
        unknown = await Webhook(by_name, SECRET, allow_private=True).send(notice, notice.time)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        taken = await Webhook(by_name, SECRET, allow_private=True).send(notice, notice.time)
        other = await Webhook(receiver.url, SECRET, allow_private=True).send(notice, notice.time)
    assert (unknown.outcome, taken.outcome, other.outcome) == ("again", "sent", "again")
    assert "certificate" in unknown.error.lower()
    assert "certificate" in other.error.lower()
    assert len(receiver.received) == 1
    assert receiver.received[0].headers["host"].startswith("localhost:")
    assert asked_for[:2] == ["localhost", "localhost"]
