"""A run as lines of text, in a given width and height. Pure: nothing here writes or asks for the time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from spantail_service.cli.render import span_text
from spantail_service.cli.render.rows import Gap, Row, choose, tree_rows
from spantail_service.client import words
from spantail_service.client.terminal import Glyphs, harmless

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from spantail_service.cli.render.view import RunView

_LEAST_NAME: Final = 30  # columns that a name keeps; tokens, then cost, go before it gets less
_STRIP_LINES: Final = 2
_LEAST_TREE: Final = 3  # lines, however few the heading leaves
_NEWS_LINES: Final = 3
_FEW_NEWS_LINES: Final = 2
_TALL: Final = 20  # lines from which more than the tree is shown, …
_VERY_TALL: Final = 34  # … and for all of it
_SHORT_ID: Final = 8
_WIDTH_FOR_ID: Final = 48


class Paper(NamedTuple):
    """What there is to draw on."""

    width: int
    glyphs: Glyphs


def fit(text: str, width: int, more: str) -> str:
    """`text` in at most `width` columns, cut with a mark; wide characters count as two."""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, max(0, width - cell_len(more))).rstrip() + more if width > 0 else ""


def draw_run(view: RunView, paper: Paper, now_us: int, *, max_lines: int) -> list[Text]:
    """Heading, layers, backends, the tree and what is new, on at most `max_lines` lines where that is possible."""
    above = [*heading(view, paper, now_us), *layer_strip(view, paper)[:_STRIP_LINES]]
    below: list[Text] = []
    if max_lines >= _TALL:
        above += backend_lines(view, paper)
        news = news_lines(view, paper, _NEWS_LINES if max_lines >= _VERY_TALL else _FEW_NEWS_LINES)
        below = [Text("", end=""), *news] if news else []
    above.append(Text("", end=""))
    tree = tree_lines(view, paper, now_us, max_lines=max(_LEAST_TREE, max_lines - len(above) - len(below)))
    return [*above, *tree, *below]


def draw_result(view: RunView, paper: Paper, now_us: int, *, most_rows: int) -> list[Text]:
    """A run that is not watched any more: the tree, and below it the summary, which is still seen when a long tree
    has scrolled away.
    """
    summary = [*heading(view, paper, now_us), *layer_strip(view, paper), *backend_lines(view, paper)]
    return [*tree_lines(view, paper, now_us, max_lines=most_rows), Text("", end=""), *summary]


def heading(view: RunView, paper: Paper, now_us: int) -> list[Text]:
    """Name, status and duration of the run; below it what it cost, and what is not as it should be."""
    state = span_text.RUN_STATES.get(view.status, "pending")
    length = view.length_us(now_us)
    took = "" if length is None else words.duration(length) if view.is_over else words.ticking(length)
    status = f"  {view.status} {took}".rstrip()
    tail = f"  {view.run_id[:_SHORT_ID]}"
    if paper.width < _WIDTH_FOR_ID:
        tail = ""
    name_width = paper.width - 2 - cell_len(status) - cell_len(tail)
    first = Text(no_wrap=True, end="")
    first.append(span_text.glyph(state, paper.glyphs), style=span_text.STYLES.get(state, ""))
    first.append(f" {fit(harmless(view.name or 'run'), max(4, name_width), paper.glyphs.more)}", style="bold")
    first.append(status, style=span_text.STYLES.get(state, ""))
    first.append(" " * max(0, paper.width - cell_len(first.plain) - cell_len(tail)) + tail, style="dim")
    first.truncate(paper.width)
    items = [Text(fit(text, paper.width - 2, paper.glyphs.more), style=style) for text, style in _summary_items(view)]
    return [first, *_packed(items, paper.width, "  ")]


def _packed(items: Iterable[Text], width: int, separator: str) -> list[Text]:
    """Items side by side, on as many lines as they need."""
    lines: list[Text] = []
    for item in items:
        if lines and lines[-1].cell_len + len(separator) + item.cell_len <= width:
            lines[-1].append(separator)
            lines[-1].append_text(item)
        else:
            lines.append(Text("  ", no_wrap=True, end="").append_text(item))
    return lines


def _summary_items(view: RunView) -> list[tuple[str, str]]:
    """The summary of a run, as texts with their styles; what is lost or missing is shown on every screen."""
    spans = view.spans.values()
    running = sum(1 for span in spans if span.get("status") == "running")
    errors = sum(1 for span in spans if span.get("status") == "error")
    unpriced, fallbacks, lost = view.total("unpriced"), view.total("fallbacks"), sum(view.dropped.values())
    abandoned = view.marks.get("abandoned") or 0
    items = [(cost_of_run(view), "bold"), (words.plural(len(view.spans), "span"), "")]
    if running and not view.is_over:
        items.append((f"{running} running", "cyan"))
    if errors:
        items.append((words.plural(errors, "error"), "red"))
    if fallbacks:
        items.append((words.plural(fallbacks, "fallback"), "yellow"))
    if lost:
        reasons = ", ".join(f"{harmless(reason)} {count:,}" for reason, count in sorted(view.dropped.items()))
        items.append((f"{words.plural(lost, 'event')} lost ({reasons})", "red"))
    if abandoned:
        items.append((f"{abandoned:,} abandoned", "yellow"))
    if unpriced and view.cost_nano:
        items.append((f"{unpriced:,} unpriced", "yellow"))
    if view.marks.get("maybe_incomplete"):
        items.append(("maybe incomplete", "yellow"))
    if view.marks.get("stale"):
        items.append(("silent source", "yellow"))
    if view.marks.get("corrected"):
        items.append(("corrected", "yellow"))
    if view.service:
        items.append((harmless(view.service), "dim"))
    return [item for item in items if item[0]]


def cost_of_run(view: RunView) -> str:
    """The sum of all attempts; `unpriced` where none had a price, empty where no call was made."""
    if view.cost_nano:
        return words.money(view.cost_nano)
    if view.total("unpriced"):
        return "unpriced"
    return "$0" if view.total("calls") > view.total("errors") else ""


def layer_strip(view: RunView, paper: Paper) -> list[Text]:
    """The layers and how far they are: `✓ fetch   ◐ score 12/40   ○ rank`; empty without layers."""
    items = []
    for layer in view.layers:
        state = span_text.LAYER_STATES.get(str(layer.get("status")), "pending")
        progress = span_text.progress(layer)
        name = fit(harmless(layer.get("name") or ""), max(4, paper.width - 4), paper.glyphs.more)
        item = Text(span_text.glyph(state, paper.glyphs), style=span_text.STYLES.get(state, "dim"))
        item.append(f" {name}", style="dim" if state == "pending" else "default")
        if progress and state == "running":
            item.append(f" {progress}", style="cyan")
        item.truncate(paper.width - 2)
        items.append(item)
    return _packed(items, paper.width, "   ")


def backend_lines(view: RunView, paper: Paper) -> list[Text]:
    """One line for each backend: calls, errors, fallbacks, tokens, cost; empty before the first call.

    A backend that was left without being asked was skipped.
    """
    if not view.backends:
        return []
    names = {name: fit(harmless(name), paper.width // 3, paper.glyphs.more) for name in view.backends}
    widest = max(cell_len(name) for name in names.values())
    lines = []
    for backend, totals in sorted(view.backends.items()):
        name = names[backend]
        nano, unpriced = totals.get("cost_nano", 0), totals.get("unpriced", 0)
        parts = [
            words.plural(totals.get("calls", 0), "call"),
            words.plural(totals["errors"], "error") if totals.get("errors") else "",
            words.plural(totals["fallbacks"], "fallback") if totals.get("fallbacks") else "",
            f"skipped {totals['expected_fallbacks']:,} times" if totals.get("expected_fallbacks") else "",
            words.token_flow(totals.get("tokens"), paper.glyphs.arrow)
            if any(totals.get("tokens", {}).values())
            else "",
            words.money(nano) if nano else "",
            f"{unpriced:,} unpriced" if unpriced else "",
        ]
        line = Text(f"  {name}{' ' * (widest - cell_len(name))}", style="", no_wrap=True, end="")
        text = "  " + "  ".join(part for part in parts if part)
        line.append(fit(text, paper.width - line.cell_len, paper.glyphs.more), style="dim")
        lines.append(line)
    return lines


def news_lines(view: RunView, paper: Paper, most: int) -> list[Text]:
    """The latest warnings and fallbacks."""
    lines = []
    for event in list(view.news)[-most:]:
        if event["event"] == "log":
            content = f"{event.get('level')} {event.get('logger')}: {event.get('message')}"
        else:
            content = fallback_text(event, paper.glyphs)
        text = f"{words.time_of_day(event.get('ts') or 0)}  {harmless(content)}"
        lines.append(Text(fit(text, paper.width, paper.glyphs.more), style="yellow", no_wrap=True, end=""))
    return lines


def fallback_text(event: dict[str, object], glyphs: Glyphs) -> str:
    """`claude_cli → langchain: rate limited`, from an event `llm_call_fallback`."""
    attributes = event.get("attributes")
    given = attributes if isinstance(attributes, dict) else {}
    origin, target = given.get("spantail.fallback.from"), given.get("spantail.fallback.to")
    backends = f" {glyphs.arrow} ".join(str(name) for name in (origin, target) if name)
    reason = given.get("spantail.fallback.reason")
    return harmless(
        f"fallback {'from ' if origin and not target else ''}{backends}" + (f": {reason}" if reason else "")
    )


def tree_lines(view: RunView, paper: Paper, now_us: int, *, max_lines: int) -> list[Text]:
    """The tree with cost, tokens and duration in columns, on at most `max_lines` lines."""
    rows = tree_rows(view.spans)
    if not rows:
        text = "waiting for the first span" if not view.is_over else "no spans"
        return [Text(f"  {text}", style="dim", no_wrap=True, end="")]
    shown = choose(rows, max_lines)
    cells = [_cells(item, view, paper, now_us) for item in shown if isinstance(item, Row)]
    widths = _column_widths(cells, paper.width)
    lines: list[Text] = []
    at = 0
    for item in shown:
        if isinstance(item, Gap):
            text = f"{_guides(item.lasts[:-1], paper.glyphs)}{paper.glyphs.more} {item.count:,} more"
            lines.append(Text(fit(text, paper.width, paper.glyphs.more), style="dim", no_wrap=True, end=""))
            continue
        note = span_text.note(item.span, view.reasons.get(item.span_id)) if item.span else ""
        lines.append(_row_line(item, note, cells[at], widths, paper))
        at += 1
    return lines


def _guides(lasts: Sequence[bool], glyphs: Glyphs) -> str:
    return "".join(glyphs.blank if last else glyphs.through for last in lasts)


def _cells(row: Row, view: RunView, paper: Paper, now_us: int) -> tuple[str, str, str]:
    """Tokens, cost and duration of a row. A parent shows what its branch cost."""
    span = row.span
    if span is None:
        return "", "", ""
    if span.get("kind") == "llm_call":
        cost = span_text.cost(span)
    else:
        cost = words.money(row.nano) if row.nano else "unpriced" if row.unpriced else ""
    now = max(now_us, view.latest)
    return words.token_flow(span.get("tokens"), paper.glyphs.arrow), cost, span_text.length(span, now)


def _column_widths(cells: Sequence[tuple[str, str, str]], width: int) -> list[int]:
    """Columns as wide as what is in them; tokens go first where names would be too short, then cost."""
    widths = [max((cell_len(texts[column]) for texts in cells), default=0) for column in range(3)]
    for column in (0, 1, 2):
        if width - sum(wide + 2 for wide in widths if wide) >= _LEAST_NAME:
            break
        widths[column] = 0
    return widths


def _row_line(row: Row, note: str, cells: tuple[str, str, str], widths: Sequence[int], paper: Paper) -> Text:
    """A row with its note and its cells, in the columns' widths."""
    glyphs = paper.glyphs
    name_width = max(1, paper.width - sum(width + 2 for width in widths if width))
    line = Text(no_wrap=True, end="")
    if row.lasts:
        guides = _guides(row.lasts[:-1], glyphs) + (glyphs.last if row.lasts[-1] else glyphs.branch)
        line.append(guides, style="dim")
    span = row.span
    if span is None:
        line.append(
            fit(f"{glyphs.pending} (parent not seen yet)", name_width - line.cell_len, glyphs.more), style="dim"
        )
        return line
    status = str(span.get("status"))
    style = span_text.STYLES.get(status, "")
    line.append(f"{span_text.glyph(status, glyphs)} ", style=style)
    name = fit(span_text.label(span), name_width - line.cell_len, glyphs.more)
    line.append(name, style="dim" if status in ("skipped", "cancelled") else "bold" if not row.lasts else "")
    left = name_width - line.cell_len - 2
    if note and left >= min(cell_len(note), 6):
        line.append("  ")
        line.append(fit(note, left, glyphs.more), style=style or "dim")
    line.append(" " * (name_width - line.cell_len))
    own = span.get("kind") == "llm_call"
    for text, width, column_style in zip(cells, widths, ("dim", "" if own else "dim", ""), strict=True):
        if width:
            line.append("  " + " " * (width - cell_len(text)) + text, style=column_style)
    line.rstrip()
    return line
