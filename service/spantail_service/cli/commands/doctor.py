"""The command `spantail doctor`: why do I not see my application?"""

from __future__ import annotations

import os
import textwrap
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.text import Text

from spantail_service.cli.exit_codes import EXIT_FAILED, EXIT_OK
from spantail_service.client.service_url import Token, Url, service_token, service_url
from spantail_service.client.terminal import UNICODE, harmless, output_console, stdout_glyphs

if TYPE_CHECKING:
    from rich.console import Console

    from spantail_service.client.terminal import Glyphs
    from spantail_service.doctor.finding import Finding

EPILOG: Final = "Exit code: 0 nothing is wrong, 1 something is."

_SUBJECT: Final = 9
_INDENT: Final = 4 + _SUBJECT
_WIDEST: Final = 100

NoProbe = Annotated[bool, typer.Option("--no-probe", help="Send no span, only look.")]
AsJson = Annotated[bool, typer.Option("--json", help="Each finding as one line of JSON.")]


def doctor(
    no_probe: NoProbe = False,
    as_json: AsJson = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Find out why an application is not seen, and say what to do.

    Run it where the application runs, with its environment. It looks at the packages, the settings and sampling, the
    service, its Redis and the clocks; then it sends a span of its own on the same ways and looks for it.
    """
    from spantail_service.cli.process import run_to_exit

    run_to_exit(_examine(service_url(url), service_token(token), send_probe=not no_probe, as_json=as_json))


async def _examine(url: str, token: str | None, *, send_probe: bool, as_json: bool) -> int:
    from spantail_service.doctor.examination import examine
    from spantail_service.doctor.finding import Level

    console, glyphs = output_console(), stdout_glyphs()
    counts: dict[Any, int] = dict.fromkeys(Level, 0)
    async for finding in examine(url, token, os.environ, send_probe=send_probe):
        counts[finding.level] += 1
        if as_json:
            _print_json(finding)
        else:
            for line in finding_lines(finding, _width(console), glyphs):
                console.print(line)
    if not as_json:
        console.print(
            Text(f"\n{_conclusion(counts[Level.WRONG], counts[Level.NOTE], probed=send_probe)}", style="bold")
        )
    return EXIT_FAILED if counts[Level.WRONG] else EXIT_OK


def finding_lines(finding: Finding, width: int, glyphs: Glyphs) -> list[Text]:
    """A finding as lines of at most `width` columns: what was found, and below it what to do. Pure."""
    mark, style = {
        "ok": (glyphs.ok, "green"),
        "note": ("!", "yellow"),
        "wrong": (glyphs.error, "bold red"),
    }[finding.level.value]
    first = Text(f"{mark} ", style=style)
    first.append(f"{finding.subject:<{_SUBJECT}}  ", style="" if finding.level.value != "ok" else "dim")
    lines_of_message = _wrapped(finding.message, width)
    lines = [first.append(lines_of_message[0], style="")]
    lines += [Text(" " * _INDENT + text) for text in lines_of_message[1:]]
    arrow = glyphs.arrow if glyphs is UNICODE else "->"
    advice, _, paste = finding.advice.partition("\n")
    for number, text in enumerate(_wrapped(f"{arrow} {advice}", width) if advice else ()):
        lines.append(Text(" " * (_INDENT + (2 if number else 0)) + text, style="bold"))
    if paste:
        lines.append(Text(f"{' ' * (_INDENT + 2)}{harmless(paste)}", style="bold"))  # not broken: it is there to paste
    return lines


def _wrapped(text: str, width: int) -> list[str]:
    columns = max(20, width - _INDENT - 2)
    return textwrap.wrap(harmless(text), columns, break_long_words=False, break_on_hyphens=False) or [""]


def _width(console: Console) -> int:
    return min(console.width, _WIDEST) if console.is_terminal else 80


def _conclusion(wrong: int, notes: int, *, probed: bool) -> str:
    if wrong:
        return f"{wrong} thing{'s' if wrong > 1 else ''} to mend."
    if notes:
        return "Nothing is broken; what is marked with ! may be the reason."
    return "All is well, and a span that was sent arrived." if probed else "All is well, as far as can be seen."


def _print_json(finding: Finding) -> None:
    import orjson

    typer.echo(
        orjson.dumps(
            {
                "level": finding.level.value,
                "subject": finding.subject,
                "told": finding.message,
                "advice": finding.advice,
            }
        ).decode()
    )
