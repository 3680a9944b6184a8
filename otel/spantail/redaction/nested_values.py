"""Values of every kind, lists and maps within each other among them: masked by the rules of their keys, and bounded."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from spantail.content import count_dropped
from spantail.redaction.key_rules import KeyRule
from spantail.redaction.secret_patterns import REDACTED
from spantail.trouble import report_trouble

if TYPE_CHECKING:
    from spantail.content import Dropped
    from spantail.redaction.remembered_keys import RememberedKeys
    from spantail.redaction.texts import TextRedactor

INT64_MIN: Final = -(2**63)
INT64_MAX: Final = 2**63 - 1
UNREADABLE: Final = "[unreadable]"
TRUNCATED_KEY: Final = "spantail.truncated"

# module names: an attribute of an Enum takes longer to look up
_SECRET, _SECRET_TEXT, _ALLOWED = KeyRule.SECRET, KeyRule.SECRET_TEXT, KeyRule.ALLOWED
_CONTENT, _CONTENT_TEXT = KeyRule.CONTENT, KeyRule.CONTENT_TEXT

_MAX_ITEMS: Final = 1_000
_MAX_DEPTH: Final = 8
_MAX_NODES: Final = 10_000  # in one value: the same list within itself a thousand times is no more


class Reading:
    """What came up while one value was read.

    Attributes:
        dropped: Where message content that is left out is counted; None: nowhere.
        left: How many items the value may still have.
        changed: Whether something was masked, cut or not readable.
        odd: Whether there is something in it that JSON has no value for: bytes, NaN or an infinity.
    """

    __slots__ = ("changed", "dropped", "left", "odd")

    def __init__(self, dropped: Dropped | None) -> None:
        self.dropped = dropped
        self.left = _MAX_NODES
        self.changed = False
        self.odd = False


def is_left_out(rule: KeyRule, value: Any) -> bool:
    """Tell whether a value is message content by the rule of its key."""
    return rule is _CONTENT or (rule is _CONTENT_TEXT and not isinstance(value, bool | int | float))


class ValueRedactor:
    """Redacts values of every kind: JSON values, bytes, NaN and infinities come out of it."""

    def __init__(self, texts: TextRedactor, keys: RememberedKeys) -> None:
        self._texts = texts
        self._keys = keys

    def redact(self, value: Any, rule: KeyRule, reading: Reading) -> Any:
        """Return a value by the rule of its key; what cannot be read becomes `[unreadable]`. Never raises."""
        try:
            return self._value(value, rule, 0, reading)
        except Exception:
            report_trouble("a value could not be read")
            reading.changed = True
            return UNREADABLE

    def _value(self, value: Any, rule: KeyRule, depth: int, reading: Reading) -> Any:
        if value is None:
            return None
        if rule is _SECRET or (rule is _SECRET_TEXT and not isinstance(value, bool | int | float)):
            reading.changed = True
            return REDACTED
        if isinstance(value, bool):
            return bool(value)
        if isinstance(value, int):
            if INT64_MIN <= value <= INT64_MAX:
                return int(value)
            reading.changed = True
            return self._text(str(value), rule)
        if isinstance(value, float):
            reading.odd |= not math.isfinite(value)
            return float(value)
        if isinstance(value, str):
            given = str(value)
            text = self._text(given, rule)
            reading.changed |= text != given
            return text
        if isinstance(value, bytes | bytearray | memoryview):
            kept = self._texts.redact_bytes(bytes(value), mask=rule is not _ALLOWED)
            if isinstance(kept, bytes):
                reading.odd = True
            else:
                reading.changed = True
            return kept
        if isinstance(value, Mapping | list | tuple | set | frozenset):
            return self._container(value, rule, depth, reading)
        reading.changed = True
        return self._text(str(value), rule)

    def _text(self, text: str, rule: KeyRule) -> str:
        return self._texts.cut(text) if rule is _ALLOWED else self._texts.redact(text)

    def _container(self, value: Any, rule: KeyRule, depth: int, reading: Reading) -> Any:
        if depth >= _MAX_DEPTH:
            reading.changed = True
            return f"…[truncated below {_MAX_DEPTH} levels]"
        limit = min(_MAX_ITEMS, reading.left)
        reading.left -= min(len(value), limit)
        mark = f"…[truncated {len(value):,} → {limit:,} items]"
        reading.changed |= len(value) > limit
        if isinstance(value, Mapping):
            return self._map(value, rule, depth, reading, limit=limit, mark=mark)
        items = []
        for count, item in enumerate(value):
            if count >= limit:
                items.append(mark)
                break
            items.append(self._value(item, rule, depth + 1, reading))
        return items

    def _map(
        self, value: Mapping[Any, Any], rule: KeyRule, depth: int, reading: Reading, *, limit: int, mark: str
    ) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for count, (raw_key, item) in enumerate(value.items()):
            if count >= limit:
                made[TRUNCATED_KEY] = mark
                break
            inner, key = self._keys.rule_of(raw_key)
            left_out = is_left_out(inner, item)
            reading.changed |= left_out or not (type(raw_key) is str and key == raw_key)
            if not left_out:
                made[key] = self._value(item, rule if rule is _ALLOWED else inner, depth + 1, reading)
            elif reading.dropped is not None:
                count_dropped(reading.dropped, key, item)
        return made
