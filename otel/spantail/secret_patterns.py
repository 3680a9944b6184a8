"""What a secret looks like: by the name of the attribute that holds it, and by its own shape.

Pure. The expressions are linear: a repetition is bounded, or nothing has to follow it, or it cannot start
anew inside of itself; so no text, however hostile, makes them slow.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from spantail.content_names import is_content, is_content_text

if TYPE_CHECKING:
    from collections.abc import Sequence

REDACTED: Final = "[redacted]"


class KeyRule(Enum):
    """What the name of an attribute says about its value."""

    PLAIN = auto()
    SECRET = auto()
    SECRET_TEXT = auto()  # numbers and flags under such a name are counts and settings
    CONTENT = auto()  # what people and models said to each other
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
    """Tell what a key says about its value; `more_names` (as `words()` gives them) count as secret too."""
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


# A quoted value behind a name; quotes that were opened end with the line at the latest.
_QUOTED: Final = r"""\\"[^"\\\r\n]*+(?:\\")?|"(?:[^"\\\r\n]|\\.)*+"?|'(?:[^'\\\r\n]|\\.)*+'?"""

# It is tried at every place of a text. What can begin anywhere stands behind a lookahead for the characters that it
# begins with: at most places four alternatives fail instead of thirteen, which takes 40 % of the time.
_SECRETS: Final = re.compile(
    rf"""
    (?=[-AaBbCcPpSs\u017fTt])(?:  # without regard to case, U+017F is an s
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
    )
    # keys that providers give out, by their prefixes
  | (?P<key>(?<![A-Za-z0-9])(?:
        sk-[A-Za-z0-9_-]{{12,}}
      | [sr]k_(?:live|test)_[A-Za-z0-9]{{10,}}
      | (?:AKIA|ASIA|ABIA)[A-Z0-9]{{16}}(?![A-Za-z0-9])
      | SK[0-9a-f]{{32}}(?![A-Za-z0-9])
      | gh[pousr]_[A-Za-z0-9]{{20,}}
      | github_pat_[A-Za-z0-9_]{{20,}}
      | gl(?:pat|ptt|dt|rt|rtr|cbt|soat|imt|agent|ft|oas|ffct|wt)-[A-Za-z0-9_.-]{{16,}}
      | xox[a-z](?:\.[a-z]{{1,8}})?-[A-Za-z0-9-]{{10,}}
      | xapp-[A-Za-z0-9-]{{10,}}
      | AIza[A-Za-z0-9_-]{{30,}}
      | ya29\.[A-Za-z0-9_-]{{20,}}
      | GOCSPX-[A-Za-z0-9_-]{{20,}}
      | 1//0[A-Za-z0-9_-]{{30,}}
      | (?:hf|gsk|npm|r8|whsec|sbp|dckr_pat|do[por]_v1|lsv2_[ps][tk]|lin_api|ntn|figd|glsa|shp(?:at|ss|ca|pa))_
            [A-Za-z0-9_]{{20,}}
      | (?:xai|pypi|pplx)-[A-Za-z0-9_-]{{20,}}
      | (?:NRAK|PMAK)-[A-Za-z0-9-]{{20,}}
      | ATATT3[A-Za-z0-9_=-]{{20,}}
      | dapi[0-9a-f]{{32}}(?![A-Za-z0-9])
      | hv[sbr]\.[A-Za-z0-9_-]{{20,}}
      | key-[0-9a-f]{{32}}(?![A-Za-z0-9])
      | [0-9a-f]{{32}}-[0-9a-f]{{8}}-[0-9a-f]{{8}}(?![A-Za-z0-9-])
      | SG\.[A-Za-z0-9_-]{{16,64}}\.[A-Za-z0-9_-]{{16,128}}
      | [0-9]{{6,12}}:AA[A-Za-z0-9_-]{{32,}}
      | [MNO][A-Za-z0-9_-]{{22,30}}\.[A-Za-z0-9_-]{{6}}\.[A-Za-z0-9_-]{{27,}}
      | [A-Za-z0-9_~.]{{3}}[0-9]Q~[A-Za-z0-9_~.-]{{31,34}}
      | eyJ(?<![_-]eyJ)[A-Za-z0-9_-]{{8,}}\.[A-Za-z0-9_-]{{8,}}(?:\.[A-Za-z0-9_-]*)?
    ))
  | (?=[-:?&;dhj])(?:
        # what lets its holder call a hook, and signatures that open a file to whoever has the address
        (?P<hook>(?:hooks\.slack\.com/(?:services|workflows|triggers)|discord(?:app)?\.com/api/webhooks)/)
            [A-Za-z0-9_/-]{{8,}}
      | (?P<signed>[?&;](?i:sig|signature|x-amz-signature|x-goog-signature)=)[^\s"'&,;)}}\]\\]{{8,}}
        # user and password for a command (not a user and a group by number), and for Oracle
      | (?P<user>-(?<![\w-]-)(?:u|-user)[ =]["']?[^\s:"'/]{{1,64}}:)(?![0-9]+(?:\s|\Z))[^\s"']{{1,512}}
      | (?P<oracle>jdbc:oracle:[a-z]{{1,8}}:[^/\s@]{{1,64}}/)[^\s"'@]{{1,512}}(?=@)
        # a token in the place of a URL's user
      | (?P<token_user>://)[A-Za-z0-9_~%.+-]{{20,512}}(?=@)
        # the password in a URL
      | (?P<userinfo>://[^/\s:@"']{{0,256}}:)(?=[^/?#\s"']{{1,512}}@)[^/?#\s"']{{0,512}}@
    )
    # payment cards: groups as printed, or one run
  | (?P<card>(?<![\w.-])(?:
        [3-6][0-9]{{3}}[ -][0-9]{{4}}[ -][0-9]{{4}}[ -][0-9]{{1,7}}
      | 3[0-9]{{3}}[ -][0-9]{{6}}[ -][0-9]{{4,5}}
      | [3-6][0-9]{{12,18}}
    )(?![\w-]))
    """,
    re.VERBOSE,
)

# The quick look: one of these is found in every text that the expression above matches. Names, whatever their case,
# with their `:` or `=`; words; marks as they are written; prefixes by what they end in (`_`, `-` or `.`), which are
# looked up where such a character stands; and the digits of a card.
_NAMES: Final = (
    "key", "pass", "pwd", "token", "secret", "authoriz", "cookie", "credential", "sig=", "nature=", "@", ":aa",
)  # fmt: skip
_WORDS: Final = ("bearer", "basic")
_MARKS: Final = ("eyJ", "IA", "AIza", "SK", "1//0", "ATATT3", "dapi", "Q~", "xox", "hooks")
# Each begins with one character, which is looked for in C at the speed of memory; a set of two is not.
_UNDERSCORED: Final = re.compile(
    r"""
    _(?:
        (?<=hf_|r8_)
      | (?<=gsk_|npm_|sbp_|ntn_|gh[pousr]_)
      | (?<=figd_|glsa_)
      | (?<=whsec_|shpat_|shpss_|shpca_|shppa_)
      | (?<=k_live_|k_test_|do[por]_v1_)
      | (?<=lsv2_[ps][tk]_|lin_api_)
      | (?<=dckr_pat_)
      | (?<=github_pat_)
    )
    """,
    re.VERBOSE,
)
_DASHED: Final = re.compile(
    r"""
    -(?:
        (?<=sk-)
      | (?<=xai-|key-)
      | (?<=pypi-|pplx-|xapp-|NRAK-|PMAK-|gl[drfw]t-)
      | (?<=glpat-|glptt-|glrtr-|glcbt-|glimt-|gloas-)
      | (?<=glsoat-|glffct-|GOCSPX-)
      | (?<=glagent-)
      | [0-9a-f]{8}-[0-9a-f]{8}(?![A-Za-z0-9-])
      | u(?:ser)?[ =]
      | (?<=-----)BEGIN[ ]
    )
    """,
    re.VERBOSE,
)
_DOTTED: Final = re.compile(r"\.(?:(?<=SG\.)|(?<=ya29\.)|(?<=hv[sbr]\.)|[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27})")
_DIGITS: Final = re.compile(r"[3-6][0-9]{3}(?:[ -][0-9]{4}|[0-9]{9})")


def may_hold_secret(text: str) -> bool:
    """Tell quickly whether `text` needs the full search; True may be wrong, False never is."""
    # loops in C over searches in C: half the time of one expression of all marks
    lowered = text.lower()
    return (
        ((":" in text or "=" in text) and any(map(lowered.__contains__, _NAMES)))
        or any(map(lowered.__contains__, _WORDS))
        or any(map(text.__contains__, _MARKS))
        or _UNDERSCORED.search(text) is not None
        or _DASHED.search(text) is not None
        or _DOTTED.search(text) is not None
        or _DIGITS.search(text) is not None
    )


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
    if kind in _KEPT_BEFORE:
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


_KEPT_BEFORE: Final = frozenset({"scheme", "basic", "hook", "signed", "user", "oracle", "token_user"})
_COUNT_DIGITS: Final = 6
_CARD_DIGITS: Final = range(13, 20)
# a doubled digit, with its own digits added up
_DOUBLED: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def _is_card(text: str) -> bool:
    """Luhn's check (ISO/IEC 7812-1, annex B) over 13 to 19 digits."""
    digits = [int(char) for char in reversed(text) if char.isdigit()]
    check = sum(digits[::2]) + sum(_DOUBLED[digit] for digit in digits[1::2])
    return len(digits) in _CARD_DIGITS and check % 10 == 0
