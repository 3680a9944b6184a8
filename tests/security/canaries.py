"""Secrets of many kinds, each different from every other: what is found tells which it was and where it stood."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final

import re2

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_LETTERS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789"

_SEARCH: Final = re2.Options()
_SEARCH.encoding = re2.Options.Encoding.LATIN1  # of bytes, whatever they are
_SEARCH.max_mem = 1 << 30


class Canaries:
    """Makes secrets and knows them again. Each kind is a text around a part that nothing else holds."""

    def __init__(self, kinds: Mapping[str, Callable[[int], tuple[str, str]]] | None = None) -> None:
        self._kinds = KINDS if kinds is None else kinds
        self._planted: dict[bytes, str] = {}
        self._search: Any = None

    def plant(self, kind: str, where: str) -> str:
        """A new secret of a kind, to be put `where`."""
        hidden, text = self._kinds[kind](len(self._planted))
        self._planted[hidden.encode()] = f"{kind} in {where}"
        self._search = None
        return text

    def found_in(self, haystack: bytes) -> list[str]:
        """What stands in some bytes, by kind and place."""
        if self._search is None:  # for all of them at once, as thousands of searches take half a minute
            self._search = re2.compile(b"|".join(map(re2.escape, self._planted)), _SEARCH)
        return [self._planted[found] for found in dict.fromkeys(hit.group() for hit in self._search.finditer(haystack))]

    def __len__(self) -> int:
        return len(self._planted)


def _hex(number: int, length: int) -> str:
    return hashlib.sha256(b"hex %d" % number).hexdigest()[:length]


def _word(number: int, length: int = 24) -> str:
    digest = hashlib.sha512(b"word %d" % number).digest()
    return "".join(_LETTERS[byte % len(_LETTERS)] for byte in digest)[: length - 2] + "7Q"


def _around(before: str, after: str = "", length: int = 24) -> Callable[[int], tuple[str, str]]:
    def made(number: int) -> tuple[str, str]:
        hidden = _word(number, length)
        return hidden, f"{before}{hidden}{after}"

    return made


def _around_hex(before: str, after: str = "", length: int = 32) -> Callable[[int], tuple[str, str]]:
    def made(number: int) -> tuple[str, str]:
        hidden = _hex(number, length)
        return hidden, f"{before}{hidden}{after}"

    return made


def _aws_key(number: int) -> tuple[str, str]:
    hidden = "".join("ABCDEFGHIJKLMNOP"[int(digit, 16)] for digit in _hex(number, 16))
    return hidden, f"AKIA{hidden}"


def _card(number: int) -> tuple[str, str]:
    digits = "4" + f"{int(_hex(number, 12), 16) % 10**14:014d}"
    total = sum(int(d) if i % 2 else sum(divmod(2 * int(d), 10)) for i, d in enumerate(digits))
    digits += str(-total % 10)
    return " ".join(digits[at : at + 4] for at in range(0, 16, 4)), "paid with " + " ".join(
        digits[at : at + 4] for at in range(0, 16, 4)
    )


def _mailgun(number: int) -> tuple[str, str]:
    return _hex(number, 32), f"{_hex(number, 32)}-{_hex(number + 1, 8)}-{_hex(number + 2, 8)}"


KINDS: Final[dict[str, Callable[[int], tuple[str, str]]]] = {
    "Twilio key": _around_hex("SK"),
    "AWS access key": _aws_key,
    "AWS secret key": _around("aws_secret_access_key = ", length=40),
    "AWS signature": _around_hex("https://b.s3.example/k?X-Amz-Signature=", length=64),
    "Google API key": _around("AIza", length=35),
    "Google OAuth token": _around("ya29.a0", length=40),
    "Google client secret": _around("GOCSPX-", length=28),
    "Azure SAS": _around("https://a.blob.example/c?sv=2024&sig=", "%3D&se=2026", 40),
    "Azure account key": _around("DefaultEndpointsProtocol=https;AccountKey=", "==;EndpointSuffix=x", 60),
    "Azure client secret": _around("abc8Q~", length=34),
    "GitHub token": _around("ghp_", length=36),
    "GitHub fine-grained": _around("github_pat_11ABCDEFG0_", length=50),
    "GitLab token": _around("glpat-", length=20),
    "GitLab runner": _around("glrt-", length=20),
    "Slack token": _around("xoxb-123456789012-", length=24),
    "Slack hook": _around("https://hooks.slack.com/services/T0/B0/"),
    "Stripe key": _around("sk_live_"),
    "npm token": _around("npm_", length=36),
    "PyPI token": _around("pypi-AgEIcHlwaS5vcmc", length=60),
    "Hugging Face": _around("hf_", length=34),
    "OpenAI key": _around("sk-proj-", length=48),
    "Anthropic key": _around("sk-ant-api03-", "-AA", 60),
    "JWT": _around("eyJhbGciOiJIUzI1NiJ9.", ".c2lnbmF0dXJl", 30),
    "private key": _around("-----BEGIN PRIVATE KEY-----\n", "\n-----END PRIVATE KEY-----", 60),
    "password in a URL": _around("https://user:", "@host/x"),
    "token as a URL's user": _around("https://", "@git.example/x", 40),
    "DSN": _around("postgresql://app:", "@db:5432/x"),
    "Oracle DSN": _around("jdbc:oracle:thin:app/", "@//db:1521/x"),
    "cookie": _around("Cookie: theme=dark; sid="),
    "Basic": _around("Authorization: Basic ", "="),
    "Bearer": _around("bearer "),
    "curl": _around("curl -u admin:", " https://x"),
    "password": _around("password="),
    "JSON field": _around('{"client_secret": "', '"}'),
    "card": _card,
    "Telegram bot": _around("123456789:AA", length=33),
    "SendGrid": _around("SG.abcdefghijklmnopqrstuv.", length=43),
    "Mailgun": _mailgun,
    "Mailgun old": _around_hex("key-"),
    "Discord bot": _around("MTIzNDU2Nzg5MDEyMzQ1Njc4.GabcdE.", length=38),
    "Discord hook": _around("https://discord.com/api/webhooks/123456789012345678/", length=60),
    "Databricks": _around_hex("dapi"),
    "Vault": _around("hvs.", length=30),
}
"""A maker for each kind, from a number to the part that must be found nowhere, and the text around it."""

FURTHER_KINDS: Final[dict[str, Callable[[int], tuple[str, str]]]] = {
    "Sentry": _around("sntrys_", length=60),
    "Sentry, a user's": _around_hex("sntryu_", length=64),
    "Pinecone": _around("pcsk_", length=60),
    "Tavily": _around("tvly-dev-", length=32),
    "NVIDIA": _around("nvapi-", length=60),
    "Cerebras": _around("csk-", length=48),
    "Jina": _around("jina_", length=50),
    "Together": _around("tgp_v1_", length=43),
    "PlanetScale": _around("pscale_tkn_", length=43),
    "Doppler": _around("dp.pt.", length=43),
    "Pulumi": _around_hex("pul-", length=40),
    "Netlify": _around("nfp_", length=36),
    "Heroku": _around("HRKU-", length=60),
    "RubyGems": _around_hex("rubygems_", length=48),
    "Docker Hub, an organisation's": _around("dckr_oat_", length=30),
    "Linear": _around_hex("lin_oauth_", length=40),
    "Square": _around("sq0csp-", length=43),
    "Grafana Cloud": _around("glc_eyJ", length=60),
    "ElevenLabs": _around_hex("sk_", length=48),
    "1Password": _around("ops_eyJ", length=80),
    "Terraform": _around("AbCdEfGhIjKlMn.atlasv1.", length=60),
    "Firecrawl": _around_hex("fc-", length=32),
    "Notion, before 2024": _around("secret_", length=43),
    "Okta": _around("SSWS 00", length=40),
    "PostHog": _around("phx_", length=43),
    "Brevo": _around_hex("xkeysib-", "-AbCdEfGhIjKlMnOp", 64),
    "Tailscale": _around("tskey-auth-", "-CNTRL", 30),
    "Contentful": _around("CFPAT-", length=43),
    "OpenRouter": _around_hex("sk-or-v1-", length=64),
    "a variable": _around("DB_PASS="),
    "YAML": _around("smtp_pass: "),
    "an option": _around("tool --api-key "),
    "an option with a quote": _around("tool --password '", "' x"),
    "another option": _around("curl --oauth2-token ", " https://x"),
    "a list of headers": _around("[('x-api-key', '", "')]"),
    "ASGI's headers": _around("[(b'authorization', b'Basic ", "')]"),
    "XML": _around("<Password>", "</Password>"),
    "XML of AWS": _around("<SecretAccessKey>", "</SecretAccessKey>", 40),
    "percent-encoded": _around("grant=x&password%3D"),
    "JSON in JSON": _around('{\\"password\\":\\"', '\\"}'),
    "JSON in JSON in JSON": _around('{\\\\\\"password\\\\\\":\\\\\\"', '\\\\\\"}'),
    "an object's repr": _around("Client(api_key=SecretText('", "'))"),
}
"""Kinds that are tried by themselves alone, to keep the search of all places short."""

HARMLESS: Final = (
    "4bf92f3577b34da6a3ce929d0e0e4737", "00f067aa0ba902b8", "550e8400-e29b-41d4-a716-446655440000",
    "0761a5c7f2ce2d7b1f7d2d5f0e9ad7f0b7a11c55", "v1.20.300-rc.1", "9007199254740993", "1795308986084596",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "chatcmpl-BxK3b9ZJ4aWfT2c8QeVdS1rYpL0mN",
    "lc_run--01a22ebb-4812-7111-9308-900d9ad9301d", "4812e29b-4111-4111-9111-111111111111",
    "thread 550e8400-4111-4111-5111-411111111111 is not known", "3723829990440267834", "6011-1111-4111-411d",
    "claude-3-5-sonnet-20241022", "sha256:b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9",
)  # fmt: skip
"""What looks a little like one and has to stay: ids, versions, digests, long numbers."""
