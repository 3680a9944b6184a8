"""docs/interoperability.md, made of what was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.support.tools import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from tests.interop.table.comparison import Row
    from tests.interop.table.incoming import Seen

PAGE: Final[Path] = ROOT / "docs" / "interoperability.md"

_PAGE: Final = """# Spantail beside other programs

What is said here was done: the programs ran on one machine, and their own APIs answered. `make interop` does it again
and writes this page.

## What others show of our runs

An application with Spantail's SDK and nothing but `OTEL_EXPORTER_OTLP_ENDPOINT` sent one run over OTLP/HTTP: an
operation with two layers, a tool, and an LLM call that failed at its first backend and was answered by the second one,
and a call without a known price. Then each program was asked for it.

{out}

*Cost* and *tokens* are the program's own sums over the run. Where it makes none, they are there as attributes of the
spans: `gen_ai.usage.*`, `gen_ai.usage.cost`, `spantail.cost_usd`.

{notes}

## What we show of theirs

Each library ran as its documents say, against a provider on loopback, and sent its spans to us. The tokens include
cached ones and those of reasoning. A call that several libraries saw counts once where one span is within the other.
Side by side it counts twice: so does the call of OpenLLMetry to Anthropic, whose own library makes a span beside it.

{into}

## Not run

Grafana and Tempo are not run here: see [Grafana](how-to/around/grafana.md). Langfuse's and OpenLIT's own servers need a
container engine and databases of their own, and otel-desktop-viewer could not be built where this page was made. They
take OTLP, so the first table's attributes reach them, but nobody has looked.
"""

_NOTES: Final = {
    "Phoenix": (
        "Phoenix knows our calls by `gen_ai.*`, and rounds times to the microsecond where we cut what is below one."
    ),
    "MLflow": (
        "MLflow wants the header `x-mlflow-experiment-id`, and prices a call by its own table. A text that is JSON it "
        "answers as the value that the JSON means, so that attribute is there in another form."
    ),
}


def written(rows: Sequence[Row], seen: Sequence[Seen]) -> str:
    """The whole page."""
    out = _table(
        ["program", "tree", "times", "attributes", "errors and events", "cost", "tokens"],
        rows,
    )
    into = _table(
        ["library", "version", "spans", "LLM calls", "tokens in", "tokens out", "cost in USD"], map(_line_of, seen)
    )
    names = {row.program.partition(" ")[0] for row in rows}
    notes = "\n".join(f"- {text}" for name, text in _NOTES.items() if name in names)
    return _PAGE.format(out=out, into=into, notes=notes)


def _line_of(seen: Seen) -> Sequence[object]:
    tokens_in, tokens_out = seen.tokens
    cost = _usd(seen.cost_usd)
    return seen.library, seen.version, seen.spans, seen.calls, f"{tokens_in:,}", f"{tokens_out:,}", cost


def _usd(cost_usd: float) -> str:
    return f"{cost_usd:.9f}".rstrip("0").rstrip(".")


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)
