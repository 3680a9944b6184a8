"""What a secret looks like: by the name of the attribute that holds it, and by its own shape.

Pure. The expressions are linear: a repetition is bounded, or nothing has to follow it, or it cannot start
anew inside of itself; so no text, however hostile, makes them slow.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

REDACTED: Final = "[redacted]"


class KeyRule(Enum):
    """What the name of an attribute says about its value."""

    PLAIN = auto()
    SECRET = auto()
    SECRET_TEXT = auto()  # numbers and flags under such a name are counts and settings
    CONTENT = auto()  # what people and models said to each other
    ALLOWED = auto()


# Names as sequences of words; a key holds a name when the words stand in it side by side.
_SECRET_NAMES: Final = (
    ("password",), ("passwords",), ("passwd",), ("pwd",), ("passphrase",), ("passcode",),
    ("secret",), ("secrets",), ("private", "key"), ("privatekey",),
    ("card", "number"), ("cardnumber",), ("cvv",), ("cvc",), ("ssn",),
)  # fmt: skip
_SECRET_TEXT_NAMES: Final = (
    ("authorization",), ("cookie",), ("cookies",), ("credential",), ("credentials",), ("jwt",), ("bearer",),
    ("apikey",), ("api", "key"), ("api", "keys"), ("access", "key"), ("accesskey",), ("account", "key"),
    ("signing", "key"), ("encryption", "key"), ("subscription", "key"), ("master", "key"), ("ssh", "key"),
    ("session", "key"), ("sessionid",),
)  # fmt: skip

_CONTENT_KEYS: Final = frozenset(
    {
        "gen_ai.input.messages",
        "gen_ai.output.messages",
        "gen_ai.system_instructions",
        "gen_ai.tool.call.arguments",
        "gen_ai.tool.call.result",
        "gen_ai.retrieval.query.text",
        "gen_ai.retrieval.documents",
        "gen_ai.prompt",
        "gen_ai.completion",
        "input.value",
        "output.value",
        "embedding.text",
        "llm.prompts",
        "llm.completions",
        "llm.prompt_template.variables",
        "traceloop.entity.input",
        "traceloop.entity.output",
        "langfuse.observation.input",
        "langfuse.observation.output",
        "langfuse.trace.input",
        "langfuse.trace.output",
        "mlflow.spanInputs",
        "mlflow.spanOutputs",
        "ai.prompt",
        "ai.response.text",
        "ai.toolCall.args",
        "ai.toolCall.result",
        "pydantic_ai.all_messages",
        "all_messages_events",
        "final_result",
        "request_data",
        "response_data",
        "user_prompt",
    }
)
_CONTENT_INDEXED: Final = re.compile(
    r"(?:gen_ai\.(?:prompt|completion)|llm\.(?:prompts|completions|input_messages|output_messages)"
    r"|retrieval\.documents|embedding\.embeddings|ai\.prompt|gen_ai\.(?:input|output)\.messages)\."
    r"(?:\d+\b|messages$|format$)"
    # LiteLLM's raw requests and answers: `llm.openai.messages`, `llm.anthropic.content`
    r"|llm\.(?!token_count|cost)[a-z0-9_]+\.(?:messages|choices|contents?|candidates|prompt|input|output|system)$"
)

_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


def words(key: str) -> tuple[str, ...]:
    """Split a key into lower-case words: `X-Api-Key`, `apiKey` and `api_key` are all `api`, `key`."""
    return tuple(word.lower() for word in _WORD.findall(key))


def _holds(key_words: Sequence[str], name: Sequence[str]) -> bool:
    size = len(name)
    return any(tuple(key_words[at : at + size]) == tuple(name) for at in range(len(key_words) - size + 1))


def key_rule(key: str, more_names: Sequence[Sequence[str]] = ()) -> KeyRule:
    """Tell what a key says about its value; `more_names` (as `words()` gives them) count as secret too."""
    if key in _CONTENT_KEYS or _CONTENT_INDEXED.match(key):
        return KeyRule.CONTENT
    key_words = words(key)
    if any(_holds(key_words, name) for name in (*_SECRET_NAMES, *more_names) if name):
        return KeyRule.SECRET
    # `auth.token` holds a token, `gen_ai.token.type` and `llm.usage.total_tokens` speak about some
    if key_words[-1:] == ("token",) or any(_holds(key_words, name) for name in _SECRET_TEXT_NAMES):
        return KeyRule.SECRET_TEXT
    return KeyRule.PLAIN


# A quoted value behind a name; quotes that were opened end with the line at the latest.
_QUOTED: Final = r"""\\"[^"\\\r\n]*+(?:\\")?|"(?:[^"\\\r\n]|\\.)*+"?|'(?:[^'\\\r\n]|\\.)*+'?"""

_SECRETS: Final = re.compile(
    rf"""
    # a private key, up to its end mark or, where the text was cut, to the end
    (?P<block>-----BEGIN[ ][A-Z0-9 ]{{0,40}}PRIVATE[ ]KEY(?:[ ]BLOCK)?-----[\s\S]*?
        (?:-----END[ ][A-Z0-9 ]{{0,40}}-----|\Z))
    # headers whose whole value is secret
  | (?P<header>(?i:authorization|(?:set-)?cookie)[\\"']{{0,3}}\s{{0,4}}[:=]\s{{0,4}})
        (?P<header_value>{_QUOTED}|[^\r\n]+)
    # name = value, in logs, JSON, query strings and connection strings
  | (?P<named>(?i:passw(?:or)?d|pwd|passphrase|passcode
        |secret(?:[_-]?(?:access[_-]?)?key)?|api[_-]?key|access[_-]?key|private[_-]?key|account[_-]?key
        |token|credentials?)
        [\\"']{{0,3}}\s{{0,4}}[:=]\s{{0,4}})
        (?P<named_value>{_QUOTED}|[^\s"'&,;)}}\]\\]+)
    # HTTP authentication schemes
  | (?P<scheme>\b(?i:bearer)\s{{1,4}})[A-Za-z0-9._~+/=-]{{8,}}
  | (?P<basic>\b(?i:basic)\s{{1,4}})(?=\S{{1,64}}?[0-9A-Z=])[A-Za-z0-9+/]{{8,}}={{0,2}}
    # keys that providers give out, by their prefixes
  | (?P<key>(?<![A-Za-z0-9])(?:
        sk-[A-Za-z0-9_-]{{12,}}
      | [sr]k_(?:live|test)_[A-Za-z0-9]{{10,}}
      | (?:AKIA|ASIA)[A-Z0-9]{{16}}(?![A-Za-z0-9])
      | gh[pousr]_[A-Za-z0-9]{{20,}}
      | github_pat_[A-Za-z0-9_]{{20,}}
      | glpat-[A-Za-z0-9_-]{{16,}}
      | xox[a-z]-[A-Za-z0-9-]{{10,}}
      | xapp-[A-Za-z0-9-]{{10,}}
      | AIza[A-Za-z0-9_-]{{30,}}
      | ya29\.[A-Za-z0-9_-]{{20,}}
      | (?:hf|gsk|npm|r8|dop_v1|whsec)_[A-Za-z0-9]{{20,}}
      | (?:xai|pypi|pplx)-[A-Za-z0-9_-]{{20,}}
      | SG\.[A-Za-z0-9_-]{{16,64}}\.[A-Za-z0-9_-]{{16,128}}
      | (?<![_-])eyJ[A-Za-z0-9_-]{{8,}}\.[A-Za-z0-9_-]{{8,}}(?:\.[A-Za-z0-9_-]*)?
    ))
    # the password in a URL
  | (?P<userinfo>://[^/\s:@"']{{0,256}}:)(?=[^/?#\s"']{{1,512}}@)[^/?#\s"']{{0,512}}@
    # payment cards: groups as printed, or one run
  | (?P<card>(?<![\w.-])(?:
        [3-6][0-9]{{3}}[ -][0-9]{{4}}[ -][0-9]{{4}}[ -][0-9]{{1,7}}
      | 3[0-9]{{3}}[ -][0-9]{{6}}[ -][0-9]{{4,5}}
      | [3-6][0-9]{{12,18}}
    )(?![\w-]))
    """,
    re.VERBOSE,
)

# One of these stands, in lower case, in every text that the expression above matches (cards aside).
_MARKS: Final = (
    "key", "pass", "pwd", "token", "secret", "authoriz", "cookie", "credential", "bearer", "basic", "@", "sk-",
    "eyj", "akia", "asia", "aiza", "ghp_", "gho_", "ghs_", "ghu_", "ghr_", "github_pat_", "glpat-", "xox", "xapp-",
    "k_live_", "k_test_", "hf_", "gsk_", "npm_", "r8_", "dop_v1_", "whsec_", "xai-", "pypi-", "pplx-", "ya29.",
    "sg.",
)  # fmt: skip
_DIGITS: Final = re.compile(r"[3-6][0-9]{3}(?:[ -][0-9]{4}|[0-9]{9})")


def may_hold_secret(text: str) -> bool:
    """Tell quickly whether `text` needs the full search; True may be wrong, False never is."""
    # a loop in C over searches in C: half the time of one expression of all marks, and no worse when grouped
    return any(map(text.lower().__contains__, _MARKS)) or _DIGITS.search(text) is not None


def mask_secrets(text: str) -> str:
    """Return `text` with every secret in it replaced by `[redacted]`; what surrounds it stays readable."""
    return _SECRETS.sub(_mask, text)


def _mask(match: re.Match[str]) -> str:
    for name in ("named", "header"):
        if match[name] is not None:
            return match[name] + _mask_value(match[name], match[f"{name}_value"])
    kind = match.lastgroup
    if kind == "card":
        return REDACTED if _is_card(match[0]) else match[0]
    if kind in ("scheme", "basic"):
        return match[kind] + REDACTED
    if kind == "userinfo":
        return f"{match[kind]}{REDACTED}@"
    return REDACTED


def _mask_value(name: str, value: str) -> str:
    if name[:5].lower() == "token" and value.isdigit() and len(value) <= _COUNT_DIGITS:  # "token: 12" is a count
        return value
    for quote in ('\\"', '"', "'"):
        if value.startswith(quote):
            return f"{quote}{REDACTED}{quote}"
    return REDACTED


_COUNT_DIGITS: Final = 6
_CARD_DIGITS: Final = range(13, 20)
# a doubled digit, with its own digits added up
_DOUBLED: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def _is_card(text: str) -> bool:
    """Luhn's check (ISO/IEC 7812-1, annex B) over 13 to 19 digits."""
    digits = [int(char) for char in reversed(text) if char.isdigit()]
    check = sum(digits[::2]) + sum(_DOUBLED[digit] for digit in digits[1::2])
    return len(digits) in _CARD_DIGITS and check % 10 == 0
