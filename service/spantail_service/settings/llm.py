"""Settings of the LLM backends."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, field_validator

from spantail_service.settings.part import CommaSeparated, HttpUrl, Part

LLM_BACKENDS = ("claude_cli", "langchain", "openai", "anthropic", "openrouter")
"""Every backend that `llm/registry.py` makes."""

# A model's name becomes an argument of a command, so it must not look like an option.
ModelName = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9][\w.:/@\[\]-]*$")]

_MODEL_OF_TIER = re.compile(r"(?P<backend>\w+)\.(?P<tier>low|middle|high)=(?P<model>[A-Za-z0-9][\w.:/@\[\]-]{0,199})")


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
