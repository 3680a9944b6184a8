"""Values of metric attributes: bounded in number and length, because each new value is a new time series for ever."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Final

from spantail.redaction.secret_patterns import mask_secrets
from spantail.values import legal_text

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider

OTHER: Final = "other"
"""What stands for every further value once there are as many as may be."""

_LONGEST: Final = 120
_WORD: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,39}")


class BoundedValues:
    """Keeps the first values of an attribute, shortened and without secrets; further ones become `other`.

    Args:
        most: How many.
        only_words: What is no single word becomes `other` too: a sentence may say anything.
    """

    def __init__(self, most: int, *, only_words: bool = False) -> None:
        self._most = most
        self._only_words = only_words
        self._known: dict[str, str] = {}

    def __call__(self, value: object) -> str:
        """Return the value as it may be an attribute."""
        text = value if isinstance(value, str) else str(value)
        known = self._known.get(text)
        if known is not None:
            return known
        if len(self._known) >= self._most or (self._only_words and not _WORD.fullmatch(text)):
            return OTHER
        # of two threads one may add a value more than may be, which does no harm
        return self._known.setdefault(text, mask_secrets(legal_text(text))[:_LONGEST])


class Labels:
    """The bounds of all attributes whose values somebody else chooses, of one meter provider."""

    def __init__(self) -> None:
        self.models = BoundedValues(200)
        self.backends = BoundedValues(100)
        self.operations = BoundedValues(100)
        self.words = BoundedValues(50, only_words=True)
        self.error_types = BoundedValues(50)


@functools.lru_cache(maxsize=1)
def labels_of(provider: MeterProvider) -> Labels:
    """Return the bounds of a provider: the same for all its instruments, so that all call the same values `other`."""
    del provider
    return Labels()
