"""Redaction: what leaves the process is masked, bounded and fit for JSON; what was changed is remarked.

Pure but for its caches, and made for the worker thread that encodes every event: names are judged once, values
that were found clean are remembered, and the search for secrets runs once over all new values of an event.
"""

from __future__ import annotations

import base64
import math
import os
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any, Final, Self

from spantail.content import Dropped, Where, content_capture_allowed, count_dropped, everyday_content
from spantail.json_values import as_json, cut_text, json_size, type_of
from spantail.redaction.key_rules import KeyRule, key_rule, words
from spantail.redaction.secret_patterns import REDACTED, mask_secrets, may_hold_secret
from spantail.trouble import report_trouble
from spantail.values import legal_text

Transform = Callable[[str, Any], Any]

Remarks = dict[str, Any]
"""What attributes as JSON leave unsaid, as fields that stand beside them; most often empty.

`types`: by name, what was sent where JSON has no value for it, see `json_values`. `changed`: the names of attributes
whose name or value is not the one that was sent, because it was masked, cut or not readable.
"""

DEFAULT_MAX_VALUE_BYTES: Final = 32 * 1024
DEFAULT_MAX_EVENT_BYTES: Final = 256 * 1024
_MAX_ATTRIBUTES: Final = 1_000
_MAX_ITEMS: Final = 1_000
_MAX_DEPTH: Final = 8
_MAX_NODES: Final = 10_000  # in one value: the same list within itself a thousand times is no more
_MAX_KEY_LENGTH: Final = 256
UNREADABLE: Final = "[unreadable]"
TRUNCATED_KEY: Final = "spantail.truncated"

# Shorter than the shortest secret that the patterns know (`pwd=abcd`).
_SHORTEST_SECRET: Final = 8
# Values above it are measured one by one and counted against the event's limit; 1,000 below it cannot exceed it.
_SMALL: Final = 256
_CACHE_SIZE: Final = 4_096
# A secret that begins before the limit is found whole when the search looks this far beyond it.
_SEARCH_MARGIN: Final = 8_192
_INT64_MIN: Final = -(2**63)
_INT64_MAX: Final = 2**63 - 1

_PLAIN, _SECRET, _SECRET_TEXT = KeyRule.PLAIN, KeyRule.SECRET, KeyRule.SECRET_TEXT
_CONTENT, _CONTENT_TEXT, _ALLOWED = KeyRule.CONTENT, KeyRule.CONTENT_TEXT, KeyRule.ALLOWED


