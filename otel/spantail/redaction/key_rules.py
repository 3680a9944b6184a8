"""What the name of an attribute says about its value: secret, message content or neither. Pure."""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from spantail.content import is_content, is_content_text

if TYPE_CHECKING:
    from collections.abc import Sequence


class KeyRule(Enum):
    """What the name of an attribute says about its value."""

    PLAIN = auto()
    SECRET = auto()
    SECRET_TEXT = auto()  # numbers and flags under such a name are counts and settings
    CONTENT = auto()  # prompts and answers
    CONTENT_TEXT = auto()  # numbers and flags under such a name are counts and settings
    ALLOWED = auto()


# Names as sequences of words; a key holds a name when the words stand in it side by side.
_SECRET_NAMES: Final = (
    ("password",), ("passwords",), ("passwd",), ("pwd",), ("passphrase",), ("passcode",),
    ("secret",), ("secrets",), ("private", "key"), ("privatekey",),
    ("card", "number"), ("cardnumber",), ("cvv",), ("cvc",), ("ssn",),
)  # fmt: skip
_SECRET_TEXT_NAMES: Final = (
    ("authorization",), ("cookie",), ("cookies",), ("credential",), ("credentials",), ("jwt",), ("bearer",),
    ("apikey",), ("api", "key"), ("api", "keys"), ("auth", "key"), ("access", "key"), ("accesskey",),
    ("account", "key"), ("signing", "key"), ("encryption", "key"), ("subscription", "key"), ("master", "key"),
    ("ssh", "key"), ("session", "key"), ("sessionid",),
)  # fmt: skip

_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


def words(key: str) -> tuple[str, ...]:
    """Split a key into lower-case words: `X-Api-Key`, `apiKey` and `api_key` are all `api`, `key`."""
    return tuple(word.lower() for word in _WORD.findall(key))


def _holds(key_words: Sequence[str], name: Sequence[str]) -> bool:
    size = len(name)
    return any(tuple(key_words[at : at + size]) == tuple(name) for at in range(len(key_words) - size + 1))


def key_rule(key: str, more_names: Sequence[Sequence[str]] = ()) -> KeyRule:
    """Return what a key says about its value.

    Args:
        key: The name of an attribute.
        more_names: Further names that count as secret, as `words()` splits them.
    """
    if is_content(key):
        return KeyRule.CONTENT
    if is_content_text(key):
        return KeyRule.CONTENT_TEXT
    key_words = words(key)
    if any(_holds(key_words, name) for name in (*_SECRET_NAMES, *more_names) if name):
        return KeyRule.SECRET
    # `auth.token` holds a token, `gen_ai.token.type` and `llm.usage.total_tokens` speak about some
    if key_words[-1:] == ("token",) or any(_holds(key_words, name) for name in _SECRET_TEXT_NAMES):
        return KeyRule.SECRET_TEXT
    return KeyRule.PLAIN
