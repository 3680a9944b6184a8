"""Rules within their bounds, signatures as the standard says, and addresses that a webhook may go to."""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
from typing import Any

import pytest

from spantail_service.notices.addresses import AddressRefusedError, addresses_of, is_public
from spantail_service.notices.rules import RULES, changed
from spantail_service.notices.webhook import signature
from spantail_service.settings import Settings


def test_a_rule_keeps_what_is_not_changed() -> None:
    rule = changed(RULES["spend_above"], {"enabled": True, "threshold": 2})
    assert rule == RULES["spend_above"]._replace(enabled=True, threshold=2.0)
    assert changed(rule, {"window_s": 600}).window_s == 600


@pytest.mark.parametrize(
    ("kind", "change", "message"),
    [
        ("run_failed", {"threshold": 1}, "has no threshold"),
        ("run_failed", {"window_s": 60}, "has no window"),
        ("budget_met", {"threshold": 1.5}, "from 0.01 to 1"),
        ("fallback_rate", {"threshold": 0}, "from 0.01 to 1"),
        ("spend_above", {"threshold": -1}, "US dollars"),
        ("queue_stuck", {"window_s": 59}, "from 60 to"),
    ],
)
def test_a_value_out_of_range_is_refused(kind: Any, change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        changed(RULES[kind], change)


def test_the_signature_is_that_of_the_standard() -> None:
    # the example of the standard's own libraries
    secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}'
    made = signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body)
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    plain = hmac.new(b"a secret of our own", b"msg_1.5.{}", hashlib.sha256).digest()
    assert signature("a secret of our own", "msg_1", 5, b"{}") == f"v1,{base64.b64encode(plain).decode()}"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "255.255.255.255", "192.0.2.1", "::1", "::", "fe80::1", "fc00::1", "ff02::1", "::ffff:127.0.0.1",
        "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "::127.0.0.1",
        "2001:db8::1",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_addresses_that_are_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "0x7f000001", "2130706433"])
async def test_a_host_on_loopback_is_refused_however_it_is_written(host: str) -> None:
    with pytest.raises(AddressRefusedError, match="not of the public internet"):
        await addresses_of(host, 80, allow_private=False)


async def test_a_host_on_loopback_is_taken_where_the_settings_allow_it() -> None:
    assert await addresses_of("127.0.0.1", 80, allow_private=True) == ["127.0.0.1"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"notice_webhook_url": "https://x.test/a"}, "needs SPANTAIL_NOTICE_WEBHOOK_SECRET"),
        ({"notice_webhook_url": "http://x.test/a", "notice_webhook_secret": "s" * 24}, "must be https"),
        ({"notice_webhook_url": "https://me:pw@x.test/", "notice_webhook_secret": "s" * 24}, "no user name"),
        ({"notice_webhook_secret": "short"}, "at least 24 bytes"),
        ({"notice_webhook_secret": "whsec_?"}, "must be Base64"),
    ],
)
def test_settings_that_are_not_safe_are_refused(given: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Settings(**given)