class Redactor:
    """Masks secrets, drops message content, bounds sizes and makes values fit for JSON.

    `enabled=False` leaves secrets in; limits, legal values and the rule for message content hold all the same.
    `keys` are further names whose values are masked (`salary` also masks `user.salary` and `userSalary`);
    `allow` are keys that are left as they are (a `*` at the end stands for any rest). `transform(key, value)`
    runs first on every attribute and returns the value to go on with; when it raises, the value is masked.
    `capture_content` lets prompts and answers through; `where` says in whose environment that is set, the
    application's or that of the service which takes spans in.

    One object may be used from several threads.
    """

    def __init__(
        self,
        *,
        enabled: bool = True,
        keys: Iterable[str] = (),
        allow: Iterable[str] = (),
        transform: Transform | None = None,
        max_value_bytes: int = DEFAULT_MAX_VALUE_BYTES,
        max_event_bytes: int = DEFAULT_MAX_EVENT_BYTES,
        capture_content: bool = False,
        where: Where = "application",
    ) -> None:
        self._enabled = enabled
        self._names = [name for key in keys if (name := words(key))]
        patterns = [pattern.strip().lower() for pattern in allow]
        self._allow_exact = frozenset(pattern for pattern in patterns if not pattern.endswith("*"))
        self._allow_prefixes = tuple(pattern[:-1] for pattern in patterns if pattern.endswith("*"))
        self._transform = transform
        self._max_value_bytes = max(max_value_bytes, 64)
        self._max_event_bytes = max(max_event_bytes, self._max_value_bytes)
        self._capture_content = capture_content
        self.where: Where = where
        self._rules: dict[Any, tuple[KeyRule, str]] = {}
        self._plain_keys: dict[Any, str] = {}  # those of the rules that say PLAIN
        self._same_keys: set[Any] = set()  # those of them that are written as they are
        self._clean: set[str] = set()

    @classmethod
    def from_environment(
        cls,
        environ: Mapping[str, str] = os.environ,
        transform: Transform | None = None,
        *,
        where: Where = "application",
    ) -> Self:
        """Make one by SPANTAIL_REDACT, SPANTAIL_REDACT_KEYS, SPANTAIL_REDACT_ALLOW, SPANTAIL_MAX_VALUE_BYTES.

        Lists are separated by commas. A value that cannot be read counts as not set.
        """
        try:
            max_value_bytes = int(environ.get("SPANTAIL_MAX_VALUE_BYTES", ""))
        except ValueError:
            max_value_bytes = DEFAULT_MAX_VALUE_BYTES
        return cls(
            enabled=environ.get("SPANTAIL_REDACT", "").strip().lower() not in {"false", "0", "off", "no"},
            keys=_split(environ.get("SPANTAIL_REDACT_KEYS", "")),
            allow=_split(environ.get("SPANTAIL_REDACT_ALLOW", "")),
            transform=transform,
            max_value_bytes=max_value_bytes,
            capture_content=content_capture_allowed(environ),
            where=where,
        )

    def attributes(
        self,
        attributes: Mapping[str, Any] | None,
        dropped: Dropped | None = None,
        remarks: Remarks | None = None,
        event: str = "",
    ) -> dict[str, Any]:
        """Return the attributes as a new dict that holds JSON values only. Never raises.

        Message content that is dropped is counted in `dropped`, where one is given: bytes by field. `event` is the name
        of the span event or log record that they are of: the `content` of a `gen_ai.user.message` is a prompt.
        Masked values read `[redacted]`, cut ones end in `…[truncated 10,485,760 → 32,768 bytes]`. NaN and
        infinity become strings, integers beyond 64 bit too. Bytes become base64 where `remarks` are given, which say
        of all these what they were; without, they become the text that they are, or `base64:…` where they are none.
        """
        return self._safely(attributes, dropped, remarks, event, native=False)

    def native(
        self,
        attributes: Mapping[str, Any] | None,
        dropped: Dropped | None = None,
        remarks: Remarks | None = None,
        event: str = "",
    ) -> dict[str, Any]:
        """Return the attributes as `attributes` does, but with bytes, NaN and infinities as they are: for OTLP."""
        return self._safely(attributes, dropped, remarks, event, native=True)

    def _safely(
        self,
        attributes: Mapping[str, Any] | None,
        dropped: Dropped | None,
        remarks: Remarks | None,
        event: str,
        *,
        native: bool,
    ) -> dict[str, Any]:
        if not attributes:
            return {}
        try:
            if not self._capture_content and (said := everyday_content(attributes, event)):
                attributes = self._without(said, attributes, dropped)
            return self._attributes(attributes, dropped, remarks, native=native)
        except Exception:
            report_trouble("attributes could not be redacted and were left out")
            return {TRUNCATED_KEY: UNREADABLE}

    def text(self, text: str) -> str:
        """Return a message, traceback, log line or name, masked and bounded like a value. Never raises."""
        try:
            if text in self._clean:
                return text
            return self._long_text(str(text))
        except Exception:
            report_trouble("a text could not be redacted")
            return REDACTED

    # -- attributes --

    def _without(self, said: list[str], attributes: Mapping[str, Any], dropped: Dropped | None) -> dict[str, Any]:
        """Leave out what was said, but for what the settings allow."""
        left = dict(attributes)
        for name in said:
            if self._judge(name)[0] is not _ALLOWED:
                value = left.pop(name)
                if dropped is not None:
                    count_dropped(dropped, name, value)
        return left

    def _attributes(
        self, attributes: Mapping[str, Any], dropped: Dropped | None, remarks: Remarks | None, *, native: bool
    ) -> dict[str, Any]:
        if (
            type(attributes) is dict
            and len(attributes) <= _MAX_ATTRIBUTES
            and self._transform is None
            and self._same_keys.issuperset(attributes)
        ):
            # what most events are: numbers, and texts of which one or two were not seen before
            clean = self._clean
            unseen: list[str] = []
            for key, value in attributes.items():
                if (kind := type(value)) is str:
                    if value not in clean and not (len(value) < _SHORTEST_SECRET and value.isascii()):
                        unseen.append(key)
                elif not (
                    (kind is int and _INT64_MIN <= value <= _INT64_MAX)
                    or (kind is float and math.isfinite(value))
                    or kind is bool
                ):
                    break
            else:
                out = attributes.copy()
                return self._searched(out, unseen, {} if remarks is None else remarks) if unseen else out
        return self._judged(
            attributes, dropped, {} if remarks is None else remarks, native=native, readable=remarks is None
        )

    def _judged(
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
        if self._transform is not None:
            items = self._all_transformed(items, remarks)
        for raw_key, value in items:
            key = plain_keys.get(raw_key)
            if key is not None:
                # the common kinds are told by identity of their type, everything else takes the long way
                kind = type(value)
                if kind is str:
                    if value in clean:
                        out[key] = value
                        continue
                    if len(value) < _SHORTEST_SECRET and value.isascii():
                        out[key] = value
                        continue
                    out[key] = value
                    unseen.append(key)
                    continue
                if (
                    kind is bool
                    or (kind is int and _INT64_MIN <= value <= _INT64_MAX)
                    or (kind is float and math.isfinite(value))
                ):
                    out[key] = value
                    continue
                rule = _PLAIN
            else:
                rule, key = self._judge(raw_key)
                if rule is _CONTENT or (rule is _CONTENT_TEXT and not isinstance(value, bool | int | float)):
                    if dropped is not None:
                        count_dropped(dropped, key, value)
                    continue
                if not (type(raw_key) is str and key == raw_key):
                    _remark(remarks, key)
            reading = _Reading(dropped)
            out[key] = self._readable_value(value, rule, reading)
            if reading.changed:
                _remark(remarks, key)
            if reading.odd and not native:
                if not readable and (told := type_of(out[key])):
                    remarks.setdefault("types", {})[key] = told
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
        """Look for secrets in the new values of one event; tells whether the event must be measured."""
        joined = "\n".join([out[key] for key in keys])
        if len(joined) <= _SMALL * 4 and joined.isascii() and not (self._enabled and may_hold_secret(joined)):
            for key in keys:
                self._remember(out[key])
            return False
        for key in keys:
            text = self._long_text(out[key])
            if text != out[key]:
                out[key] = text
                _remark(remarks, key)
        return True

    def _long_text(self, text: str) -> str:
        limit = self._max_value_bytes
        part = legal_text(text[: limit + _SEARCH_MARGIN])
        masked = mask_secrets(part) if self._enabled and may_hold_secret(part) else part
        if len(text) > limit + _SEARCH_MARGIN or (len(masked) > limit // 4 and len(masked.encode()) > limit):
            return cut_text(masked, limit, len(text.encode(errors="surrogatepass")))
        if masked is text:
            self._remember(text)
        return masked

    def _remember(self, value: str) -> None:
        if len(value) > _SMALL:
            return
        if len(self._clean) >= _CACHE_SIZE:
            self._clean.clear()
        self._clean.add(value)

    def _judge(self, raw_key: Any) -> tuple[KeyRule, str]:
        """Return the rule for a key, and the key as it is written."""
        known = self._rules.get(raw_key)
        if known is not None:
            return known
        text = raw_key if isinstance(raw_key, str) else str(raw_key)
        key = self._long_text(text[:_MAX_KEY_LENGTH])
        lowered = text.lower()
        if lowered in self._allow_exact or (self._allow_prefixes and lowered.startswith(self._allow_prefixes)):
            rule = _ALLOWED
        else:
            rule = key_rule(text[:_MAX_KEY_LENGTH], self._names)
            if rule is _CONTENT or rule is _CONTENT_TEXT:
                rule = _PLAIN if self._capture_content else rule
            elif not self._enabled:
                rule = _PLAIN
        if len(self._rules) >= _CACHE_SIZE:
            self._rules.clear()
            self._plain_keys.clear()
            self._same_keys.clear()
        self._rules[raw_key] = judged = (rule, key)
        if rule is _PLAIN and type(raw_key) is str and key == raw_key:
            self._plain_keys[raw_key] = key
            if key is raw_key:
                self._same_keys.add(raw_key)
        return judged

    def _all_transformed(self, items: Iterable[tuple[Any, Any]], remarks: Remarks) -> list[tuple[Any, Any]]:
        made = []
        for key, value in items:
            other = self._transformed(key, value)
            if other is not value:
                _remark(remarks, self._judge(key)[1])
            made.append((key, other))
        return made

    def _transformed(self, key: str, value: Any) -> Any:
        try:
            return self._transform(key, value) if self._transform else value
        except Exception:
            report_trouble("the custom redaction failed, its values are masked")
            return REDACTED

    # -- values of every other kind --

    def _readable_value(self, value: Any, rule: KeyRule, reading: _Reading) -> Any:
        try:
            return self._value(value, rule, 0, reading)
        except Exception:
            report_trouble("a value could not be read")
            reading.changed = True
            return UNREADABLE

    def _value(self, value: Any, rule: KeyRule, depth: int, reading: _Reading) -> Any:
        """Return one value, by the rule of its key: a JSON value, or bytes, NaN or an infinity, which are `odd`."""
        if value is None:
            return None
        if rule is _SECRET or (rule is _SECRET_TEXT and not isinstance(value, bool | int | float)):
            reading.changed = True
            return REDACTED
        if isinstance(value, bool):
            return bool(value)
        if isinstance(value, int):
            if _INT64_MIN <= value <= _INT64_MAX:
                return int(value)
            reading.changed = True
            return self._allowed_text(str(value), rule)
        if isinstance(value, float):
            reading.odd |= not math.isfinite(value)
            return float(value)
        if isinstance(value, str):
            given = str(value)
            text = self._allowed_text(given, rule)
            reading.changed |= text != given
            return text
        if isinstance(value, bytes | bytearray | memoryview):
            return self._bytes(bytes(value), rule, reading)
        if isinstance(value, Mapping | list | tuple | set | frozenset):
            return self._container(value, rule, depth, reading)
        reading.changed = True
        return self._allowed_text(str(value), rule)

    def _bytes(self, value: bytes, rule: KeyRule, reading: _Reading) -> Any:
        """Return bytes as they are, unless they are too many, or there is a secret in the text that they are."""
        limit = self._max_value_bytes
        if rule is not _ALLOWED and self._enabled:
            text = value[: limit + _SEARCH_MARGIN].decode(errors="replace")
            if may_hold_secret(text) and mask_secrets(text) != text:
                reading.changed = True
                return self._long_text(text)
        if len(value) > limit:
            reading.changed = True
            return cut_text(base64.b64encode(value[:limit]).decode("ascii"), limit, len(value))
        reading.odd = True
        return value

    def _allowed_text(self, text: str, rule: KeyRule) -> str:
        if rule is not _ALLOWED:
            return self._long_text(text)
        limit = self._max_value_bytes
        legal = legal_text(text[: limit + 1])
        if len(legal.encode()) <= limit:
            return legal
        return cut_text(legal, limit, len(text.encode(errors="surrogatepass")))

    def _container(self, value: Any, rule: KeyRule, depth: int, reading: _Reading) -> Any:
        if depth >= _MAX_DEPTH:
            reading.changed = True
            return f"…[truncated below {_MAX_DEPTH} levels]"
        limit = min(_MAX_ITEMS, reading.left)
        reading.left -= min(len(value), limit)
        mark = f"…[truncated {len(value):,} → {limit:,} items]"
        reading.changed |= len(value) > limit
        if isinstance(value, Mapping):
            made: dict[str, Any] = {}
            for count, (raw_key, item) in enumerate(value.items()):
                if count >= limit:
                    made[TRUNCATED_KEY] = mark
                    break
                inner, key = self._judge(raw_key)
                is_said = inner is _CONTENT or (inner is _CONTENT_TEXT and not isinstance(item, bool | int | float))
                reading.changed |= is_said or not (type(raw_key) is str and key == raw_key)
                if not is_said:
                    made[key] = self._value(item, rule if rule is _ALLOWED else inner, depth + 1, reading)
                elif reading.dropped is not None:
                    count_dropped(reading.dropped, key, item)
            return made
        items = []
        for count, item in enumerate(value):
            if count >= limit:
                items.append(mark)
                break
            items.append(self._value(item, rule, depth + 1, reading))
        return items

    def _bound(self, out: dict[str, Any], remarks: Remarks) -> None:
        """Cut the values, last ones first to go, until the event is within its limit."""
        left = self._max_event_bytes
        for key, value in out.items():
            size = json_size(value)
            if size <= left or size <= _SMALL:
                left = max(left - size, 0)
                continue
            out[key] = cut_text(value if isinstance(value, str) else "", left, size)
            _remark(remarks, key)
            if key in (types := remarks.get("types", {})):
                del types[key]
                if not types:
                    del remarks["types"]
            left = 0


class _Reading:
    """What came up while one value was read. `left` are the items that it may still have."""

    __slots__ = ("changed", "dropped", "left", "odd")

    def __init__(self, dropped: Dropped | None) -> None:
        self.dropped = dropped
        self.left = _MAX_NODES
        self.changed = False
        self.odd = False


def _remark(remarks: Remarks, key: str) -> None:
    remarks.setdefault("changed", []).append(key)


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
