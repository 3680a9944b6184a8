"""The commands `spantail serve` and `spantail demo`, and their options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Host = Annotated[str | None, typer.Option("--host", help="Address to listen on [SPANTAIL_HOST, default 127.0.0.1].")]
Port = Annotated[
    int | None,
    typer.Option("--port", "-p", min=0, max=65_535, help="Port; 0 takes a free one [SPANTAIL_PORT, default 8321]."),
]
DataDir = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        file_okay=False,
        help="Folder for the embedded Redis [SPANTAIL_DATA_DIR, default the user's data folder].",
    ),
]
RedisUrl = Annotated[
    str | None,
    typer.Option("--redis-url", help="Use this Redis instead of starting one [SPANTAIL_REDIS_URL]."),
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers", "-w", min=1, max=64, help="Processes that serve on the same port [SPANTAIL_WORKERS, default 1]."
    ),
]
Runners = Annotated[
    int | None,
    typer.Option(
        "--runners",
        min=0,
        max=64,
        help="Runners that work on the queue: the first one within this process, further ones beside it; 0 for none "
        "[SPANTAIL_RUNNERS, default 1].",
    ),
]


def serve(
    host: Host = None,
    port: Port = None,
    data_dir: DataDir = None,
    redis_url: RedisUrl = None,
    runners: Runners = None,
    workers: Workers = None,
) -> None:
    """Serve the page, the API and OTLP ingest until Ctrl-C.

    Without a Redis URL a Redis server is started and stopped with it, its data kept in the data folder.
    """
    from spantail_service.cli.start_service import start_service

    start_service(
        workload=False,
        host=host,
        port=port,
        data_dir=data_dir,
        redis_url=redis_url,
        runners=runners,
        workers=workers,
    )


def demo(
    host: Host = None,
    port: Port = None,
    data_dir: DataDir = None,
    redis_url: RedisUrl = None,
    workers: Workers = None,
) -> None:
    """As serve, on demo data: a job board and an LLM provider on loopback, and work that starts while somebody looks.

    Needs no key and no network.
    """
    from spantail_service.cli.start_service import start_service

    start_service(
        workload=True, host=host, port=port, data_dir=data_dir, redis_url=redis_url, workers=workers, demo=True
    )
