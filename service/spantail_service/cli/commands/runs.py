"""`spantail runs`: the runs of a service, newest first."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.cells import cell_len
from rich.text import Text

from spantail_service.cli.exit_codes import EXIT_OK
from spantail_service.cli.render import span_text
from spantail_service.cli.render.picture import fit
from spantail_service.client import words
from spantail_service.client.service_url import Token, Url, service_token, service_url
from spantail_service.client.terminal import Glyphs, complain, harmless, harmless_json, output_console, stdout_glyphs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from spantail_service.client.http import ServiceClient

_PAGE: Final = 200
_MOST_PAGES: Final = 600  # of runs; a rare filter fits few runs of a page
_SHORT_ID: Final = 8
_LEAST_NAME: Final = 18

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

COLUMNS: Final = ("", "run", "name", "status", "cost", "errors", "spans", "took", "started")
_RIGHT: Final = (False, False, False, False, True, True, True, True, True)
_NAME: Final = 2
_GOES_FIRST: Final = (6, 5, 8, 4)  # columns that are left out, in this order, where names would be too short


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
    texts = [COLUMNS, *(_row(run, glyphs, now_us) for run in found)]
    widths = [max(cell_len(row[column]) for row in texts) for column in range(len(COLUMNS))]

    def left_for_names() -> int:
        return width - sum(wide + 2 for i, wide in enumerate(widths) if wide and i != _NAME)

    for column in _GOES_FIRST:
        if left_for_names() >= min(_LEAST_NAME, widths[_NAME]):
            break
        widths[column] = 0
    widths[_NAME] = max(1, min(widths[_NAME], left_for_names()))
    lines = []
    for number, row in enumerate(texts):
        line = Text(no_wrap=True, end="\n")
        state = span_text.RUN_STATES.get(str(found[number - 1]["status"]), "") if number else ""
        for column, text in enumerate(row):
            if not widths[column]:
                continue
            cell = fit(text, widths[column], glyphs.more)
            padding = " " * (widths[column] - cell_len(cell))
            style = "dim" if number == 0 else span_text.STYLES.get(state, "") if column in (0, 3) else ""
            line.append("  " if column else "")
            line.append(padding + cell if _RIGHT[column] else cell + padding, style=style)
        line.rstrip()
        line.truncate(width)
        lines.append(line)
    return lines


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
