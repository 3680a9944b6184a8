"""Any library's span attributes, with ours beside them (pure)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from spantail import attributes as key
from spantail import pricing
from spantail_exporters.dialects.content import move_content
from spantail_exporters.dialects.kinds import KIND_RULES, is_retold_stream, kind_said
from spantail_exporters.dialects.names import COST_RULES, NAME_RULES, read_cost
from spantail_exporters.dialects.usage import USAGE_RULES, claude_code_usage, read_cost_details, read_usage
from spantail_exporters.dialects.values import count

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spantail_exporters.dialects.names import NameRule

_RANKED: Final[dict[str, list[tuple[int, NameRule]]]] = {}
for _rank, _rule in enumerate(NAME_RULES):
    _RANKED.setdefault(_rule.theirs, []).append((_rank, _rule))

_MARKS: Final = frozenset(
    {
        *_RANKED,
        *(rule.name for rule in KIND_RULES),
        *(rule.theirs for rule in COST_RULES),
        *(rule.theirs for rule in USAGE_RULES),
        key.GEN_AI_REQUEST_MODEL,
    }
)
"""A span with none of these is none of ours to read: most spans are not, and this is all they cost."""


def is_foreign(attributes: Mapping[str, Any]) -> bool:
    """Whether there is anything to understand: the span is not ours, and speaks of what we have names for."""
    return key.KIND not in attributes and not _MARKS.isdisjoint(attributes)


def understood(attributes: dict[str, Any], *, ended: bool = True) -> dict[str, Any]:
    """Return `attributes` with our names beside the ones they came with; the same object, changed in place.

    Ours win wherever they are there already, so what was understood once is not changed by a second time. The cost of
    an `ended` LLM call is the one it tells, else what its tokens cost by the price table; its content is moved, see
    `content`. Of an open span nothing is taken away: an update cannot say that an attribute is gone. Never raises.
    """
    if not is_foreign(attributes):
        return attributes
    _rename(attributes)
    kind = kind_said(attributes)
    if kind == key.KIND_LLM_CALL and ended and is_retold_stream(attributes):
        kind = None
        attributes[key.KIND] = key.KIND_SPAN  # else the name of its operation would make it a call again
    if kind is None:
        return attributes
    attributes[key.KIND] = kind
    if kind == key.KIND_LLM_CALL:
        _read_tokens(attributes)
        _read_cost(attributes)
        if ended and key.COST_USD not in attributes:
            _price(attributes)
    if ended:
        move_content(attributes, kind)
    return attributes


def _rename(attributes: dict[str, Any]) -> None:
    found: dict[str, tuple[int, Any]] = {}
    for theirs in attributes.keys() & _RANKED.keys():
        for rank, rule in _RANKED[theirs]:
            if rule.ours in attributes or (rule.ours in found and found[rule.ours][0] < rank):
                continue
            value = rule.read(attributes[theirs])
            if value is not None:
                found[rule.ours] = (rank, value)
    for ours, (_, value) in found.items():
        attributes[ours] = value


def _read_tokens(attributes: dict[str, Any]) -> None:
    for name, number in (read_usage(attributes) or claude_code_usage(attributes)).items():
        attributes.setdefault(name, number)
    total = count(attributes.get(key.GEN_AI_USAGE_INPUT_TOKENS))
    cached = sum(
        count(attributes.get(name)) or 0
        for name in (key.GEN_AI_USAGE_CACHE_READ_TOKENS, key.GEN_AI_USAGE_CACHE_WRITE_TOKENS)
    )
    if total is not None and cached > total:
        # told beside the input, not as a part of it: instrumentations that pass on Anthropic's own numbers
        attributes[key.GEN_AI_USAGE_INPUT_TOKENS] = total + cached


def _read_cost(attributes: dict[str, Any]) -> None:
    if key.COST_USD in attributes:
        return
    told = read_cost(attributes)
    if told is None and (cost := read_cost_details(attributes)) is not None:
        told = cost, key.SOURCE_PROVIDER
    if told is not None:
        attributes[key.COST_USD] = told[0]
        attributes.setdefault(key.COST_SOURCE, told[1])


def _price(attributes: dict[str, Any]) -> None:
    get = attributes.get
    price = pricing.price(
        pricing.Tokens(
            input=count(get(key.GEN_AI_USAGE_INPUT_TOKENS)),
            output=count(get(key.GEN_AI_USAGE_OUTPUT_TOKENS)),
            cache_read=count(get(key.GEN_AI_USAGE_CACHE_READ_TOKENS)),
            cache_write=count(get(key.GEN_AI_USAGE_CACHE_WRITE_TOKENS)),
        ),
        models=[
            model
            for name in (key.GEN_AI_RESPONSE_MODEL, key.GEN_AI_REQUEST_MODEL)
            if isinstance(model := get(name), str)
        ],
        provider=provider if isinstance(provider := get(key.GEN_AI_PROVIDER_NAME), str) else None,
    )
    if price is not None:
        attributes[key.COST_USD] = pricing.usd_of_nano(price.nano_usd)
        attributes[key.COST_SOURCE] = key.SOURCE_CALCULATED
        attributes[key.COST_PRICE_VERSION] = price.version
