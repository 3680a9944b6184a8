"""The command `spantail tail` and its options."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from spantail_service.client.service_url import Token, Url, service_token, service_url

_GIVE_UP_S: Final = 300.0

EPILOG: Final = (
    "Exit code: 0 the run completed, 3 failed, 4 cancelled, 5 abandoned; 6 no such run; 1 the service does not answer "
    "or refuses; 2 wrong option; 130 Ctrl-C."
)

RunId = Annotated[
    str | None,
    typer.Argument(
        metavar="RUN_ID",
        show_default=False,
        help="The run: its id, the first digits of it, or the page's address. Without it: the newest run that is "
        "under way, else the next one.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Every event as one line of JSON, from the first on.")]
AsLines = Annotated[bool, typer.Option("--lines", help="One line for each event, as in a pipe, instead of the tree.")]
Since = Annotated[
    int, typer.Option("--since", min=0, metavar="SEQ", help="With --json or --lines: begin at this event.")
]
GiveUp = Annotated[
    float,
    typer.Option(
        "--give-up-after", min=0, metavar="SECONDS", help="How long the service may stay away; 0 is for ever."
    ),
]


def tail(
    run_id: RunId = None,
    as_json: AsJson = False,
    as_lines: AsLines = False,
    since: Since = 0,
    give_up_after: GiveUp = _GIVE_UP_S,
    url: Url = None,
    token: Token = None,
) -> None:
    """Watch a run: a live tree with cost and backend, until it ends.

    In a pipe, or on a terminal that cannot redraw, it is one line for each event.
    """
    from spantail_service.cli.process import run_with_client
    from spantail_service.cli.watch import Form, watch

    form = Form.JSON if as_json else Form.LINES if as_lines or since else Form.TREE
    run_with_client(
        service_url(url),
        service_token(token),
        lambda client: watch(client, run_id, form, since=since, give_up_s=give_up_after),
    )
