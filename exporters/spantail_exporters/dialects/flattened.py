"""Usage objects that came flattened: an attribute for each number, whose name is a prefix and its path (pure)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from spantail_exporters.dialects.costs import COST_NAMES
from spantail_exporters.dialects.objects import FLAT, OBJECT_NAMES, USAGE_RULES
from spantail_exporters.dialects.terms import TERM_NAMES
from spantail_exporters.dialects.tokens import TOKEN_RULES, USAGE_PREFIXES
from spantail_exporters.dialects.values import mapping

if TYPE_CHECKING:
    from spantail_exporters.dialects.objects import Objects

_WHOLE: Final = {f"{rule.theirs}.": rule for rule in USAGE_RULES if f"{rule.theirs}." not in USAGE_PREFIXES}
_PREFIXES: Final = tuple(sorted((*_WHOLE, *USAGE_PREFIXES), key=len, reverse=True))
_OF_OTHER_RULES: Final = frozenset({*OBJECT_NAMES, *(rule.theirs for rule in TOKEN_RULES), *TERM_NAMES, *COST_NAMES})


def flattened(attributes: dict[str, Any]) -> Objects:
    """The usage objects whose numbers are attributes of their own, as far as no other rule reads those.

    Behind a name of `USAGE_RULES` stands a whole object. What stands behind the prefixes of the conventions
    (`FLAT`) belongs to the counts beside it.
    """
    found: dict[str, dict[str, Any]] = {}
    for name in attributes:
        if name.startswith(_PREFIXES) and name not in _OF_OTHER_RULES:
            prefix = next(prefix for prefix in _PREFIXES if name.startswith(prefix))
            _put(found.setdefault(prefix, {}), name.removeprefix(prefix), attributes[name])
    return [(_WHOLE.get(prefix, FLAT), usage) for prefix, usage in found.items()]


def _put(usage: dict[str, Any], path: str, value: object) -> None:
    *groups, last = path.split(".")
    place = usage
    for group in groups:
        within = place.setdefault(group, {})
        if not isinstance(within, dict):  # a number as well as a group: the path says it too
            usage[path] = value
            return
        place = within
    place[last] = mapping(value) or value
