"""The command that a supervisor of workers starts each of them with; nobody else has what it needs."""

from __future__ import annotations

from typing import Annotated

import typer

Number = Annotated[int, typer.Argument(min=1)]
Descriptor = Annotated[int, typer.Argument(min=3)]
Workload = Annotated[bool, typer.Option("--workload")]


def worker(number: Number, listener: Descriptor, channel: Descriptor, workload: Workload = False) -> None:
    """Serve on a port that was inherited."""
    from spantail_service.cli.start_worker import start_worker
    from spantail_service.workers.worker import Place

    start_worker(Place(number, listener, channel, workload))
