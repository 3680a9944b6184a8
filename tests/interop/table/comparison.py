"""What a program says of the reference run, held against what was sent: in words for a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from spantail import attributes as key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_INPUT: Final = "gen_ai.usage.input_tokens"
_OUTPUT: Final = "gen_ai.usage.output_tokens"


class SentRun(NamedTuple):
    """The run as it was sent."""

    run_id: str
    spans: Sequence[Mapping[str, Any]]

    @property
    def cost_usd(self) -> float:
        """The sum over its LLM calls."""
        return float(sum(span["attributes"].get(key.COST_USD, 0.0) for span in self.spans))

    @property
    def tokens(self) -> tuple[int, int]:
        """Input and output, summed over its LLM calls."""
        counts = [(span["attributes"].get(_INPUT, 0), span["attributes"].get(_OUTPUT, 0)) for span in self.spans]
        return sum(count for count, _ in counts), sum(count for _, count in counts)


class ReadSpan(NamedTuple):
    """A span as a program's API answers it."""

    span_id: str
    parent_id: str | None
    name: str
    start_us: int
    end_us: int
    is_error: bool
    attributes: Mapping[str, Any]
    events: Sequence[str]


class ReadRun(NamedTuple):
    """A run as a program's API answers it. `None` is what a program has no figure of its own for."""

    spans: Sequence[ReadSpan]
    cost_usd: float | None
    tokens: tuple[int, int] | None


class Row(NamedTuple):
    """One program's line of the table."""

    program: str
    tree: str
    times: str
    attributes: str
    errors: str
    cost: str
    tokens: str


def compare(program: str, sent: SentRun, read: ReadRun) -> Row:
    """What has arrived of `sent`, in words."""
    ours = {span["span_id"]: span for span in sent.spans}
    theirs = {span.span_id: span for span in read.spans}
    both = ours.keys() & theirs.keys()
    same_place = all(
        (ours[one]["name"], ours[one]["parent_id"]) == (theirs[one].name, theirs[one].parent_id) for one in both
    )
    is_same_tree = ours.keys() == theirs.keys() and len(read.spans) == len(theirs) and same_place
    return Row(
        program,
        "same" if is_same_tree else f"{len(both)} of {len(ours)} spans",
        _times(ours, theirs),
        _attributes(ours, theirs),
        _same(
            (ours[one]["is_error"], ours[one]["events"]) == (theirs[one].is_error, list(theirs[one].events))
            for one in both
        ),
        _money(sent.cost_usd, read.cost_usd),
        _counts(sent.tokens, read.tokens),
    )


def _same(answers: Any) -> str:
    found = list(answers)
    return "same" if found and all(found) else f"{found.count(True)} of {len(found)} spans"


def _times(ours: Mapping[str, Mapping[str, Any]], theirs: Mapping[str, ReadSpan]) -> str:
    off = [
        max(abs(ours[one]["start_us"] - theirs[one].start_us), abs(ours[one]["end_us"] - theirs[one].end_us))
        for one in ours.keys() & theirs.keys()
    ]
    return "same" if not any(off) else f"within {max(off)} µs"


def _attributes(ours: Mapping[str, Mapping[str, Any]], theirs: Mapping[str, ReadSpan]) -> str:
    sent = [(span_id, name, value) for span_id, span in ours.items() for name, value in span["attributes"].items()]
    lost = [
        name for span_id, name, value in sent if span_id in theirs and theirs[span_id].attributes.get(name) != value
    ]
    return f"all but {', '.join(f'`{name}`' for name in sorted(set(lost)))}" if lost else "same"


def _money(ours: float, theirs: float | None) -> str:
    if theirs is None:
        return "as attributes"
    return "same" if round(theirs * 1e9) == round(ours * 1e9) else f"${theirs:.9g} of ${ours:.9g}"


def _counts(ours: tuple[int, int], theirs: tuple[int, int] | None) -> str:
    if theirs is None:
        return "as attributes"
    return "same" if theirs == ours else f"{theirs[0]} in, {theirs[1]} out of {ours[0]}, {ours[1]}"
