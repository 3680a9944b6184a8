"""What the models have in common."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

RunStatus = Literal["queued", "running", "completed", "failed", "cancelled", "abandoned"]
SpanStatus = Literal["running", "ok", "error", "skipped", "cancelled", "abandoned"]
LayerStatus = Literal["pending", "running", "complete", "error", "skipped"]
CostSource = Literal["provider", "calculated", "unpriced"]
RUN_ID = "^[0-9a-f]{32}$"
SPAN_ID = "^[0-9a-f]{16}$"


class Described(BaseModel):
    """What is not named in a model is not sent."""

    model_config = ConfigDict(extra="forbid")
