"""Settings of the work: operations and how they are run, what they may cost, and whom to tell."""

from __future__ import annotations

from base64 import b64decode
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from spantail.urls import split_url
from spantail_service.settings.part import CommaSeparated, HttpUrl, Part

Usd = Annotated[float, Field(ge=0, lt=1_000_000, allow_inf_nan=False)]

_SHORTEST_SECRET = 24  # bytes; so says Standard Webhooks


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
