"""Sending a notice to a webhook, signed as Standard Webhooks says (https://www.standardwebhooks.com)."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

import httpx
import orjson

from spantail_service import __version__
from spantail_service.notices.addresses import AddressRefusedError, addresses_of

if TYPE_CHECKING:
    from spantail_service.notices.store import Notice, Outcome
    from spantail_service.settings import NoticeSettings

_TIMEOUT_S: Final = 10.0  # for one address, from the first byte to the head of the answer
_MOST_S: Final = 40.0  # for all of it, the name included: less than a notice is claimed for
_BACKOFF_S: Final = (5.0, 30.0, 120.0, 600.0, 1_800.0, 3_600.0, 7_200.0)
"""After how many seconds a notice is tried again, try by try; after the last of them it is dead."""
_LONGEST_WAIT_S: Final = 3_600.0
_SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - of the standard, no secret


class Delivered(NamedTuple):
    """How a try to send a notice ended."""

    outcome: Outcome
    error: str = ""
    again_in_s: float = 0.0


def webhook_of(settings: NoticeSettings) -> Webhook | None:
    """The webhook that the settings name; None where they name none."""
    if settings.notice_webhook_url is None or settings.notice_webhook_secret is None:
        return None
    return Webhook(
        settings.notice_webhook_url,
        settings.notice_webhook_secret.get_secret_value(),
        allow_private=settings.notice_allow_private,
    )


def signature(secret: str, notice_id: str, timestamp_s: int, body: bytes) -> str:
    """Return the header `webhook-signature`: HMAC-SHA256 over id, time and body.

    Args:
        secret: The secret that both sides know; with `whsec_` in front the rest is Base64.
        notice_id: The header `webhook-id`.
        timestamp_s: The header `webhook-timestamp`, in seconds since the epoch.
        body: What is sent.

    Raises:
        ValueError: What stands behind `whsec_` is no Base64.
    """
    signed = b".".join((notice_id.encode(), str(timestamp_s).encode(), body))
    return "v1," + base64.b64encode(hmac.new(key_of(secret), signed, hashlib.sha256).digest()).decode()


def key_of(secret: str) -> bytes:
    """Return the bytes of a secret.

    Raises:
        ValueError: What stands behind `whsec_` is no Base64.
    """
    if not secret.startswith(_SECRET_PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(_SECRET_PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("what stands behind whsec_ must be Base64") from None


class Webhook:
    """One address that notices are sent to.

    Args:
        url: The address.
        secret: What it is signed with.
        allow_private: Whether it may be an address that is not of the public internet.
    """

    def __init__(self, url: str, secret: str, *, allow_private: bool = False) -> None:
        parts = urlsplit(url)
        self._url = url
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if parts.scheme == "https" else 80)
        self._secret = secret
        self._allow_private = allow_private
        # once, for it reads all certificates; `SSL_CERT_FILE` adds those of one's own
        self._trust = httpx.create_ssl_context(trust_env=True) if parts.scheme == "https" else False
        self.shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/…"
        """The address for people: its path may be a secret."""

    async def send(self, notice: Notice, now_us: int) -> Delivered:
        """Send a notice. Never raises what has to do with the network."""
        try:
            async with asyncio.timeout(_MOST_S):
                return await self._sent(notice, now_us)
        except AddressRefusedError as error:
            return Delivered("dead", str(error))
        except TimeoutError:
            return _again(notice, "the webhook did not answer in time")
        except (OSError, UnicodeError, httpx.HTTPError, httpx.InvalidURL) as error:  # Unicode: no name of a host
            return _again(notice, f"{type(error).__name__}: {error}".rstrip(": "))

    async def _sent(self, notice: Notice, now_us: int) -> Delivered:
        body, timestamp_s = body_of(notice), now_us // 1_000_000
        headers = {
            "host": httpx.URL(self._url).netloc.decode("ascii"),
            "content-type": "application/json",
            "user-agent": f"spantail/{__version__}",
            "webhook-id": notice.id,
            "webhook-timestamp": str(timestamp_s),
            "webhook-signature": signature(self._secret, notice.id, timestamp_s, body),
        }
        addresses = await addresses_of(self._host, self._port, allow_private=self._allow_private)
        async with httpx.AsyncClient(
            timeout=_TIMEOUT_S, follow_redirects=False, trust_env=False, verify=self._trust
        ) as client:
            for address in addresses[:-1]:
                with suppress(httpx.ConnectError, httpx.ConnectTimeout):
                    return await self._posted(client, address, notice, headers, body)
            return await self._posted(client, addresses[-1], notice, headers, body)

    async def _posted(
        self, client: httpx.AsyncClient, address: str, notice: Notice, headers: dict[str, str], body: bytes
    ) -> Delivered:
        pinned = httpx.URL(self._url).copy_with(host=address)
        # the certificate has to be that of the name, whatever the address
        named = {"sni_hostname": self._host}
        async with (
            asyncio.timeout(_TIMEOUT_S),  # httpx counts anew with every byte that comes
            client.stream("POST", pinned, content=body, headers=headers, extensions=named) as answer,
        ):
            return _result_of(notice, answer)


def body_of(notice: Notice) -> bytes:
    """Return what is sent: type, time, and the notice."""
    return orjson.dumps(
        {
            "type": notice.rule,
            "timestamp": datetime.fromtimestamp(notice.time / 1e6, UTC).isoformat(),
            "data": {
                "id": notice.id,
                "rule": notice.rule,
                "time": notice.time,
                "title": notice.title,
                "detail": notice.detail,
                "run_id": notice.run_id,
            },
        }
    )


def _result_of(notice: Notice, answer: httpx.Response) -> Delivered:
    if answer.is_success:
        return Delivered("sent")
    error = f"the webhook answered {answer.status_code}"
    if answer.is_redirect:
        error += ", and redirects are not followed"
    if answer.status_code == httpx.codes.GONE:  # by the standard: send no more
        return Delivered("dead", error)
    return _again(notice, error, answer.headers.get("retry-after", ""))


def _again(notice: Notice, error: str, retry_after: str = "") -> Delivered:
    if notice.tries >= len(_BACKOFF_S):
        return Delivered("dead", error)
    wait_s = _BACKOFF_S[notice.tries]
    if retry_after.isdecimal():
        wait_s = min(max(wait_s, float(retry_after)), _LONGEST_WAIT_S)
    return Delivered("again", error, wait_s)
