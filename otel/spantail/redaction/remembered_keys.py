"""The rule for each key, worked out once and remembered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from spantail.redaction.key_rules import KeyRule, key_rule, words
from spantail.redaction.texts import CACHE_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from spantail.redaction.texts import TextRedactor

_MAX_KEY_LENGTH: Final = 256  # characters


class RememberedKeys:
    """What is known of the keys that were seen.

    Args:
        texts: Redacts the keys themselves.
        names: Further names whose values are masked.
        allow: Keys whose values stay as they are; a `*` at the end stands for any rest.
        capture_content: Whether message content is kept.

    Attributes:
        plain: Keys under which any value may stand, and how each is written. `rule_of()` fills it and `same`; both may
            be asked before that is called.
        same: Those of them that are written as they are.
    """

    def __init__(
        self, texts: TextRedactor, *, names: Iterable[str], allow: Iterable[str], capture_content: bool
    ) -> None:
        self._texts = texts
        self._names = [name for key in names if (name := words(key))]
        patterns = [pattern.strip().lower() for pattern in allow]
        self._allow_exact = frozenset(pattern for pattern in patterns if not pattern.endswith("*"))
        self._allow_prefixes = tuple(pattern[:-1] for pattern in patterns if pattern.endswith("*"))
        self._capture_content = capture_content
        self._rules: dict[Any, tuple[KeyRule, str]] = {}
        self.plain: dict[Any, str] = {}
        self.same: set[Any] = set()

    def rule_of(self, raw_key: Any) -> tuple[KeyRule, str]:
        """Return the rule for a key, and the key as it is written: redacted, at most 256 characters."""
        known = self._rules.get(raw_key)
        if known is not None:
            return known
        text = raw_key if isinstance(raw_key, str) else str(raw_key)
        key = self._texts.redact(text[:_MAX_KEY_LENGTH])
        rule = self._work_out(text)
        if len(self._rules) >= CACHE_SIZE:
            self._rules.clear()
            self.plain.clear()
            self.same.clear()
        self._rules[raw_key] = found = (rule, key)
        if rule is KeyRule.PLAIN and type(raw_key) is str and key == raw_key:
            self.plain[raw_key] = key
            if key is raw_key:
                self.same.add(raw_key)
        return found

    def is_kept(self, name: str) -> bool:
        """Whether any value may stand under a name, and the name is written as it is."""
        rule, key = self.rule_of(name)
        return rule is KeyRule.PLAIN and key == name

    def _work_out(self, text: str) -> KeyRule:
        lowered = text.lower()
        if lowered in self._allow_exact or (self._allow_prefixes and lowered.startswith(self._allow_prefixes)):
            return KeyRule.ALLOWED
        rule = key_rule(text[:_MAX_KEY_LENGTH], self._names)
        if rule is KeyRule.CONTENT or rule is KeyRule.CONTENT_TEXT:
            return KeyRule.PLAIN if self._capture_content else rule
        return rule if self._texts.enabled else KeyRule.PLAIN
