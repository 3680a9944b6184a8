"""Any library's span attributes, with ours beside them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from spantail import attributes as key
from spantail import pricing
from spantail_exporters.dialects.content import move_content
from spantail_exporters.dialects.costs import COST_NAMES, MOST_USD, Told, other_currency, read_cost
from spantail_exporters.dialects.flattened import flattened
from spantail_exporters.dialects.kinds import KIND_RULES, is_retold_stream, kind_said
from spantail_exporters.dialects.models import served
from spantail_exporters.dialects.names import NAME_RULES
from spantail_exporters.dialects.objects import OBJECT_NAMES, usage_objects
from spantail_exporters.dialects.terms import TERM_RULES, read_terms
from spantail_exporters.dialects.tokens import AUDIO_INPUT, INPUT, OF_MEDIA, OURS
from spantail_exporters.dialects.usage import TOKEN_NAMES, read_usage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spantail_exporters.dialects.names import NameRule
    from spantail_exporters.dialects.objects import Objects
    from spantail_exporters.dialects.usage import Usage

_RANKED: Final[dict[str, list[tuple[int, NameRule]]]] = {}
for _rank, _rule in enumerate(NAME_RULES):
    _RANKED.setdefault(_rule.theirs, []).append((_rank, _rule))

_MONEY: Final = frozenset({*TOKEN_NAMES, *COST_NAMES, *OBJECT_NAMES})
_MARKS: Final = frozenset(
    {
        *_RANKED,
        *_MONEY,
        *(rule.name for rule in KIND_RULES),
        *(rule.theirs for rule in TERM_RULES if "." in rule.theirs),
        key.GEN_AI_REQUEST_MODEL,
    }
) - {name for name in _MONEY if "." not in name}
"""A span with none of these is not read: so it is with most spans, and this look is all that they cost."""

_NO_CALLS: Final = frozenset({key.KIND_TOOL, key.KIND_RETRIEVAL, key.KIND_QUEUE})


def is_foreign(attributes: Mapping[str, Any]) -> bool:
    """Whether there is anything to understand: the span is not ours, and speaks of what we have names for."""
    return key.KIND not in attributes and not _MARKS.isdisjoint(attributes)


def understood(
    attributes: dict[str, Any],
    *,
    ended: bool = True,
    start_us: int | None = None,
    moved: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Return `attributes` with our names beside the ones they came with; the same object, changed in place.

    Ours win wherever they are there already, so what was understood once is not changed by a second time. The cost of
    an `ended` LLM call is the one it tells, else what its tokens cost by the price table when the span began
    (`start_us`, microseconds since 1970, None for now); its content is moved, see `content`. A span around LLM calls
    that tells what they used or cost keeps that under the names of the GenAI conventions. Of an open span nothing is
    taken away: an update cannot say that an attribute is gone. `moved` is told where moved content stood. Never raises.
    """
    if not is_foreign(attributes):
        return attributes
    _rename(attributes)
    kind = kind_said(attributes)
    if kind == key.KIND_LLM_CALL and ended and is_retold_stream(attributes):
        kind = None
        attributes[key.KIND] = key.KIND_SPAN  # else the name of its operation would make it a call again
    usage: Usage | None = None
    objects: Objects = []
    if kind == key.KIND_LLM_CALL or not _MONEY.isdisjoint(attributes):
        objects, doubt = usage_objects(attributes)
        objects += flattened(attributes)
        usage = read_usage(attributes, objects)
        usage.doubt(doubt)
        attributes.update({OURS[name]: n for name, n in usage.tokens.items() if n or name not in OF_MEDIA})
    if kind == key.KIND_LLM_CALL:
        attributes[key.KIND] = kind
        _account(attributes, usage, objects, ended=ended, several=False, start_us=start_us)
    elif usage is not None and kind not in _NO_CALLS and key.KIND not in attributes:
        attributes[key.KIND] = kind or key.KIND_SPAN
        _account(attributes, usage, objects, ended=ended, several=True, start_us=start_us)
    elif kind is not None:
        attributes[key.KIND] = kind
    if kind is not None and ended:
        move_content(attributes, kind, moved)
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


