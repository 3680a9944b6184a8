"""`spantail runs`: the runs of a service, newest first."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from spantail_service.cli.exit_codes import EXIT_OK
from spantail_service.cli.render import span_text
from spantail_service.cli.render.table import Column, table_lines
from spantail_service.client import words
from spantail_service.client.service_url import Token, Url, service_token, service_url
from spantail_service.client.terminal import Glyphs, complain, harmless, harmless_json, output_console, stdout_glyphs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.text import Text

    from spantail_service.client.http import ServiceClient

_PAGE: Final = 200
_MOST_PAGES: Final = 600  # of runs; a rare filter fits few runs of a page
_SHORT_ID: Final = 8

Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=100_000, help="Most runs to list.")]
Status = Annotated[
    str | None,
    typer.Option("--status", metavar="STATUS", help="queued, running, completed, failed, cancelled or abandoned."),
]
Operation = Annotated[str | None, typer.Option("--operation", help="Runs of this operation only.")]
Backend = Annotated[str | None, typer.Option("--backend", help="Runs that called this backend only.")]
Service = Annotated[str | None, typer.Option("--service", help="Runs of this service only.")]
Environment = Annotated[
    str | None, typer.Option("--environment", help="Runs of this deployment environment only, such as `production`.")
]
Version = Annotated[str | None, typer.Option("--version", help="Runs of this version of their service only.")]
Query = Annotated[str | None, typer.Option("--query", "-q", metavar="TEXT", help="Runs whose name holds this text.")]
AsJson = Annotated[bool, typer.Option("--json", help="Each run as one line of JSON.")]

_COLUMNS: Final = (
    Column("", is_styled=True),
    Column("run"),
    Column("name", is_cut=True),
    Column("status", is_styled=True),
    Column("cost", is_right=True, goes=4),
    Column("errors", is_right=True, goes=2),
    Column("spans", is_right=True, goes=1),
    Column("took", is_right=True),
    Column("started", is_right=True, goes=3),
)


def runs(
    limit: Limit = 20,
    status: Status = None,
    operation: Operation = None,
    backend: Backend = None,
    service: Service = None,
    environment: Environment = None,
    version: Version = None,
    query: Query = None,
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """List runs, newest first."""
    from spantail_service.cli.process import run_with_client

    if status is not None and status not in span_text.RUN_STATES:
        raise typer.BadParameter(f"one of {', '.join(span_text.RUN_STATES)}", param_hint="--status")
    filters = {
        "status": status,
        "operation": operation,
        "backend": backend,
        "service": service,
        "environment": environment,
        "version": version,
        "q": query,
    }

    async def show(client: ServiceClient) -> int:
        found = await _collect(client, limit, filters)
        if as_json:
            _print_json(found)
        else:
            _print_table(found, is_filtered=any(value is not None for value in filters.values()))
        return EXIT_OK

    run_with_client(service_url(url), service_token(token), show)


async def _collect(client: ServiceClient, limit: int, filters: dict[str, str | None]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    for _ in range(_MOST_PAGES):
        page = await client.runs(limit=min(_PAGE, limit - len(found)), cursor=cursor, **filters)
        found += page["runs"]
        cursor = page["next_cursor"]
        if cursor is None or len(found) >= limit:
            return found[:limit]
    complain(f"older runs were not looked at: the service was asked {_MOST_PAGES} times.")
    return found


def _print_json(found: Sequence[dict[str, Any]]) -> None:
    import orjson

    for run in found:
        sys.stdout.buffer.write(harmless_json(orjson.dumps(run, option=orjson.OPT_APPEND_NEWLINE)))
    sys.stdout.buffer.flush()


def _print_table(found: Sequence[dict[str, Any]], *, is_filtered: bool) -> None:
    if not found:
        which = "No run fits." if is_filtered else "No runs yet."
        complain(f"{which} You expected one? `spantail doctor` tells why it is not here.")
        return
    console = output_console()
    width = console.width if console.is_terminal else max(console.width, 80)
    for line in table(found, width, stdout_glyphs(), time.time_ns() // 1_000):
        console.print(line)


def table(found: Sequence[dict[str, Any]], width: int, glyphs: Glyphs, now_us: int) -> list[Text]:
    """The runs as lines of at most `width` columns, with a heading. Pure."""
    states = [span_text.RUN_STATES.get(str(run["status"]), "") for run in found]
    styles = [span_text.STYLES.get(state, "") for state in states]
    return table_lines(_COLUMNS, [_row(run, glyphs, now_us) for run in found], styles, width, glyphs.more)


def _row(run: dict[str, Any], glyphs: Glyphs, now_us: int) -> tuple[str, ...]:
    status = harmless(run["status"])
    state = span_text.RUN_STATES.get(status, "pending")
    start, end = run.get("start"), run.get("end")
    is_alive = status in ("running", "queued")
    took = ""
    if start and (end or is_alive):
        took = words.ticking(now_us - start) if is_alive else words.duration(end - start)
    nano, unpriced = run.get("cost_nano") or 0, run.get("unpriced") or 0
    lost = sum((run.get("dropped") or {}).values())
    cost = words.money(nano) + ("+" if unpriced else "") if nano else "unpriced" if unpriced else ""
    return (
        span_text.glyph(state, glyphs),
        harmless(run["run_id"])[:_SHORT_ID],
        harmless(run.get("name") or run.get("operation") or ""),
        f"{status}, {words.plural(lost, 'event')} lost" if lost else status,
        cost,
        f"{run['errors']:,}" if run.get("errors") else "",
        f"{run.get('spans') or 0:,}",
        took,
        words.ago(start, now_us) if start else "",
    )
