"""All attributes of one span, event or resource: the loop over them, and the bounds of the whole."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from spantail.content import count_dropped
from spantail.json_values import as_json, cut_text, json_size, type_of
from spantail.redaction.key_rules import KeyRule
from spantail.redaction.nested_values import (
    INT64_MAX,
    INT64_MIN,
    TRUNCATED_KEY,
    Reading,
    ValueRedactor,
    is_left_out,
)
from spantail.redaction.secret_patterns import REDACTED, may_hold_secret
from spantail.redaction.texts import SMALL_CHARACTERS
from spantail.trouble import report_trouble

if TYPE_CHECKING:
    from spantail.content import Dropped
    from spantail.redaction.remembered_keys import RememberedKeys
    from spantail.redaction.texts import TextRedactor

Transform = Callable[[str, Any], Any]
"""Called with the key and the value of every attribute; returns the value to go on with."""

Remarks = dict[str, Any]
"""What JSON cannot say about attributes, as fields that stand beside them; most often empty.

`types`: by name, what was sent where JSON has no value for it, see `json_values`. `changed`: the names of attributes
whose name or value is not the one that was sent, because it was masked, cut or not readable.
"""

_PLAIN: Final = KeyRule.PLAIN  # an attribute of an Enum takes longer to look up
_MAX_ATTRIBUTES: Final = 1_000
_FEW_TEXTS: Final = 4  # among which a single one that may be a secret is not looked for
SHORTEST_SECRET: Final = 8
"""Characters: an ASCII text that has fewer is shorter than any secret that the patterns know (`pwd=abcd`)."""


class AttributesRedactor:
    """Redacts attributes together: the search for secrets runs once over all values that were not seen before.

    Args:
        texts: Redacts the texts.
        keys: Has the rules of the keys.
        transform: Runs first on every attribute; when it raises, the value is masked.
        max_bytes: The most bytes that the attributes have together, about.
    """

    def __init__(
        self, texts: TextRedactor, keys: RememberedKeys, *, transform: Transform | None, max_bytes: int
    ) -> None:
        self._texts = texts
        self._keys = keys
        self._values = ValueRedactor(texts, keys)
        self.transform = transform
        self._max_bytes = max_bytes
        # the memories themselves, which are asked for every attribute
        self._clean = texts.clean
        self._plain_keys = keys.plain
        self._same_keys = keys.same

    def learn(self, sets: Iterable[Mapping[Any, Any]]) -> None:
        """Look for secrets in the new values of many events at once, see `Redactor.learn`."""
        if self.transform is not None:
            return  # what is kept are other values
        try:
            values = set[Any]().union(*[attributes.values() for attributes in sets])
        except TypeError:  # there is a list
            values = {value for attributes in sets for value in attributes.values() if type(value) is str}
        self._learn_texts([
            value
            for value in values - self._clean
            if type(value) is str and SHORTEST_SECRET <= len(value) <= SMALL_CHARACTERS and value.isascii()
        ])  # fmt: skip

    def _learn_texts(self, texts: list[str]) -> None:
        if not (self._texts.enabled and may_hold_secret("\n".join(texts))):
            self._texts.remember_all(texts)
        elif len(texts) > _FEW_TEXTS:  # those without one are found all the same
            half = len(texts) // 2
            self._learn_texts(texts[:half])
            self._learn_texts(texts[half:])

    def redact(
        self, attributes: Mapping[str, Any], dropped: Dropped | None, remarks: Remarks | None, *, native: bool
    ) -> dict[str, Any]:
        """Return the attributes as a new dict, see `Redactor.attributes` and `Redactor.native`."""
        if (
            type(attributes) is dict
            and len(attributes) <= _MAX_ATTRIBUTES
            and self.transform is None
            and self._same_keys.issuperset(attributes)
        ):
            # what most events are: numbers, and texts of which one or two were not seen before
            clean = self._clean
            unseen: list[str] = []
            for key, value in attributes.items():
                if (kind := type(value)) is str:
                    if value not in clean and not (len(value) < SHORTEST_SECRET and value.isascii()):
                        unseen.append(key)
                elif not (
                    (kind is int and INT64_MIN <= value <= INT64_MAX)
                    or (kind is float and math.isfinite(value))
                    or kind is bool
                    or (kind is list and self._are_clean(value))
                ):
                    break
            else:
                out = attributes.copy()
                return self._searched(out, unseen, {} if remarks is None else remarks) if unseen else out
        return self._by_key(
            attributes, dropped, {} if remarks is None else remarks, native=native, readable=remarks is None
        )

    def _are_clean(self, values: list[Any]) -> bool:
        """Whether these are a few short texts that were seen, as in `gen_ai.response.finish_reasons`."""
        return all(type(value) is str for value in values) and (
            self._clean.issuperset(values) and sum(map(len, values)) <= SMALL_CHARACTERS
        )

    def _by_key(
        self, attributes: Mapping[str, Any], dropped: Dropped | None, remarks: Remarks, *, native: bool, readable: bool
    ) -> dict[str, Any]:
        out: dict[str, Any] = {}
        plain_keys, clean = self._plain_keys, self._clean
        unseen: list[str] = []
        measure = False
        items: Iterable[tuple[Any, Any]] = attributes.items()
        if len(attributes) > _MAX_ATTRIBUTES:
            items = islice(items, _MAX_ATTRIBUTES)
            out[TRUNCATED_KEY] = f"…[truncated {len(attributes):,} → {_MAX_ATTRIBUTES:,} attributes]"
        if self.transform is not None:
            items = self._all_transformed(items, remarks)
        for raw_key, value in items:
            key = plain_keys.get(raw_key)
            if key is not None:
                # the common kinds are recognised by the identity of their type, all others take the long way
                kind = type(value)
                if kind is str:
                    if value in clean:
                        out[key] = value
                        continue
                    if len(value) < SHORTEST_SECRET and value.isascii():
                        out[key] = value
                        continue
                    out[key] = value
                    unseen.append(key)
                    continue
                if (
                    kind is bool
                    or (kind is int and INT64_MIN <= value <= INT64_MAX)
                    or (kind is float and math.isfinite(value))
                ):
                    out[key] = value
                    continue
                rule = _PLAIN
            else:
                rule, key = self._keys.rule_of(raw_key)
                if is_left_out(rule, value):
                    if dropped is not None:
                        count_dropped(dropped, key, value)
                    continue
                if not (type(raw_key) is str and key == raw_key):
                    _remark(remarks, key)
            reading = Reading(dropped)
            out[key] = self._values.redact(value, rule, reading)
            if reading.changed:
                _remark(remarks, key)
            if reading.odd and not native:
                if not readable and (kind_sent := type_of(out[key])):
                    remarks.setdefault("types", {})[key] = kind_sent
                out[key] = as_json(out[key], readable=readable)
            measure = True
        return self._searched(out, unseen, remarks, measure=measure)

    def _searched(
        self, out: dict[str, Any], unseen: list[str], remarks: Remarks, *, measure: bool = False
    ) -> dict[str, Any]:
        """Look for secrets in what was not seen before, and keep the whole within its bounds."""
        if unseen:
            measure |= self._search(out, unseen, remarks)
        if measure:
            self._bound(out, remarks)
        if "changed" in remarks:
            remarks["changed"] = [*dict.fromkeys(remarks["changed"])]
        return out

    def _search(self, out: dict[str, Any], keys: list[str], remarks: Remarks) -> bool:
        """Look for secrets in the new values of one event; return whether the event must be measured."""
        joined = "\n".join([out[key] for key in keys])
        if (
            len(joined) <= SMALL_CHARACTERS * 4
            and joined.isascii()
            and not (self._texts.enabled and may_hold_secret(joined))
        ):
            for key in keys:
                self._texts.remember(out[key])
            return False
        for key in keys:
            text = self._texts.redact(out[key])
            if text != out[key]:
                out[key] = text
                _remark(remarks, key)
        return True

    def _all_transformed(self, items: Iterable[tuple[Any, Any]], remarks: Remarks) -> list[tuple[Any, Any]]:
        made = []
        for key, value in items:
            other = self._transformed(key, value)
            if other is not value:
                _remark(remarks, self._keys.rule_of(key)[1])
            made.append((key, other))
        return made

    def _transformed(self, key: str, value: Any) -> Any:
        try:
            return self.transform(key, value) if self.transform else value
        except Exception:
            report_trouble("the custom redaction failed, its values are masked")
            return REDACTED

    def _bound(self, out: dict[str, Any], remarks: Remarks) -> None:
        """Cut the values, last ones first to go, until the event is within its limit."""
        left = self._max_bytes
        for key, value in out.items():
            size = json_size(value)
            if size <= left or size <= SMALL_CHARACTERS:
                left = max(left - size, 0)
                continue
            out[key] = cut_text(value if isinstance(value, str) else "", left, size)
            _remark(remarks, key)
            if key in (types := remarks.get("types", {})):
                del types[key]
                if not types:
                    del remarks["types"]
            left = 0


def _remark(remarks: Remarks, key: str) -> None:
    remarks.setdefault("changed", []).append(key)
