"""`spantail runners`: the processes that run operations."""

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

AsJson = Annotated[bool, typer.Option("--json", help="As JSON.")]

_COLUMNS: Final = (
    Column("", is_styled=True),
    Column("host", is_cut=True),
    Column("process", is_right=True),
    Column("kind", goes=2),
    Column("does"),
    Column("load", is_right=True, goes=3),
    Column("version", goes=1),
    Column("seen", is_right=True),
)


def runners(as_json: AsJson = False, url: Url = None, token: Token = None) -> None:
    """List the processes that run operations: who lives, what each does, since when."""
    from spantail_service.cli.process import run_with_client

    async def show(client: ServiceClient) -> int:
        found = await client.runners()
        if as_json:
            import orjson

            sys.stdout.buffer.write(harmless_json(orjson.dumps(found, option=orjson.OPT_APPEND_NEWLINE)))
            sys.stdout.buffer.flush()
        elif found["runners"]:
            console = output_console()
            width = console.width if console.is_terminal else max(console.width, 80)
            for line in table(found["runners"], width, stdout_glyphs(), time.time_ns() // 1_000):
                console.print(line)
        else:
            complain("No runner: what is queued waits. `spantail runner` starts one.")
        return EXIT_OK

    run_with_client(service_url(url), service_token(token), show)


def table(found: Sequence[dict[str, Any]], width: int, glyphs: Glyphs, now_us: int) -> list[Text]:
    """The runners as lines of at most `width` columns, with a heading. Pure."""
    styles = [span_text.STYLES.get(_state(one), "") for one in found]
    return table_lines(_COLUMNS, [_row(one, glyphs, now_us) for one in found], styles, width, glyphs.more)


def _state(one: dict[str, Any]) -> str:
    return "abandoned" if not one["alive"] else "running" if one["running"] else "ok"


def _row(one: dict[str, Any], glyphs: Glyphs, now_us: int) -> tuple[str, ...]:
    does = f"{len(one['running']):,} of {one['concurrency']:,}" if one["alive"] else "gone"
    if one["alive"] and one["draining"]:
        does += ", draining"
    return (
        span_text.glyph(_state(one), glyphs),
        harmless(one["host"]),
        str(one["pid"]),
        harmless(one["kind"]),
        does,
        f"{one['load'][0]:.2f}" if one["load"] else "",
        harmless(one["version"]),
        words.ago(one["last_seen"], now_us),
    )
