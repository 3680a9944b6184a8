"""Names that the GenAI semantic conventions had before, for spans that say their kind in our own words. Pure."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from spantail_exporters.dialects.names import GEN_AI, NAME_RULES
from spantail_exporters.dialects.tokens import OURS, TOKEN_RULES

if TYPE_CHECKING:
    from collections.abc import Mapping

_BEFORE: Final = GEN_AI + "before"
OLDER_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        **{rule.theirs: rule.ours for rule in NAME_RULES if rule.source.startswith(_BEFORE)},
        **{rule.theirs: OURS[rule.kind] for rule in TOKEN_RULES if rule.source.startswith(_BEFORE)},
    }
)
"""What each is called now: the rules whose source is an earlier version of the conventions."""
