"""The parts of the settings, one class a subject; the folder's `__init__` puts them together.

A field is named as its environment variable, without the prefix and in lower case: `redis_url` is `SPANTAIL_REDIS_URL`.
"""

from __future__ import annotations

import ipaddress
import os
import re
import sys
from base64 import b64decode
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlunsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, field_validator, model_validator

from spantail.urls import split_url

_HOST_NAME = re.compile(r"\*|(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?|[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:]*")

_SHORTEST_SECRET = 24  # bytes; so says Standard Webhooks

LLM_BACKENDS = ("claude_cli", "langchain", "openai", "anthropic", "openrouter")
"""Every backend that `llm/registry.py` makes."""
_MODEL_OF_TIER = re.compile(r"(?P<backend>\w+)\.(?P<tier>low|middle|high)=(?P<model>[A-Za-z0-9][\w.:/@\[\]-]{0,199})")

_REDIS_SCHEMES = ("redis", "rediss", "unix", "redis+cluster", "rediss+cluster")


def _separate(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


CommaSeparated = Annotated[tuple[str, ...], BeforeValidator(_separate)]
HttpUrl = Annotated[str, Field(max_length=2_000, pattern=r"^https?://[^\s]+$")]
Usd = Annotated[float, Field(ge=0, lt=1_000_000, allow_inf_nan=False)]
# A model's name becomes an argument of a command, so it must not look like an option.
ModelName = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9][\w.:/@\[\]-]*$")]


def default_data_dir() -> Path:
    """The platform's folder for a user's application data, with `spantail` below it."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "spantail"
    base = Path(os.environ.get("XDG_DATA_HOME", ""))
    # The XDG Base Directory specification says to ignore a relative path.
    root = base if base.is_absolute() else Path.home() / ".local" / "share"
    return root / "spantail"


class Part(BaseModel):
    """What the parts have in common. A wrong value raises pydantic's `ValidationError`."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,  # a wrong URL may carry a password
    )


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


class JobSettings(Part):
    """How operations are run, and the queue that they may wait in."""

    runners: int = Field(
        1,
        ge=0,
        le=64,
        description="Runners of `spantail serve` that work on the queue: the first one within its own process, each "
        "further one a process of its own; 0 leaves the queue to `spantail runner` elsewhere.",
    )
    runner_concurrency: int = Field(4, ge=1, le=1_000, description="Items of the queue that a runner takes at a time.")
    runner_drain_s: float = Field(
        30.0,
        ge=0,
        le=86_400,
        description="Seconds that `spantail runner` waits at its stop for items that it has begun; what is not done "
        "then goes back into the queue.",
    )
    queue_lease_s: float = Field(
        15.0,
        ge=1,
        le=3_600,
        description="Seconds after which an item is taken from a runner that does not say any more that it works on "
        "it, and run again.",
    )
    queue_max_attempts: int = Field(
        3, ge=1, le=100, description="How often an item is begun, where its runners die, before it has failed."
    )
    run_time_limit_s: float = Field(
        3_600.0, gt=0, le=604_800, description="Seconds that a run may take, where its operation does not say."
    )


class LinkSettings(Part):
    """Links out of a run, to other tools."""

    jaeger_link: str = Field(
        "",
        max_length=2_000,
        description="Address of a run in Jaeger: `http://localhost:16686/trace/{trace_id}`; also known are "
        "`{service}`, `{start_ms}` and `{end_ms}`. Without it there is no link.",
    )
    grafana_link: str = Field(
        "",
        max_length=4_000,
        description="Address of a run in Grafana, with the same names in braces; any other brace stays as it is.",
    )

    @field_validator("jaeger_link", "grafana_link")
    @classmethod
    def _link_to_a_run(cls, value: str) -> str:
        if value and (not re.match(r"https?://[^\s{}]", value) or "{trace_id}" not in value or re.search(r"\s", value)):
            raise ValueError("must begin with http:// or https://, hold {trace_id}, and no space")
        return value


