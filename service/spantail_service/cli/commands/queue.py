"""`spantail queue`: what waits and what runs, and what can be done with it."""

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

group = typer.Typer(
    help="The job queue: list it, add to it, retry and cancel items.", no_args_is_help=True, rich_markup_mode=None
)

_STATES: Final = {
    "pending": "pending",
    "delayed": "pending",
    "running": "running",
    "succeeded": "ok",
    "failed": "error",
    "cancelled": "cancelled",
}
_PRIORITIES: Final = ("high", "normal", "low")
_SHORT_ID: Final = 12

AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]
Item = Annotated[str, typer.Argument(metavar="ITEM", help="Id of the item.")]

_COLUMNS: Final = (
    Column("", is_styled=True),
    Column("item"),
    Column("name", is_cut=True),
    Column("status", is_styled=True),
    Column("place", is_right=True),
    Column("tries", is_right=True, goes=1),
    Column("priority", goes=2),
    Column("queued", is_right=True, goes=3),
)


@group.command("list")
def show(as_json: AsJson = False, url: Url = None, token: Token = None) -> None:
    """List what runs, what waits in the order in which it is served, and what has ended."""
    from spantail_service.cli.process import run_with_client

    async def work(client: ServiceClient) -> int:
        found = await client.queue()
        if as_json:
            _print_json(found)
            return EXIT_OK
        counts = found["counts"]
        complain(", ".join(f"{counts[name]:,} {name}" for name in ("running", "pending", "delayed", "failed")) + ".")
        if found["items"]:
            console = output_console()
            width = console.width if console.is_terminal else max(console.width, 80)
            for line in table(found["items"], width, stdout_glyphs(), time.time_ns() // 1_000):
                console.print(line)
        return EXIT_OK

    run_with_client(service_url(url), service_token(token), work)


@group.command()
def add(
    operation: Annotated[str, typer.Argument(metavar="OPERATION", help="Name of the operation.")],
    given: Annotated[
        str, typer.Option("--input", metavar="JSON", help="Its input, a JSON object; `-` reads it from standard input.")
    ] = "{}",
    priority: Annotated[str, typer.Option("--priority", help="high, normal or low.")] = "normal",
    delay_s: Annotated[
        float, typer.Option("--delay", metavar="SECONDS", min=0, help="How long it waits at least.")
    ] = 0,
    max_attempts: Annotated[
        int | None, typer.Option("--attempts", min=1, help="How often it is run, where its runners die.")
    ] = None,
    item_id: Annotated[
        str | None, typer.Option("--id", metavar="ID", help="A name of yours: the same one again changes nothing.")
    ] = None,
    budget_usd: Annotated[
        float | None, typer.Option("--budget", metavar="USD", help="What each run of it may spend.")
    ] = None,
    session_id: Annotated[str | None, typer.Option("--session", metavar="ID", help="The user's session.")] = None,
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Put an operation into the queue; prints the address of its run."""
    from spantail_service.cli.process import run_with_client

    if priority not in _PRIORITIES:
        raise typer.BadParameter(f"one of {', '.join(_PRIORITIES)}", param_hint="--priority")
    optional = {"max_attempts": max_attempts, "id": item_id, "budget_usd": budget_usd, "session_id": session_id}
    item = {
        "operation": operation,
        "input": _object(given),
        "priority": priority,
        "delay_s": delay_s,
        **{name: value for name, value in optional.items() if value is not None},
    }

    async def work(client: ServiceClient) -> int:
        taken = await client.enqueue(item)
        _print_json(taken) if as_json else _say(client, taken)
        return EXIT_OK

    run_with_client(service_url(url), service_token(token), work)


@group.command()
def retry(item_id: Item, as_json: AsJson = False, url: Url = None, token: Token = None) -> None:
    """Have a failed or cancelled item run again; prints the address of its new run."""
    from spantail_service.cli.process import run_with_client

    async def work(client: ServiceClient) -> int:
        taken = await client.retry_item(item_id)
        _print_json(taken) if as_json else _say(client, taken)
        return EXIT_OK

    run_with_client(service_url(url), service_token(token), work)


@group.command()
def cancel(item_id: Item, as_json: AsJson = False, url: Url = None, token: Token = None) -> None:
    """Cancel an item: at once where it waits, by its runner where it runs."""
    from spantail_service.cli.process import run_with_client

    async def work(client: ServiceClient) -> int:
        outcome = await client.cancel_item(item_id)
        if as_json:
            _print_json(outcome)
        else:
            asked = "its runner was asked to stop it" if outcome["status"] == "cancelling" else "cancelled"
            output_console().print(f"{harmless(item_id)}: {asked}")
        return EXIT_OK

    run_with_client(service_url(url), service_token(token), work)


def table(items: Sequence[dict[str, Any]], width: int, glyphs: Glyphs, now_us: int) -> list[Text]:
    """The items as lines of at most `width` columns, with a heading. Pure."""
    styles = [span_text.STYLES.get(_STATES.get(str(item["status"]), ""), "") for item in items]
    return table_lines(_COLUMNS, [_row(item, glyphs, now_us) for item in items], styles, width, glyphs.more)


def _row(item: dict[str, Any], glyphs: Glyphs, now_us: int) -> tuple[str, ...]:
    status = harmless(item["status"])
    if item.get("cancelling"):
        status = "cancelling"
    error = harmless(item.get("error") or "")
    name = harmless(item.get("name") or item["operation"])
    return (
        span_text.glyph(_STATES.get(str(item["status"]), "pending"), glyphs),
        harmless(item["id"])[:_SHORT_ID],
        f"{name} {glyphs.dash} {error}" if error and item["status"] == "failed" else name,
        status,
        "" if item.get("position") is None else f"{item['position'] + 1:,}",
        f"{item['attempts']}/{item['max_attempts']}",
        harmless(item["priority"]),
        words.ago(item["enqueued"], now_us),
    )


def _object(text: str) -> dict[str, Any]:
    import orjson

    try:
        given = orjson.loads(sys.stdin.buffer.read() if text == "-" else text)
    except orjson.JSONDecodeError as error:
        raise typer.BadParameter(f"not JSON: {error}", param_hint="--input") from None
    if not isinstance(given, dict):
        raise typer.BadParameter('a JSON object is wanted, such as {"job_titles": ["nurse"]}', param_hint="--input")
    return given


def _say(client: ServiceClient, taken: dict[str, Any]) -> None:
    from spantail_service.client.service_url import shown_url

    run_id, item_id = harmless(taken["run_id"]), harmless(taken["item_id"])
    output_console().print(f"{shown_url(client.url)}/runs/{run_id}")
    complain(f"item {item_id} is {harmless(taken['status'])}; `spantail tail {run_id[:8]}` follows its run.")


def _print_json(found: dict[str, Any]) -> None:
    import orjson

    sys.stdout.buffer.write(harmless_json(orjson.dumps(found, option=orjson.OPT_APPEND_NEWLINE)))
    sys.stdout.buffer.flush()
