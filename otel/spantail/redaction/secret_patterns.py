"""What a secret looks like within a text, by its own shape or the word beside it.

Pure. The expressions are linear: a repetition is bounded, or nothing has to follow it, or it cannot start
anew inside of itself; so no text, however hostile, makes them slow.
"""

from __future__ import annotations

import re
from typing import Final

REDACTED: Final = "[redacted]"


# A quoted value behind a name; quotes that were opened end with the line at the latest.
_QUOTED: Final = r"""\\{1,15}"[^"\\\r\n]*+(?:\\{1,15}")?|"(?:[^"\\\r\n]|\\.)*+"?|'(?:[^'\\\r\n]|\\.)*+'?"""
# A name and its value side by side, as in a list of headers: `('x-api-key', '…')`.
_PAIR: Final = r"""[\\"']{1,16}\s{0,4},\s{0,4}b?(?=[\\"'])"""

# It is tried at every place of a text. What can begin anywhere stands behind a lookahead for the characters that it
# begins with: at most places four alternatives fail instead of thirteen, which takes 40 % of the time.
_SECRETS: Final = re.compile(
    rf"""
    (?=[-_<AaBbCcPpSs\u017fTt])(?:  # without regard to case, U+017F is an s
        # a private key, up to its end mark or, where the text was cut, to the end
        (?P<block>-----BEGIN[ ][A-Z0-9 ]{{0,40}}PRIVATE[ ]KEY(?:[ ]BLOCK)?-----[\s\S]*?
            (?:-----END[ ][A-Z0-9 ]{{0,40}}-----|\Z))
        # headers whose whole value is secret
      | (?P<header>(?i:authorization|(?:set-)?cookie)(?:[\\"']{{0,16}}\s{{0,4}}[:=]\s{{0,4}}|{_PAIR}))
            (?P<header_value>{_QUOTED}|[^\r\n]+)
        # name = value, in logs, JSON, query strings and connection strings
      | (?P<named>(?i:passw(?:or)?d|pwd|passphrase|passcode
            |secret(?:[_-]?(?:access[_-]?)?key)?|api[_-]?key|access[_-]?key|private[_-]?key|account[_-]?key
            |[_-]pass|token|credentials?)
            (?:[\\"']{{0,16}}\s{{0,4}}(?:[:=]|%3[ADad])\s{{0,4}}(?:[A-Za-z.]{{1,40}}\()?|{_PAIR}))
            (?P<named_value>{_QUOTED}|[^\s"'&,;)}}\]\\]+)
        # the same as an option of a command, and in XML
      | (?P<option>--(?i:[a-z0-9-]{{0,20}}(?:passw(?:or)?d|passphrase|secret|token
            |(?:api|access|private|secret)-key))[ ]["']?)(?!--)(?=[a-z]{{0,64}}[^a-z\s"'])[^\s"']{{6,512}}
      | (?P<element><(?i:[a-z_:-]{{0,20}}(?:passw(?:or)?d|pwd|secret|token|(?:api|access|secret)[_-]?key))>)
            [^<>\s]{{4,512}}
        # HTTP authentication schemes
      | (?P<scheme>\b(?i:bearer|ssws)\s{{1,4}})[A-Za-z0-9._~+/=-]{{8,}}
      | (?P<basic>\b(?i:basic)\s{{1,4}})(?=\S{{1,64}}?[0-9A-Z=])[A-Za-z0-9+/]{{8,}}={{0,2}}
    )
    # keys that providers give out, by their prefixes
  | (?P<key>(?<![A-Za-z0-9])(?:
        sk-[A-Za-z0-9_-]{{12,}}
      | [sr]k_(?:live|test)_[A-Za-z0-9]{{10,}}
      | sk_[0-9a-f]{{40,}}(?![A-Za-z0-9])
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
      | (?:hf|gsk|npm|r8|whsec|sbp|dckr_pat|do[por]_v1|lsv2_[ps][tk]|lin_api|ntn|figd|glsa|shp(?:at|ss|ca|pa)
            |sntry[su]|tgp_v1|pscale_(?:tkn|pw)|dckr_oat|lin_oauth)_[A-Za-z0-9_]{{20,}}
      | (?:pcsk|jina|nfp|phx|rubygems|secret)_[A-Za-z0-9]{{36,}}
      | (?:glc|ops)_eyJ[A-Za-z0-9_=-]{{20,}}
      | (?:xai|pypi|pplx|tvly|nvapi|csk|xkeysib|tskey)-[A-Za-z0-9_-]{{20,}}
      | sq0[a-z]{{3}}-[A-Za-z0-9_-]{{20,}}
      | (?:NRAK|PMAK|HRKU|CFPAT)-[A-Za-z0-9_-]{{20,}}
      | pul-[0-9a-f]{{40}}(?![A-Za-z0-9])
      | fc-[0-9a-f]{{32}}(?![A-Za-z0-9])
      | AGE-SECRET-KEY-1[A-Z0-9]{{20,}}
      | dp\.[a-z]{{2,5}}\.[A-Za-z0-9]{{30,}}
      | dt0[a-z][0-9]{{2}}\.[A-Z0-9]{{24}}\.[A-Z0-9]{{60,}}
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
  | (?=[-.:?&;dhj])(?:
        # what lets its holder call a hook, and signatures that open a file to whoever has the address
        (?P<hook>(?:hooks\.slack\.com/(?:services|workflows|triggers)|discord(?:app)?\.com/api/webhooks)/)
            [A-Za-z0-9_/-]{{8,}}
      | (?P<signed>[?&;](?i:sig|signature|x-amz-signature|x-goog-signature)=)[^\s"'&,;)}}\]\\]{{8,}}
      | (?P<atlas>\.atlasv1\.)[A-Za-z0-9_=-]{{50,}}
        # user and password for a command (not a user and a group by number), and for Oracle
      | (?P<user>-(?<![\w-]-)(?:u|-user)[ =]["']?[^\s:"'/]{{1,64}}:)(?![0-9]+(?:\s|\Z))[^\s"']{{1,512}}
      | (?P<oracle>jdbc:oracle:[a-z]{{1,8}}:[^/\s@]{{1,64}}/)[^\s"'@]{{1,512}}(?=@)
        # a token in the place of a URL's user
      | (?P<token_user>://)[A-Za-z0-9_~%.+-]{{20,512}}(?=@)
        # the password in a URL
      | (?P<userinfo>://[^/\s:@"']{{0,256}}:)(?=[^/?#\s"']{{1,512}}@)[^/?#\s"']{{0,512}}@
    )
    # payment cards: groups as printed, or one run of as many digits as its issuer gives (ISO/IEC 7812-1): a number
    # of another length is an id
  | (?P<card>(?<![\w.-])(?:
        (?:[3-6][0-9]|2[2-7])[0-9]{{2}}[ -][0-9]{{4}}[ -][0-9]{{4}}[ -][0-9]{{1,7}}
      | 3[0-9]{{3}}[ -][0-9]{{6}}[ -][0-9]{{4,5}}
      | 4(?:[0-9]{{12}}|[0-9]{{15}}|[0-9]{{18}})            # Visa
      | (?:5[0-9]|2[2-7])[0-9]{{14}}                       # Mastercard
      | 3[47][0-9]{{13}}                                   # American Express
      | 3[0689][0-9]{{12}}                                 # Diners Club
      | 35[0-9]{{14}}                                      # JCB
      | 6[0-9]{{15}}|62[0-9]{{14,17}}                       # Discover, Maestro, RuPay, UnionPay
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
_JOINED: Final = re.compile(r"[:=,>]|%3|--")
_WORDS: Final = ("bearer", "basic", "ssws")
_MARKS: Final = ("eyJ", "IA", "AIza", "SK", "1//0", "ATATT3", "dapi", "Q~", "xox", "hooks")
# Each begins with one character, which is looked for in C at the speed of memory; a set of two is not.
_UNDERSCORED: Final = re.compile(
    r"""
    _(?:
        (?<=hf_|r8_|sk_)
      | (?<=gsk_|npm_|sbp_|ntn_|nfp_|phx_|glc_|ops_|gh[pousr]_)
      | (?<=figd_|glsa_|pcsk_|jina_)
      | (?<=whsec_|shpat_|shpss_|shpca_|shppa_)
      | (?<=k_live_|k_test_|do[por]_v1_|tgp_v1_|secret_|sntry[su]_)
      | (?<=lsv2_[ps][tk]_|lin_api_)
      | (?<=dckr_[po]at_|rubygems_)
      | (?<=lin_oauth_|pscale_pw_)
      | (?<=github_pat_|pscale_tkn_)
    )
    """,
    re.VERBOSE,
)
_DASHED: Final = re.compile(
    r"""
    -(?:
        (?<=sk-|fc-)
      | (?<=xai-|key-|csk-|pul-)
      | (?<=pypi-|pplx-|xapp-|tvly-|NRAK-|PMAK-|HRKU-|gl[drfw]t-)
      | (?<=glpat-|glptt-|glrtr-|glcbt-|glimt-|gloas-|nvapi-|tskey-|CFPAT-)
      | (?<=glsoat-|glffct-|GOCSPX-|sq0[a-z][a-z][a-z]-)
      | (?<=glagent-|xkeysib-)
      | (?<=AGE-SECRET-KEY-)
      | [0-9a-f]{8}-[0-9a-f]{8}(?![A-Za-z0-9-])
      | u(?:ser)?[ =]
      | (?<=-----)BEGIN[ ]
    )
    """,
    re.VERBOSE,
)
_DOTTED: Final = re.compile(
    r"\.(?:(?<=SG\.)|(?<=ya29\.)|(?<=hv[sbr]\.)|(?<=dp\.)|(?<=dt0[a-z][0-9][0-9]\.)|(?=atlasv1\.)"
    r"|[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27})"
)
_DIGITS: Final = re.compile(r"[2-6][0-9]{3}(?:[ -][0-9]{4}|[0-9]{9})")


def may_hold_secret(text: str) -> bool:
    """Tell quickly whether a text may hold a secret: True may be wrong, False never is."""
    # loops in C over searches in C: half the time of one expression of all marks
    lowered = text.lower()
    return (
        (_JOINED.search(text) is not None and any(map(lowered.__contains__, _NAMES)))
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
    if value.isdigit() and len(value) <= _COUNT_DIGITS and name[:5].lower() in {"token", "_pass", "-pass"}:
        return value  # "token: 12" is a count
    quote = _QUOTE.match(value)
    return f"{quote[0]}{REDACTED}{quote[0]}" if quote else REDACTED


_KEPT_BEFORE: Final = frozenset(
    {"scheme", "basic", "hook", "signed", "user", "oracle", "token_user", "option", "element", "atlas"}
)
_QUOTE: Final = re.compile(r"""\\*"|'""")
_COUNT_DIGITS: Final = 6
_CARD_DIGITS: Final = range(13, 20)
# a doubled digit, with its own digits added up
_DOUBLED: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def _is_card(text: str) -> bool:
    """Luhn's check (ISO/IEC 7812-1, annex B) over 13 to 19 digits."""
    digits = [int(char) for char in reversed(text) if char.isdigit()]
    check = sum(digits[::2]) + sum(_DOUBLED[digit] for digit in digits[1::2])
    return len(digits) in _CARD_DIGITS and check % 10 == 0