class OperationSettings(Part):
    """The outside world of the operations, LLM backends excepted."""

    himalayas_url: HttpUrl = Field("https://himalayas.app", description="Base URL of the Himalayas job API.")
    jobspy_proxies: CommaSeparated = Field(
        (), max_length=100, description="Proxies for Indeed and Bayt, used in turn; separated by commas."
    )
    source_timeout_s: float = Field(30.0, gt=0, le=300, description="Seconds that one job source may take.")
    cache_ttl_s: float = Field(600.0, ge=0, le=86_400, description="Seconds that a source's answer is used again.")
    stored_jobs: int = Field(
        2_000,
        ge=1,
        le=1_000_000,
        description="Jobs that are kept in Redis for later operations, the latest ones; of as many imported ones is "
        "remembered that they were imported.",
    )


class LlmSettings(Part):
    """The LLM backends."""

    llm_backends: CommaSeparated = Field(
        ("claude_cli", "langchain"),
        min_length=1,
        max_length=len(LLM_BACKENDS),
        description="LLM backends in the order in which they are asked, separated by commas: "
        f"{', '.join(f'`{name}`' for name in LLM_BACKENDS)}.",
    )
    llm_models: CommaSeparated = Field(
        (),
        max_length=100,
        description="Models of backends by tier (`low`, `middle`, `high`), where they are not the usual ones: "
        "`claude_cli.high=claude-opus-4-5,openrouter.low=openai/gpt-4o-mini`.",
    )
    claude_command: str = Field(
        "claude", min_length=1, max_length=1_000, description="Claude CLI: a name on PATH or a path."
    )
    claude_home: Path | None = Field(
        None, description="HOME of the Claude CLI. Default: the user's own; in demo mode a scratch folder."
    )
    claude_model: ModelName = Field("claude-sonnet-4-5", description="Model of the Claude CLI.")
    claude_small_model: ModelName = Field("claude-haiku-4-5", description="Model of the Claude CLI for small tasks.")
    anthropic_base_url: HttpUrl | None = Field(
        None, description="Base URL of Anthropic's API, for the Claude CLI and the backend `anthropic`."
    )
    anthropic_api_key: SecretStr | None = Field(
        None, description="Key for both. Default: the CLI's own login, or `ANTHROPIC_API_KEY`."
    )
    fallback_model: ModelName = Field("gpt-4o", description="Model of the fallback backend.")
    fallback_small_model: ModelName = Field("gpt-4o-mini", description="Model of the fallback backend for small tasks.")
    embedding_model: ModelName = Field("text-embedding-3-small", description="Model for embeddings.")
    openai_base_url: HttpUrl | None = Field(
        None, description="Base URL of an OpenAI-compatible API for fallback and embeddings."
    )
    openai_api_key: SecretStr | None = Field(None, description="Key for that API. Default: `OPENAI_API_KEY`.")
    openrouter_base_url: HttpUrl = Field("https://openrouter.ai/api/v1", description="Base URL of OpenRouter's API.")
    openrouter_api_key: SecretStr | None = Field(None, description="Key for OpenRouter. Default: `OPENROUTER_API_KEY`.")
    llm_timeout_s: float = Field(60.0, gt=0, le=600, description="Seconds that one LLM attempt may take.")
    llm_retry_after_s: float = Field(
        5.0,
        ge=0,
        le=300,
        description="Longest time in seconds for which a backend is waited for that says when to ask it again "
        "(`Retry-After`). One that wants longer is not asked until then.",
    )
    llm_breaker_failures: int = Field(
        5, ge=1, le=1_000, description="Failures in a row after which a backend's model is not asked for a while."
    )
    llm_breaker_open_s: float = Field(
        30.0, gt=0, le=86_400, description="Seconds for which it is not asked; then one attempt tries it."
    )
    llm_missing_s: float = Field(
        300.0, gt=0, le=86_400, description="Seconds after which a backend that is not installed is looked for again."
    )
    llm_concurrency: int = Field(4, ge=1, le=64, description="LLM attempts at a time, over all runs.")

    @field_validator("llm_backends")
    @classmethod
    def _known_backends(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) < len(value) or not set(value) <= set(LLM_BACKENDS):
            raise ValueError(f"must be some of {', '.join(LLM_BACKENDS)}, each at most once")
        return value

    @field_validator("llm_models")
    @classmethod
    def _models_by_tier(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            if not (found := _MODEL_OF_TIER.fullmatch(one)) or found["backend"] not in LLM_BACKENDS:
                raise ValueError("must be backend.tier=model, separated by commas, with tier low, middle or high")
        return value

    def model_named(self, backend: str, tier: str) -> str | None:
        """The model that `llm_models` names for a tier of a backend, the last one; None where it names none."""
        found = (_MODEL_OF_TIER.fullmatch(one) for one in reversed(self.llm_models))
        return next((one["model"] for one in found if one and (one["backend"], one["tier"]) == (backend, tier)), None)


class BudgetSettings(Part):
    """What LLM calls may cost."""

    budget_run_usd: Usd | None = Field(None, description="Limit of what one run may spend, in USD. Default: none.")
    budget_session_usd: Usd | None = Field(
        None, description="Limit of what all runs of a session may spend together, in USD. Default: none."
    )
    budget_operation_usd: Usd | None = Field(
        None, description="Limit of what all runs of an operation may spend together, in USD, ever. Default: none."
    )
    budget_day_usd: Usd | None = Field(
        None, description="Limit of what all runs may spend on a day (UTC), in USD. Default: none."
    )
    budget_unpriced: Literal["refuse", "allow"] = Field(
        "refuse",
        description="What becomes of a call of a model without a known price where a budget has a limit: `refuse`, or "
        "`allow` while anything is left.",
    )
    budget_at_limit: Literal["finish", "stop"] = Field(
        "finish", description="What becomes of LLM calls that run when a limit is met: they `finish`, or `stop`."
    )


class NoticeSettings(Part):
    """Whom to tell when something needs attention."""

    notice_webhook_url: HttpUrl | None = Field(
        None, description="Webhook that notices are sent to (`https://…`). Without it they are shown on the page alone."
    )
    notice_webhook_secret: SecretStr | None = Field(
        None,
        description="Secret that notices are signed with, as Standard Webhooks says; needed with a webhook. With "
        "`whsec_` in front the rest is Base64.",
    )
    notice_allow_private: bool = Field(
        False, description="Whether the webhook may be on a private, loopback or link-local address."
    )
    notice_allow_http: bool = Field(False, description="Whether the webhook may be `http://`, which anybody can read.")

    @field_validator("notice_webhook_url")
    @classmethod
    def _without_credentials(cls, value: str | None) -> str | None:
        if value is not None and "@" in split_url(value).netloc:
            raise ValueError("must have no user name and password in it")
        return value

    @field_validator("notice_webhook_secret")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None:
            return None
        secret = value.get_secret_value()
        try:
            key = b64decode(secret.removeprefix("whsec_"), validate=True) if secret.startswith("whsec_") else secret
        except ValueError:
            raise ValueError("what stands behind whsec_ must be Base64") from None
        if len(key) < _SHORTEST_SECRET:
            raise ValueError(f"must have at least {_SHORTEST_SECRET} bytes")
        return value

    @model_validator(mode="after")
    def _secret_and_scheme(self) -> Self:
        if self.notice_webhook_url is not None:
            if self.notice_webhook_secret is None:
                raise ValueError("SPANTAIL_NOTICE_WEBHOOK_URL needs SPANTAIL_NOTICE_WEBHOOK_SECRET")
            if self.notice_webhook_url.startswith("http://") and not self.notice_allow_http:
                raise ValueError("SPANTAIL_NOTICE_WEBHOOK_URL must be https://, or SPANTAIL_NOTICE_ALLOW_HTTP be set")
        return self


def without_password(url: str) -> str:
    """A Redis URL that may be shown: user name and password are left out."""
    parts = split_url(url)
    if "@" not in parts.netloc and not parts.query:
        return url
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
