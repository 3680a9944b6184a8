"""What the parts of the settings have in common.

A part is a class with one subject; its fields are named as their environment variables, without the prefix and in lower
case: `redis_url` is `SPANTAIL_REDIS_URL`.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _separate(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


CommaSeparated = Annotated[tuple[str, ...], BeforeValidator(_separate)]
HttpUrl = Annotated[str, Field(max_length=2_000, pattern=r"^https?://[^\s]+$")]


class Part(BaseModel):
    """What the parts have in common. A wrong value raises pydantic's `ValidationError`."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,  # a wrong URL may carry a password
    )
