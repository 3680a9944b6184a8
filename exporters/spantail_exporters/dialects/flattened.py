"""Usage objects under names that no library is known for, and flattened into an attribute for each number. Pure."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from spantail_exporters.dialects.costs import COST_NAMES
from spantail_exporters.dialects.objects import FLAT, OBJECT_NAMES, USAGE_RULES, UsageRule, unwrapped
from spantail_exporters.dialects.terms import TERM_NAMES
from spantail_exporters.dialects.tokens import TOKEN_RULES, USAGE_PREFIXES
from spantail_exporters.dialects.values import mapping

if TYPE_CHECKING:
    from spantail_exporters.dialects.objects import Objects

_WHOLE: Final = {f"{rule.theirs}.": rule for rule in USAGE_RULES if f"{rule.theirs}." not in USAGE_PREFIXES}
_PREFIXES: Final = tuple(sorted((*_WHOLE, *USAGE_PREFIXES), key=len, reverse=True))
_OF_OTHER_RULES: Final = frozenset({*OBJECT_NAMES, *(rule.theirs for rule in TOKEN_RULES), *TERM_NAMES, *COST_NAMES})
_ENDINGS: Final = ("usage", "usage_metadata", "usageMetadata", "usage_details", "usage_object", "usage_raw")
_OF_OTHER_THINGS: Final = ("guardrail", "memory", "cpu", "disk")
_OTHER: Final = UsageRule("other", None, "a usage object by its shape, whatever it is called")


def flattened(attributes: dict[str, Any]) -> Objects:
    """The usage objects that no other rule reads: by the endings of their names, and those of single attributes.

    Behind a name of `USAGE_RULES` stands a whole object. What stands behind the prefixes of the conventions
    (`FLAT`) belongs to the counts beside it.
    """
    objects: Objects = []
    found: dict[str, dict[str, Any]] = {}
    for name, value in attributes.items():
        if (prefix := _prefix_of(name)) is None:
            continue
        if prefix:
            _put(found.setdefault(prefix, {}), name.removeprefix(prefix), value)
        elif usage := mapping(value):
            objects.append((_OTHER, unwrapped(usage)))
    return objects + [(_WHOLE.get(prefix, FLAT), usage) for prefix, usage in found.items()]


@lru_cache(4_096)  # called for every attribute of every call, and a remembered answer takes a tenth of the time
def _prefix_of(name: str) -> str | None:
    """The prefix before a number's path, "" for the name of a whole object; None for all other names."""
    if name in _OF_OTHER_RULES:
        return None
    if name.endswith(_ENDINGS):
        return None if any(word in name for word in _OF_OTHER_THINGS) else ""
    return next((prefix for prefix in _PREFIXES if name.startswith(prefix)), None)


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
