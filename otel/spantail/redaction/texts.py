"""Texts: masked, cut and made legal; those that were found clean are remembered."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Final

from spantail.json_values import cut_text
from spantail.redaction.secret_patterns import mask_secrets, may_hold_secret
from spantail.values import legal_text

if TYPE_CHECKING:
    from collections.abc import Collection

SMALL_CHARACTERS: Final = 256
"""Texts up to it are remembered, and not counted against the limit of an event: 1,000 of them cannot exceed it."""

CACHE_SIZE: Final = 4_096
"""How many entries a memory has before it is emptied."""

# A secret that begins before the limit is found whole when the search looks this far beyond it.
_SEARCH_MARGIN: Final = 8_192


class TextRedactor:
    """Masks the secrets in texts and bounds their length.

    Args:
        enabled: Whether secrets are masked; lengths are bounded all the same.
        max_bytes: The most bytes of UTF-8 that a text keeps; a mark is added to what is cut.

    Attributes:
        clean: Short texts that stay as they are. `redact()` fills it, and it may be asked before that is called.
    """

    def __init__(self, *, enabled: bool, max_bytes: int) -> None:
        self.enabled = enabled
        self.clean: set[str] = set()
        self._max_bytes = max_bytes

    def redact(self, text: str) -> str:
        """Return a text masked, legal in UTF-8, and cut."""
        limit = self._max_bytes
        part = legal_text(text[: limit + _SEARCH_MARGIN])
        masked = mask_secrets(part) if self.enabled and may_hold_secret(part) else part
        if len(text) > limit + _SEARCH_MARGIN or (len(masked) > limit // 4 and len(masked.encode()) > limit):
            return cut_text(masked, limit, len(text.encode(errors="surrogatepass")))
        if masked is text:
            self.remember(text)
        return masked

    def cut(self, text: str) -> str:
        """Return a text legal in UTF-8, and cut; secrets stay in it."""
        limit = self._max_bytes
        legal = legal_text(text[: limit + 1])
        if len(legal.encode()) <= limit:
            return legal
        return cut_text(legal, limit, len(text.encode(errors="surrogatepass")))

    def redact_bytes(self, value: bytes, *, mask: bool) -> bytes | str:
        """Return bytes as they are, unless they are too many, or there is a secret in the text that they are.

        Args:
            value: The bytes.
            mask: Whether secrets are looked for.

        Returns:
            The bytes; a text where they were changed: the masked text, or the base64 of those that are kept.
        """
        limit = self._max_bytes
        if mask and self.enabled:
            text = value[: limit + _SEARCH_MARGIN].decode(errors="replace")
            if may_hold_secret(text) and mask_secrets(text) != text:
                return self.redact(text)
        if len(value) > limit:
            return cut_text(base64.b64encode(value[:limit]).decode("ascii"), limit, len(value))
        return value

    def remember(self, text: str) -> None:
        """Remember a text that stays as it is, if it is short."""
        if len(text) > SMALL_CHARACTERS:
            return
        if len(self.clean) >= CACHE_SIZE:
            self.clean.clear()
        self.clean.add(text)

    def remember_all(self, texts: Collection[str]) -> None:
        """Remember short texts that stay as they are."""
        if len(self.clean) + len(texts) > CACHE_SIZE:
            self.clean.clear()
        self.clean.update(texts)
