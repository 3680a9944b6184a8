"""What calls come to: tokens, money, and the layers of a run."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from spantail_service.web.schemas.base import Described, LayerStatus


class Tokens(BaseModel):
    """Token counts; `input` includes what was cached, `output` what was reasoning. Absent is unknown."""

    model_config = ConfigDict(extra="allow")

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0
    cache_write_1h: int = Field(0, description="A part of `cache_write`.")
    audio_input: int = Field(0, description="A part of `input`, as `image_input`.")
    audio_output: int = Field(0, description="A part of `output`, as `image_output`.")
    image_input: int = 0
    image_output: int = 0


class BackendTotals(Described):
    """What a run's calls at one backend come to."""

    calls: int = Field(description="Attempts that were made; one that was skipped is none.")
    errors: int
    fallbacks: int = Field(description="Calls that went on to another backend after a failure of this one.")
    expected_fallbacks: int = Field(
        0, description="Calls that went on without asking it: not installed, circuit open, over budget."
    )
    unpriced: int = Field(description="Calls without a price: their money is not in the sum.")
    tokens: Tokens
    cost_usd: float
    cost_nano: int


class ModelTotals(Described):
    """How many of a run's calls one model served, and how many of them failed."""

    calls: int
    errors: int


class Layer(Described):
    """One layer of the strip."""

    name: str
    status: LayerStatus
    done: int | None = None
    total: int | None = None


class Marks(Described):
    """What a reader should know before trusting the figures."""

    abandoned: int = Field(description="Spans that are abandoned now.")
    corrected: int = Field(description="Spans that were thought abandoned and were heard of again.")
    maybe_incomplete: bool = Field(description="A process died in the middle of it.")
    stale: bool = Field(description="Spans are open, and nothing was heard for a minute.")
