"""What a call used, as flat attributes and JSON objects on its span report it, brought together. Pure.

Whether the input includes what a cache took and gave differs from library to library: the rule of the name decides it,
and a total on the span confirms or corrects that. What cannot be decided is left as it came, with a note, and gets no
price.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from spantail_exporters.dialects import tokens as t
from spantail_exporters.dialects.objects import FLAT, Counted, counts_in
from spantail_exporters.dialects.quirks import quirk_of
from spantail_exporters.dialects.values import count, word

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spantail_exporters.dialects.objects import Objects
    from spantail_exporters.dialects.tokens import TokenRule

_RULES: Final = {rule.theirs: (rank, rule) for rank, rule in enumerate(t.TOKEN_RULES)}
TOKEN_NAMES: Final = frozenset(_RULES)
"""A span with one of these has token counts; Claude Code's plain names mean that only beside its `span.type`."""

_PROMPT: Final = "llm.token_count.prompt"
_CACHE_READ, _CACHE_INPUT = f"{_PROMPT}_details.cache_read", f"{_PROMPT}_details.cache_input"
UNDECIDED: Final = "it is not told whether the input includes the cached tokens"
_UNDECIDED_OUTPUT: Final = "it is not told whether the output includes the reasoning tokens"


class Usage:
    """The tokens of a call by our names, and what is unclear about them (the first thing; None = nothing)."""

    __slots__ = ("note", "tokens")

    def __init__(self) -> None:
        self.tokens: dict[str, int] = {}
        self.note: str | None = None

    def doubt(self, note: str | None) -> None:
        """Keep the first doubt."""
        self.note = self.note or note


def read_usage(attributes: dict[str, Any], objects: Objects) -> Usage:
    """Bring together all token counts on a span: under their own names, and in its usage objects."""
    usage = Usage()
    quirk, including = quirk_of(attributes)
    groups = [[*_flat(attributes, usage)]]
    if is_of_claude_code(attributes):
        groups.append([*_by_rules(attributes, {rule.theirs: rule for rule in t.CLAUDE_CODE_RULES}, usage)])
    for rule, stated in objects:
        found, doubt = counts_in(rule, stated)
        usage.doubt(doubt)
        if rule is FLAT:
            groups[0] += found
        elif quirk.reasoning is not None and rule.place is None and "prompt_tokens" in stated:
            groups.append(_placed(found, None, quirk.reasoning[0]))
        else:
            groups.append(found)
    if quirk.place or quirk.reasoning:
        groups[0] = _placed(groups[0], quirk.place, quirk.reasoning and quirk.reasoning[1])
    groups = [counted for counted in groups if counted]
    alone = len(groups) == 1
    if alone and _is_total_alone(groups[0]) and is_of_embeddings(attributes):
        groups = [_all_input(counted) for counted in groups]
    for counted in groups:
        _merge(usage, *_settled(counted, including=including, no_total_within=quirk.own_total and alone))
    return usage


def is_of_embeddings(attributes: dict[str, Any]) -> bool:
    """Whether this call made embeddings: all of its tokens are input."""
    return any(word(attributes.get(name)).startswith("embedding") for name in _SAYING_EMBEDDINGS)


_SAYING_EMBEDDINGS: Final = (
    "gen_ai.operation.name", "openinference.span.kind", "llm.request.type", "langfuse.observation.type",
    "mlflow.spanType",
)  # fmt: skip


def _is_total_alone(counted: list[Counted]) -> bool:
    return not any(one.number for one in counted if one.kind != t.TOTAL)


def _all_input(counted: list[Counted]) -> list[Counted]:
    """The counts of embeddings, where a total is all that is reported."""
    return [one._replace(kind=t.INPUT) if one.kind == t.TOTAL else one for one in counted if one.kind != t.INPUT]


def _placed(counted: list[Counted], cached: str | None, reasoning: str | None) -> list[Counted]:
    """The counts with another place for the cached and the reasoning tokens; None leaves it as it is."""
    places = {t.REASONING: reasoning}
    return [one._replace(place=places.get(one.kind, cached) or one.place) for one in counted]


def is_of_claude_code(attributes: dict[str, Any]) -> bool:
    """Whether this is an LLM call of Claude Code, on which `input_tokens` means input tokens."""
    return attributes.get("span.type") == "llm_request"


def _flat(attributes: dict[str, Any], usage: Usage) -> Iterator[Counted]:
    known = sorted(attributes.keys() & TOKEN_NAMES, key=lambda name: _RULES[name][0])
    if _CACHE_INPUT in known and (_CACHE_READ in known or attributes[_CACHE_INPUT] == attributes.get(_PROMPT)):
        # OpenInference's instrumentation of LiteLLM writes the text tokens under this name
        known.remove(_CACHE_INPUT)
    yield from _by_rules(attributes, {name: _RULES[name][1] for name in known}, usage)