def _account(
    attributes: dict[str, Any],
    usage: Usage | None,
    objects: Objects,
    *,
    ended: bool,
    several: bool,
    start_us: int | None,
) -> None:
    """Write what the span cost, or why nobody knows: of a call, or of the several calls that a span is around."""
    terms, doubt = read_terms(attributes, objects)
    for name, value in terms.items():
        attributes.setdefault(name, value)
    if key.COST_USD in attributes:
        return
    tokens = usage.tokens if usage is not None else {}
    # an answer from LiteLLM's own cache costs nothing, and has the token counts of the first answer
    used = any(tokens.values()) and attributes.get("litellm.cache_hit") is not True
    stated = read_cost(attributes, objects, used=used)
    if stated is not None:
        _write(attributes, stated, several=several)
    elif ended and (tokens or not several) and attributes.get(key.COST_SOURCE) != key.SOURCE_UNPRICED:
        note = (usage.note if usage is not None else None) or doubt
        began = start_us / 1e6 if start_us else None
        price = pricing.Unpriced(note) if note is not None else _price(attributes, tokens, several=several, at=began)
        if isinstance(price, pricing.Price) and price.nano_usd > MOST_USD * pricing.NANO:
            price = pricing.Unpriced(f"by its tokens it would have cost more than {MOST_USD} USD")
        if isinstance(price, pricing.Price):
            attributes[key.COST_PRICE_VERSION] = price.version
            usd = pricing.usd_of_nano(price.nano_usd)
            _write(attributes, Told(usd, key.SOURCE_CALCULATED), several=several)
        note = price.note or other_currency(attributes)
        if isinstance(price, pricing.Unpriced) and price.note.startswith("no price known"):
            note = other_currency(attributes) or note
        if note is not None:
            attributes[key.COST_NOTE] = note


def _write(attributes: dict[str, Any], cost: Told, *, several: bool) -> None:
    if several:
        attributes[key.GEN_AI_USAGE_COST_AMOUNT] = cost.usd
        attributes[key.GEN_AI_USAGE_COST_CURRENCY] = "USD"
        attributes[key.GEN_AI_USAGE_COST_SOURCE] = cost.origin
    else:
        attributes[key.COST_USD] = cost.usd
        attributes.setdefault(key.COST_SOURCE, cost.origin)


def _price(
    attributes: dict[str, Any], tokens: dict[str, int], *, several: bool, at: float | None
) -> pricing.Price | pricing.Unpriced:
    provider, models = served(attributes)
    if AUDIO_INPUT not in tokens and tokens.get(INPUT) and any("transcribe" in model for model in models):
        # its input is audio, which costs more than the text that tokens are taken for
        return pricing.Unpriced("how many audio input tokens there were is not known")
    return pricing.price(
        pricing.Tokens(*map(tokens.get, OURS)),
        models=models,
        provider=provider,
        terms=_terms(attributes, several=several),
        at=at,
    )


_TERMS: Final = frozenset(
    {key.SERVICE_TIER, key.SPEED, key.INFERENCE_GEO, key.USAGE_WEB_SEARCHES, key.USAGE_FILE_SEARCHES,
     key.USAGE_CODE_EXECUTIONS}
)  # fmt: skip


def _terms(attributes: dict[str, Any], *, several: bool) -> pricing.Terms:
    if not several and _TERMS.isdisjoint(attributes):
        return pricing.STANDARD
    get = attributes.get
    return pricing.Terms(
        get(key.SERVICE_TIER),
        get(key.SPEED),
        get(key.INFERENCE_GEO),
        get(key.USAGE_WEB_SEARCHES, 0),
        get(key.USAGE_FILE_SEARCHES, 0),
        get(key.USAGE_CODE_EXECUTIONS, 0),
        several,
    )
