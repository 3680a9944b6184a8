"""An operation for processes that find it by the entry point of a package made for a test.

It goes on when a file is there, and what it does to the world is a line in another one.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict

import spantail
from spantail_service.operations.base import Operation, Tools, subject_of, work_on
from tests.support.waiting import eventually_async

if TYPE_CHECKING:
    from spantail_service.operations.base import Result

EFFECTS: Final = "FLEET_EFFECTS"
GO: Final = "FLEET_GO"
"""The environment variables that name the files."""

_LONGEST_S: Final = 600.0


class FleetInput(BaseModel):
    """What is given."""

    model_config = ConfigDict(extra="forbid")

    name: str
    hold: bool = False
    """It waits until the file is there."""


async def _step(given: FleetInput, _: Tools) -> Result:
    with spantail.layer("work"):
        if given.hold:
            await eventually_async(Path(os.environ[GO]).exists, _LONGEST_S)
    with spantail.layer("effect"):
        await asyncio.to_thread(_append, given.name)
    return {"name": given.name}


def _append(name: str) -> None:
    with Path(os.environ[EFFECTS]).open("a", encoding="ascii") as effects:
        effects.write(f"{name}\n")


OPERATIONS: Final = (
    Operation(
        name="fleet-step",
        title="fleet step",
        description="Made for a test.",
        input_model=FleetInput,
        layers=("work", "effect"),
        work=work_on(FleetInput, _step),
        subject=subject_of(FleetInput, lambda given: given.name),
    ),
)