def _by_rules(attributes: dict[str, Any], rules: dict[str, TokenRule], usage: Usage) -> Iterator[Counted]:
    for name, rule in rules.items():
        value = attributes.get(name)
        if value is None:
            continue
        number = count(value)
        if number is None:
            usage.doubt("a number of tokens is not readable")
        else:
            yield Counted(rule.kind, number, rule.place)


def _settled(counted: list[Counted], *, including: bool, no_total_within: bool) -> tuple[dict[str, int], str | None]:
    """Make of the counts of one source what they mean: input with all that is a part of it, output likewise."""
    found, places, others = _collected(counted)
    get = found.get
    if all(len(numbers) == 1 for numbers in others.values()) and _is_plain(
        found, places, no_total_within=no_total_within
    ):
        found.pop(t.TOTAL, None)
        return found, None
    doubt = _cache_writes(found, places)
    for kind in (t.VIDEO_OUTPUT, t.OTHER):
        if get(kind):
            doubt = doubt or "there are tokens of a kind whose price is not known"
    cached = get(t.CACHE_READ, 0) + get(t.CACHE_WRITE, 0)
    different = _two_numbers(found, places, others, cached)
    doubt = doubt or different
    place = _place_of_cached(found, places, cached)
    if place == t.UNSAID and including:
        place = t.WITHIN
    if including and t.INPUT in found and cached > found[t.INPUT] and get(t.TOTAL) == found[t.INPUT] + get(t.OUTPUT, 0):
        doubt = doubt or "the cached tokens are more than the input, of which they are a part at this provider"
    if t.INPUT not in found and t.FRESH in found:
        found[t.INPUT], place = found[t.FRESH], t.BESIDE
    if get(t.TEXT_OUTPUT) and get(t.TEXT_OUTPUT) == get(t.OUTPUT):
        found.setdefault(t.AUDIO_OUTPUT, 0)
        found.setdefault(t.IMAGE_OUTPUT, 0)
    if found.get(t.INPUT, 0) + found.get(t.OUTPUT, 0) == get(t.TOTAL):
        # either all is included, or the library made a sum of its own and forgot the cache
        if no_total_within != (place == t.BESIDE) and not including and 0 < cached <= found.get(t.INPUT, 0):
            doubt = doubt or UNDECIDED
        if no_total_within:
            del found[t.TOTAL]
    doubt = _add_up(found, cached, place, places.get(t.REASONING, t.WITHIN)) or doubt
    return {kind: number for kind, number in found.items() if kind in t.OURS}, doubt


def _collected(counted: list[Counted]) -> tuple[dict[str, int], dict[str, str], dict[str, set[int]]]:
    """Return the number of each kind, its place, and all numbers other than 0 that were told of it."""
    found: dict[str, int] = {}
    places: dict[str, str] = {}
    others: dict[str, set[int]] = {}
    for kind, number, place in counted:
        if not found.get(kind):  # a library that does not know a number writes 0
            found[kind], places[kind] = number, place
        if number:
            others.setdefault(kind, set()).add(number)
    return found, places, others


def _cache_writes(found: dict[str, int], places: dict[str, str]) -> str | None:
    """Add up what was written to a cache for five minutes and for an hour; returns what is doubtful about it."""
    get = found.get
    short, long = get(t.CACHE_WRITE_5M, 0), get(t.CACHE_WRITE_1H, 0)
    if short + long and not get(t.CACHE_WRITE):
        found[t.CACHE_WRITE] = short + long
        places[t.CACHE_WRITE] = places[t.CACHE_WRITE_1H if long else t.CACHE_WRITE_5M]
    elif (t.CACHE_WRITE_5M in found and t.CACHE_WRITE_1H in found and short + long != get(t.CACHE_WRITE, 0)) or (
        max(short, long) > get(t.CACHE_WRITE, 0)
    ):
        return "the tokens written to a cache do not add up"
    return None


def _two_numbers(found: dict[str, int], places: dict[str, str], others: dict[str, set[int]], cached: int) -> str | None:
    """Decide between different numbers of one kind, with and without a part of it; returns what is doubtful."""
    doubt = None
    for kind, stated in others.items():
        if len(stated) > 1:
            if kind == t.INPUT and stated == {max(stated), max(stated) - cached}:
                found[kind], places[t.CACHE_READ], places[t.CACHE_WRITE] = max(stated), t.WITHIN, t.WITHIN
            elif kind == t.OUTPUT and stated == {max(stated), max(stated) - found.get(t.REASONING, 0)}:
                found[kind], places[t.REASONING] = max(stated), t.WITHIN
            elif kind in {*t.OURS, t.TOTAL}:
                doubt = doubt or f"there are two different numbers of {kind.replace('_', ' ')} tokens"
    return doubt


