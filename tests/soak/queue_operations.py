"""Operations for the soak of the queue. Services and runners find them by the entry point of a package made for it.

What an operation does to the world is a line in a file, appended with a single `write`: the page cache outlives a
`kill -9`.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict

import spantail
from spantail_service.operations.base import Operation, OperationError, Tools, subject_of, work_on
from spantail_service.operations.discovery import GROUP

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from spantail_service.operations.base import Result

EFFECTS: Final = "SOAK_EFFECTS"
"""The environment variable that names the file."""


class SoakInput(BaseModel):
    """What is given."""

    model_config = ConfigDict(extra="forbid")

    name: str
    work_s: float = 0.0


async def step(given: SoakInput, _: Tools) -> Result:
    """Work for a time, then do something that cannot be taken back."""
    with spantail.layer("work"):
        for number in range(3):
            with spantail.phase(f"part {number}"):
                await asyncio.sleep(given.work_s / 3)
    with spantail.layer("effect"):
        descriptor = os.open(os.environ[EFFECTS], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(descriptor, f"{given.name}\n".encode())
        finally:
            os.close(descriptor)
    return {"name": given.name}


async def fail(given: SoakInput, _: Tools) -> Result:
    """Fail."""
    raise OperationError(f"{given.name} cannot be done")


def _operation(name: str, work: Callable[[SoakInput, Tools], Awaitable[Result]], layers: tuple[str, ...]) -> Operation:
    return Operation(
        name=name,
        title=name.replace("-", " "),
        description="Made for the soak.",
        input_model=SoakInput,
        layers=layers,
        work=work_on(SoakInput, work),
        subject=subject_of(SoakInput, lambda given: given.name),
    )


OPERATIONS: Final = (_operation("soak-step", step, ("work", "effect")), _operation("soak-fail", fail, ()))


def install_into(folder: Path) -> None:
    """Make `folder`, once it is on the path of a process, name these operations."""
    info = folder / "soak_operations-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: soak-operations\nVersion: 1\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\nsoak = {__name__}:OPERATIONS\n", encoding="utf-8")
