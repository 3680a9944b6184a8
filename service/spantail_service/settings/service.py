"""Settings of the service itself: where it runs, who may come in, its Redis and its limits."""

from __future__ import annotations

import ipaddress
import os
import re
import sys
from pathlib import Path
from urllib.parse import urlunsplit

from pydantic import Field, SecretStr, field_validator

from spantail.urls import split_url
from spantail_service.settings.part import CommaSeparated, Part

_HOST_NAME = re.compile(r"\*|(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?|[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:]*")
_REDIS_SCHEMES = ("redis", "rediss", "unix", "redis+cluster", "rediss+cluster")


def default_data_dir() -> Path:
    """The platform's folder for a user's application data, with `spantail` below it."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "spantail"
    base = Path(os.environ.get("XDG_DATA_HOME", ""))
    # The XDG Base Directory specification says to ignore a relative path.
    root = base if base.is_absolute() else Path.home() / ".local" / "share"
    return root / "spantail"


class ServerSettings(Part):
    """Where the service runs."""

    host: str = Field(
        "127.0.0.1", min_length=1, max_length=255, description="Address to listen on; loopback by default."
    )
    port: int = Field(8321, ge=0, le=65_535, description="Port to listen on; 0 takes a free one.")
    otlp_grpc_port: int | None = Field(
        4317,
        ge=0,
        le=65_535,
        description="Port for OTLP/gRPC; 0 takes a free one, `off` none. Where it is taken, OTLP/HTTP goes on alone.",
    )
    workers: int = Field(
        1,
        ge=1,
        le=64,
        description="Processes of `spantail serve` that serve and ingest on the same port; where they are several, a "
        "supervisor keeps them. What is limited for a process is so for each.",
    )
    data_dir: Path = Field(
        default_factory=default_data_dir,
        description="Folder for the embedded Redis' data. Default: the user's data folder.",
    )
    shutdown_s: float = Field(
        10.0,
        gt=0,
        le=300,
        description="Seconds that a stop may take: running operations are cancelled, spans are flushed.",
    )

    @field_validator("otlp_grpc_port", mode="before")
    @classmethod
    def _or_off(cls, value: object) -> object:
        return None if isinstance(value, str) and value.strip().lower() == "off" else value

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()


class AccessSettings(Part):
    """Who may come in."""

    token: SecretStr | None = Field(
        None,
        description="Token that every request needs (`Authorization: Bearer …`, or the page's login). Without it "
        "whoever reaches the port may read and start work.",
    )
    allowed_hosts: CommaSeparated = Field(
        (),
        max_length=100,
        description="Further host names the service answers to, separated by commas; `*.example.com` for all below "
        "one, `*` for any. Always: localhost, and IP addresses when it listens on more than loopback.",
    )
    trusted_proxies: CommaSeparated = Field(
        (),
        max_length=100,
        description="Addresses and networks (`10.0.0.0/8`) of proxies in front, separated by commas: their "
        "`X-Forwarded-For` and `X-Forwarded-Proto` are believed, nobody else's. Name each that a request passes.",
    )
    session_s: int = Field(
        604_800, ge=60, le=31_536_000, description="Seconds that a login on the page lasts; another token ends all."
    )

    @field_validator("token")
    @classmethod
    def _visible(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not re.fullmatch(r"[!-~]{1,1000}", value.get_secret_value()):
            raise ValueError("must be visible ASCII characters without spaces, for it travels in a header")
        return value

    @field_validator("allowed_hosts")
    @classmethod
    def _host_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if not _HOST_NAME.fullmatch(name):
                raise ValueError("must be host names without scheme, port or path, separated by commas")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            try:
                ipaddress.ip_network(name)
            except ValueError:
                raise ValueError("must be IP addresses or networks (10.0.0.0/8), separated by commas") from None
        return value


class StorageSettings(Part):
    """The Redis of the live tier."""

    redis_url: str | None = Field(
        None,
        max_length=2_000,
        description="Redis of the live tier (`redis://`, `rediss://`, `unix://`, `redis+cluster://host,host…`); "
        "`OTEL_EXPORTER_LIVETAIL_URL` is another name for it. Without it `spantail serve` starts its own.",
    )
    redis_connections: int = Field(
        32,
        ge=2,
        le=1_000,
        description="Most connections to Redis for reading and ingest, in a cluster to each node.",
    )
    redis_timeout_s: float = Field(
        5.0, gt=0, le=60, description="Seconds to wait for Redis before a request is answered with 503."
    )

    @field_validator("redis_url")
    @classmethod
    def _known_scheme(cls, value: str | None) -> str | None:
        if value is not None and value.partition("://")[0] not in _REDIS_SCHEMES:
            raise ValueError(  # both names are named, for the error comes under the first one only
                f"must begin with one of {', '.join(f'{scheme}://' for scheme in _REDIS_SCHEMES)} "
                "(also where OTEL_EXPORTER_LIVETAIL_URL says it)"
            )
        return value

    @property
    def shown_redis_url(self) -> str:
        """`redis_url` without user name, password and options, for people."""
        return without_password(self.redis_url or "")


class LimitSettings(Part):
    """How much of everything one process takes."""

    max_body_bytes: int = Field(
        262_144, ge=1_024, le=16_777_216, description="Largest body of an API request, in bytes."
    )
    max_ingest_bytes: int = Field(
        16_777_216, ge=1_024, le=268_435_456, description="Largest OTLP request as sent, in bytes."
    )
    max_ingest_decoded_bytes: int = Field(
        67_108_864, ge=1_024, le=1_073_741_824, description="Largest OTLP request once unzipped, in bytes."
    )
    max_runs: int = Field(
        32, ge=1, le=10_000, description="Operations that this process runs at a time; one more gets a 429."
    )
    max_starts_per_minute: int = Field(
        120, ge=0, le=1_000_000, description="Operations that one client may start in a minute; 0 for no limit."
    )
    max_heavy_per_minute: int = Field(
        1_200,
        ge=0,
        le=1_000_000,
        description="Whole snapshots, exports, imports and searches that one client may ask for in a minute; 0 for "
        "no limit.",
    )
    max_waiters: int = Field(
        4_000,
        ge=1,
        le=100_000,
        description="Viewers of runs held open at a time in one process (WebSockets, event streams, long polls); one "
        "more long poll is answered at once, the others are told to come again.",
    )
    tail_cache_bytes: int = Field(
        67_108_864,
        ge=1_048_576,
        le=17_179_869_184,
        description="Memory for the tails of watched runs in one process, in bytes; what is older is read from Redis.",
    )


def without_password(url: str) -> str:
    """A Redis URL that may be shown: user name and password are left out."""
    parts = split_url(url)
    if "@" not in parts.netloc and not parts.query:
        return url
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
