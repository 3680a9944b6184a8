"""The command `spantail runner`, and its options."""

from __future__ import annotations

from typing import Annotated

import typer

from spantail_service.cli.commands import serve

RedisUrl = serve.RedisUrl
Concurrency = Annotated[
    int | None,
    typer.Option("--concurrency", "-c", min=1, max=1_000, help="Items at a time [SPANTAIL_RUNNER_CONCURRENCY, 4]."),
]
WithParent = Annotated[bool, typer.Option("--with-parent", hidden=True)]


def runner(concurrency: Concurrency = None, redis_url: RedisUrl = None, with_parent: WithParent = False) -> None:
    """Work on the job queue until Ctrl-C, on any number of machines; the service shows what it does.

    Needs the Redis of the service. At a stop it ends what it has begun, for SPANTAIL_RUNNER_DRAIN_S seconds at most;
    what is left goes back into the queue.
    """
    from spantail_service.cli.start_runner import start_runner

    start_runner(with_parent=with_parent, runner_concurrency=concurrency, redis_url=redis_url)
