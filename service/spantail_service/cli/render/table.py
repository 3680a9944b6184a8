"""Tables that fit the terminal: columns that matter least are left out first, one column is cut. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from rich.cells import cell_len
from rich.text import Text

from spantail_service.cli.render.picture import fit

if TYPE_CHECKING:
    from collections.abc import Sequence

_GAP: Final = 2
_LEAST_CUT: Final = 18  # columns that the one that is cut keeps, as long as others can be left out


class Column(NamedTuple):
    """One column."""

    title: str
    is_right: bool = False
    is_styled: bool = False
    """It has the colour of its row."""
    is_cut: bool = False
    """It gets the width that the others leave."""
    goes: int = 0
    """In which order it is left out, from 1; 0 for never."""


def table_lines(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], styles: Sequence[str], width: int, more: str
) -> list[Text]:
    """The rows as lines of at most `width` columns, with a heading.

    Args:
        columns: One of them is cut.
        rows: The text of each cell.
        styles: The style of each row.
        width: Of the terminal.
        more: What stands where something was cut.
    """
    texts = [[column.title for column in columns], *rows]
    widths = [max(cell_len(row[at]) for row in texts) for at in range(len(columns))]
    cut = next(at for at, column in enumerate(columns) if column.is_cut)

    def left_for_cut() -> int:
        return width - sum(wide + _GAP for at, wide in enumerate(widths) if wide and at != cut)

    for _, at in sorted((column.goes, at) for at, column in enumerate(columns) if column.goes):
        if left_for_cut() >= min(_LEAST_CUT, widths[cut]):
            break
        widths[at] = 0
    widths[cut] = max(1, min(widths[cut], left_for_cut()))
    lines = []
    for row, style in zip(texts, ["dim", *styles], strict=True):
        line = Text(no_wrap=True, end="\n")
        for at, (column, text) in enumerate(zip(columns, row, strict=True)):
            if not widths[at]:
                continue
            cell = fit(text, widths[at], more)
            padding = " " * (widths[at] - cell_len(cell))
            shown = padding + cell if column.is_right else cell + padding
            line.append(" " * _GAP if at else "")
            line.append(shown, style=style if style == "dim" or column.is_styled else "")
        line.rstrip()
        line.truncate(width)
        lines.append(line)
    return lines