def _place_of_cached(found: dict[str, int], places: dict[str, str], cached: int) -> str:
    """Say whether the cached tokens are a part of the input."""
    if cached and t.FRESH in found and t.INPUT in found:
        return {cached: t.WITHIN, 0: t.BESIDE}.get(found[t.INPUT] - found[t.FRESH], t.UNSAID)
    if not cached:
        return t.WITHIN
    told_places = {places[kind] for kind in (t.CACHE_READ, t.CACHE_WRITE) if found.get(kind)}
    return told_places.pop() if len(told_places) == 1 else t.UNSAID


_PLAIN: Final = frozenset({t.INPUT, t.OUTPUT, t.TOTAL, t.CACHE_READ, t.CACHE_WRITE, t.REASONING})


def _is_plain(found: dict[str, int], places: dict[str, str], *, no_total_within: bool) -> bool:
    """Whether all counts are written as we keep them, as they are for most calls: then nothing has to be decided.

    That is, the parts of input and output are within these, by the total or by what the names say.
    """
    get = found.get
    asked, answered, total = get(t.INPUT), get(t.OUTPUT, 0), get(t.TOTAL)
    if asked is None or not found.keys() <= _PLAIN:
        return False
    cached, reasoning = get(t.CACHE_READ, 0) + get(t.CACHE_WRITE, 0), get(t.REASONING, 0)
    if cached > asked or reasoning > answered:
        return False
    if total:
        return total == asked + answered and not (cached and no_total_within)
    parts = (t.CACHE_READ, t.CACHE_WRITE, t.REASONING) if cached or reasoning else ()
    return all(places[kind] == t.WITHIN for kind in parts if get(kind))


def _add_up(found: dict[str, int], cached: int, cache_place: str, reasoning_place: str) -> str | None:
    """Add to input and output in `found` what was counted beside them; say what cannot be decided."""
    asked, answered, total = found.get(t.INPUT), found.get(t.OUTPUT), found.get(t.TOTAL) or None
    reasoning = found.get(t.REASONING, 0)
    tool = found.get(t.TOOL_INPUT, 0)
    if reasoning_place == t.UNSAID and not 0 < reasoning <= (answered or 0):
        reasoning_place = t.BESIDE if reasoning else t.WITHIN
    if asked is None:
        if answered is not None and reasoning_place == t.BESIDE:
            found[t.OUTPUT] = answered + reasoning
        return "only the sum of the tokens is told" if total and answered is None else None
    fits: dict[tuple[int, int], tuple[str, str]] = {}
    possible: dict[tuple[str, str], tuple[int, int]] = {}
    for cache in (t.WITHIN, t.BESIDE):
        for thought in (t.WITHIN, t.BESIDE):
            if (cache == t.WITHIN and cached > asked) or (thought == t.WITHIN and reasoning > (answered or 0)):
                continue
            sums = (
                asked + tool + (cached if cache == t.BESIDE else 0),
                (answered or 0) + (reasoning if thought == t.BESIDE else 0),
            )
            possible[cache, thought] = sums
            if total is not None and sum(sums) == total:
                fits.setdefault(sums, (cache, thought))
    preferred = possible.get((cache_place, reasoning_place))
    doubt = None
    if len(fits) == 1:
        chosen: tuple[int, int] | None = next(iter(fits))
    elif fits:
        chosen = preferred if preferred in fits else None
    elif total is not None and not (
        cached > asked and total == asked + (answered or 0)
    ):  # that one leaves out the cache
        chosen = preferred
        doubt = f"the total of {total} tokens is not the sum of those that are told"
    else:
        # what cannot be a part of the input stands beside it, whatever the rule says
        chosen = preferred or (next(iter(possible.values())) if len(set(possible.values())) == 1 else None)
        if chosen is None and t.UNSAID not in {cache_place, reasoning_place}:
            chosen = next((sums for (cache, _), sums in possible.items() if cache == cache_place), None) or next(
                (sums for (_, thought), sums in possible.items() if thought == reasoning_place), None
            )
    if chosen is None:
        return doubt or (_UNDECIDED_OUTPUT if reasoning_place == t.UNSAID else UNDECIDED)
    found[t.INPUT] = chosen[0]
    if answered is not None:
        found[t.OUTPUT] = chosen[1]
    return doubt


def _merge(usage: Usage, found: dict[str, int], doubt: str | None) -> None:
    """Take over the counts of one more source."""
    usage.doubt(doubt)
    if not usage.tokens:
        usage.tokens = found
        return
    held, tokens = usage.tokens.get(t.INPUT), usage.tokens
    for kind, number in found.items():
        if not tokens.get(kind):
            tokens[kind] = number
        elif number and number != tokens[kind] and kind != t.INPUT:
            usage.doubt(f"there are two different numbers of {kind.replace('_', ' ')} tokens")
    asked = found.get(t.INPUT)
    if held and asked and held != asked:
        read, write = tokens.get(t.CACHE_READ, 0), tokens.get(t.CACHE_WRITE, 0)
        # one of the two sources did not know of what a cache took or gave
        tokens[t.INPUT] = max(held, asked)
        if abs(held - asked) not in {read, write, read + write}:
            usage.doubt("there are two different numbers of input tokens")
