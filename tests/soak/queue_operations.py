"""Operations for the soak of the queue. Services and runners find them by the entry point of a package made for it.

What an operation does to the world is a line in a file, appended with a single `write`: the page cache outlives a
`kill -9`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict

import spantail
from spantail_service.llm import ChainError
from spantail_service.operations.base import Operation, OperationError, Tools, subject_of, work_on
from spantail_service.operations.discovery import GROUP

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from spantail_service.operations.base import Result

EFFECTS: Final = "SOAK_EFFECTS"
"""The environment variable that names the file."""


ANSWER_USD: Final = 0.1
"""What an answer costs, by its own words; it may cost some 0.12 by the price table."""

_RESULT: Final = {
    "type": "result",
    "result": "yes",
    "total_cost_usd": ANSWER_USD,
    "usage": {"input_tokens": 30_000, "output_tokens": 9},
}


class SoakInput(BaseModel):
    """What is given."""

    model_config = ConfigDict(extra="forbid")

    name: str
    work_s: float = 0.0
    asks: bool = False


async def step(given: SoakInput, tools: Tools) -> Result:
    """Work for a time, ask an LLM where that is wanted and allowed, then do something that cannot be taken back."""
    with spantail.layer("work"):
        if given.asks:
            with contextlib.suppress(spantail.BudgetError, ChainError):
                await tools.llm.ask([{"role": "user", "content": "Well?"}], str, name="ask", max_tokens=100)
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


def make_command(path: Path) -> None:
    """Make a command that answers as the Claude CLI does, and names what that cost."""
    path.write_text(f"#!/bin/sh\ncat > /dev/null\nsleep 0.3\necho '{json.dumps(_RESULT)}'\n", encoding="ascii")
    path.chmod(0o700)


def install_into(folder: Path, operations: str = f"{__name__}:OPERATIONS") -> None:
    """Make `folder`, once it is on the path of a process, name these operations, or others (`module:name`)."""
    info = folder / "soak_operations-1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: soak-operations\nVersion: 1\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\nsoak = {operations}\n", encoding="utf-8")
