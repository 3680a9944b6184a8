"""The redactor: what leaves the process is masked, bounded and fit for JSON, and what was changed is named.

Pure except for what it remembers, and made for the worker thread that encodes every event: the rule of a name is worked
out once, values that were found clean are remembered, and the search for secrets runs once over all new values of an
event.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final, Self

from spantail.content import Dropped, Where, content_capture_allowed, count_dropped, everyday_content
from spantail.environment import is_on
from spantail.redaction.attribute_sets import SHORTEST_SECRET, AttributesRedactor, Remarks, Transform
from spantail.redaction.key_rules import KeyRule
from spantail.redaction.nested_values import TRUNCATED_KEY, UNREADABLE
from spantail.redaction.remembered_keys import RememberedKeys
from spantail.redaction.secret_patterns import REDACTED
from spantail.redaction.texts import TextRedactor
from spantail.trouble import report_trouble

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

DEFAULT_MAX_VALUE_BYTES: Final = 32 * 1024
DEFAULT_MAX_EVENT_BYTES: Final = 256 * 1024


class Redactor:
    """Masks secrets, drops message content, bounds sizes and makes values fit for JSON.

    One object may be used from several threads.

    Args:
        enabled: False leaves secrets in; limits, legal values and the rule for message content hold all the same.
        keys: Further names whose values are masked (`salary` also masks `user.salary` and `userSalary`).
        allow: Keys that are left as they are (a `*` at the end stands for any rest).
        transform: Runs first on every attribute; when it raises, the value is masked.
        max_value_bytes: The most bytes of UTF-8 that one value keeps; at least 64.
        max_event_bytes: The most bytes that the attributes of one event have together, about.
        capture_content: True lets prompts and answers through.
        where: In whose environment that is set: the application's, or that of the service which takes spans in.
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
        max_value_bytes = max(max_value_bytes, 64)
        self._capture_content = capture_content
        self.where: Where = where
        self._texts = TextRedactor(enabled=enabled, max_bytes=max_value_bytes)
        self._keys = RememberedKeys(self._texts, names=keys, allow=allow, capture_content=capture_content)
        self._attributes = AttributesRedactor(
            self._texts, self._keys, transform=transform, max_bytes=max(max_event_bytes, max_value_bytes)
        )
        self._clean = self._texts.clean

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

        Args:
            environ: The environment.
            transform: As the class has it.
            where: As the class has it.
        """
        try:
            max_value_bytes = int(environ.get("SPANTAIL_MAX_VALUE_BYTES", ""))
        except ValueError:
            max_value_bytes = DEFAULT_MAX_VALUE_BYTES
        return cls(
            enabled=is_on(environ, "SPANTAIL_REDACT"),
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

        Masked values read `[redacted]`, cut ones end in `…[truncated 10,485,760 → 32,768 bytes]`. NaN and infinity
        become strings, integers beyond 64 bit too.

        Args:
            attributes: The attributes; None counts as none.
            dropped: Where message content that is left out is counted: bytes by field. None: nowhere.
            remarks: Where it is said what was changed, and what bytes, NaN and infinities were. With it, bytes become
                base64; without, the text that they are, or `base64:…` where they are none.
            event: The name of the span event or log record that they are of: the `content` of a
                `gen_ai.user.message` is a prompt.
        """
        return self._safely(attributes, dropped, remarks, event, native=False)

    def native(
        self,
        attributes: Mapping[str, Any] | None,
        dropped: Dropped | None = None,
        remarks: Remarks | None = None,
        event: str = "",
    ) -> dict[str, Any]:
        """Return the attributes as `attributes()` does, but with bytes, NaN and infinities as they are: for OTLP."""
        return self._safely(attributes, dropped, remarks, event, native=True)

    def learn(self, sets: Iterable[Mapping[str, Any]]) -> None:
        """Look for secrets in the attributes of many spans at once, before each is redacted. Never raises.

        That one search is as long as the search in a single span; what it finds clean is remembered.
        """
        try:
            self._attributes.learn(sets)
        except Exception:
            report_trouble("attributes could not be looked over")

    def keeps(self, names: Sequence[str]) -> bool:
        """Whether attributes of these names stay as they are when there is no secret in their values themselves."""
        return (
            self._attributes.transform is None
            and all(self._keys.is_kept(name) for name in names)
            and (self._capture_content or not everyday_content(dict.fromkeys(names, "")))
        )

    def is_clean(self, text: str) -> bool:
        """Whether it is known of a short text that it stays as it is."""
        return text in self._clean or (len(text) < SHORTEST_SECRET and text.isascii())

    def text(self, text: str) -> str:
        """Return a message, traceback, log line or name, masked and bounded like a value. Never raises."""
        try:
            if text in self._clean:
                return text
            return self._texts.redact(str(text))
        except Exception:
            report_trouble("a text could not be redacted")
            return REDACTED

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
            if not self._capture_content and (names := everyday_content(attributes, event)):
                attributes = self._without(names, attributes, dropped)
            return self._attributes.redact(attributes, dropped, remarks, native=native)
        except Exception:
            report_trouble("attributes could not be redacted and were left out")
            return {TRUNCATED_KEY: UNREADABLE}

    def _without(self, names: list[str], attributes: Mapping[str, Any], dropped: Dropped | None) -> dict[str, Any]:
        """Leave out the content under these names, but for what the settings allow."""
        left = dict(attributes)
        for name in names:
            if self._keys.rule_of(name)[0] is not KeyRule.ALLOWED:
                value = left.pop(name)
                if dropped is not None:
                    count_dropped(dropped, name, value)
        return left


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
