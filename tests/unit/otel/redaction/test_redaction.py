"""Redaction: secrets masked, content dropped, sizes bounded, JSON values only, in microseconds."""

from __future__ import annotations

import json
import math
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spantail.json_values import all_as_sent
from spantail.redaction import TRUNCATED_KEY, Redactor
from spantail.redaction.key_rules import KeyRule, key_rule, words
from spantail.redaction.secret_patterns import _SECRETS, mask_secrets, may_hold_secret

CANARY = "canary7Qz9Xw2Lk4Vn8"

# Each holds the canary where a secret would stand.
PLANTED = [
    f"Authorization: Bearer {CANARY}",
    f"authorization: Basic {CANARY}=",
    f'curl -H "Authorization: Token {CANARY}" https://x',
    f"Proxy-Authorization: Digest username=u, response={CANARY}",
    f"Bearer {CANARY}.{CANARY}.{CANARY}",
    f"basic dXNl{CANARY}",
    f"password={CANARY}",
    f"db_passwd: '{CANARY} with spaces {CANARY}'",
    f"the pwd is here: PWD={CANARY};",
    f'{{"api_key": "{CANARY}\\" {CANARY}"}}',
    f'{{\\"client_secret\\": \\"{CANARY}\\"}}',
    f"https://x/?access_token={CANARY}&page=2",
    f"X-Api-Key: {CANARY}",
    f"aws_secret_access_key = {CANARY}",
    f"AccountKey={CANARY};EndpointSuffix=x",
    f"Cookie: a=1; session={CANARY}",
    f"Set-Cookie: session={CANARY}; HttpOnly",
    f"redis://:{CANARY}@host:6379/0",
    f"postgres://user:{CANARY}p@ss@host/db",
    f"sk-{CANARY}",
    f"sk-ant-api03-{CANARY}_{CANARY}",
    f"key is sk-proj-{CANARY}, keep it",
    f"sk_live_{CANARY}",
    f"ghp_{CANARY}{CANARY}",
    f"github_pat_{CANARY}_{CANARY}",
    f"glpat-{CANARY}",
    f"xoxb-{CANARY}",
    f"AIza{CANARY}{CANARY}",
    f"hf_{CANARY}{CANARY}",
    f"gsk_{CANARY}{CANARY}",
    f"eyJhbGciOiJIUzI1NiJ9.{CANARY}.{CANARY}",
    f"https://{CANARY}{CANARY}@git.example/x",
    f"https://a.blob.core.windows.net/c?sv=1&sig={CANARY}%3D&se=2",
    f"https://b.s3.amazonaws.com/k?X-Amz-Signature={CANARY}",
    f"https://hooks.slack.com/services/T000/B000/{CANARY}",
    f"https://discord.com/api/webhooks/123456789012345678/{CANARY}_{CANARY}",
    f"curl -u admin:{CANARY} https://x",
    f"curl --user=admin:{CANARY} https://x",
    f"jdbc:oracle:thin:scott/{CANARY}@//db:1521/x",
    f"GOCSPX-{CANARY}{CANARY}",
    f"glrt-{CANARY}",
    f"glsa_{CANARY}{CANARY}",
    f"dckr_pat_{CANARY}{CANARY}",
    f"shpat_{CANARY}{CANARY}",
    f"lsv2_pt_{CANARY}_{CANARY}",
    f"hvs.{CANARY}{CANARY}",
    f"123456789:AA{CANARY}{CANARY}",
    f"SG.{CANARY}{CANARY}.{CANARY}{CANARY}",
    f"MT{CANARY}{CANARY[:6]}.abcdef.{CANARY}{CANARY}",
    f"abc8Q~{CANARY}{CANARY[:15]}",
    f"1//0{CANARY}{CANARY}",
    f"xoxe.xoxp-{CANARY}",
    f"NRAK-{CANARY}{CANARY}",
    f"-----BEGIN RSA PRIVATE KEY-----\n{CANARY}\n-----END RSA PRIVATE KEY-----",
    f"-----BEGIN OPENSSH PRIVATE KEY-----\n{CANARY}\ncut off here",
    f"-----BEGIN PGP PRIVATE KEY BLOCK-----\n{CANARY}",
    f"password={'x' * 20_000}{CANARY}",
    f'password="{"x" * 20_000}{CANARY}"',
    f"{'x' * 30_000} sk-{'A' * 5_000}{CANARY}",
]

SECRET_KEYS = [
    "authorization",
    "http.request.header.authorization",
    "http.request.header.x-api-key",
    "X-Api-Key",
    "apiKey",
    "OPENAI_API_KEY",
    "password",
    "db.password",
    "userPassword",
    "passwd",
    "client_secret",
    "aws_secret_access_key",
    "secret",
    "cookie",
    "set-cookie",
    "http.response.header.set-cookie",
    "token",
    "access_token",
    "refreshToken",
    "private_key",
    "privateKey",
    "credentials",
    "credit.card_number",
]

HARMLESS_KEYS = [
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.output_tokens",
    "gen_ai.token.type",
    "llm.token_count.prompt",
    "max_tokens",
    "token_count",
    "tokenizer",
    "spantail.session.id",
    "session.id",
    "cache.key",
    "keyboard",
    "secretary",
    "author",
    "http.route",
    "gen_ai.prompt.name",
]

HARMLESS_TEXTS = [
    "basic understanding of tokens",
    "tokens: 512 in, 33 out",
    "token: 512",
    "max_tokens=4096",
    "task-oriented dialogue, risk-averse",
    "1795308986084596",
    "4bf92f3577b34da6a3ce929d0e0e4736",
    "2026-11-22T02:14:00.123456Z 4111111111111112",
    "https://host:8080/a@b?c=d",
    "someone@example.com wrote",
    "the password was wrong",
    "no secret here",
    "eyJ is how a JWT begins",
    "550e8400-e29b-41d4-a716-446655440000",
    "lc_run--01a22ebb-4812-7111-9308-900d9ad9301d",
    "0761a5c7f2ce2d7b1f7d2d5f0e9ad7f0b7a11c55",  # a git commit
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",  # a traceparent
    "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9",
    "sha256:b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9",
    "ticket SK-1234 and SK42, 12:AA",
    "docker run -u 1000:1000 --user nobody image",
    "https://user@host/x, git@github.com:owner/name.git, ssh://git@host/x",
    "1.2.345678.9, v1.20.300-rc.1, a.b.c.d.example.com",
    "https://x/?page=2&signal=3&design=sig",
    "9007199254740993, 18446744073709551615, 1.7976931348623157e308",
    "discord.com/api and hooks.slack.com",
    "dapi is an API, IA and ACCA are marks",
    "gl-account, risk_free, hf_hub",
    "claude-3-5-sonnet-20241022, gpt-4o-mini-2024-07-18, text-embedding-3-small",
    "chatcmpl-BxK3b9ZJ4aWfT2c8QeVdS1rYpL0mN, msg_01XFDUDYJgAACzvnptvVoYEL, toolu_01A09q90qw90lq917835lq9",
    "arn:aws:iam::123456789012:role/app",
    "2a02:aa00:1::1, 10:aa:bb:cc:dd:ee",
]


@pytest.mark.parametrize("text", PLANTED, ids=range(len(PLANTED)))
def test_no_canary_survives(text: str) -> None:
    redactor = Redactor()
    out = [
        redactor.text(text),
        redactor.text(f"before\n{text}\nafter"),
        redactor.attributes({"note": text, "list": [text, {"deep": (text,)}], text: 1, "raw": text.encode()}),
    ]
    assert CANARY not in json.dumps(out)
    assert "[redacted]" in json.dumps(out)
    assert may_hold_secret(text)


@pytest.mark.parametrize(
    "secret",
    [
        "SK" + "0123456789abcdef" * 2,  # Twilio
        "AKIA" + "A2B3" * 4, "ASIA" + "A2B3" * 4, "ABIA" + "A2B3" * 4,  # AWS
        "key-" + "0123456789abcdef" * 2, "0123456789abcdef" * 2 + "-0123abcd-89ab4567",  # Mailgun
        "dapi" + "0123456789abcdef" * 2,  # Databricks
    ],
)  # fmt: skip
def test_keys_of_hex_and_capitals_are_masked(secret: str) -> None:
    text = Redactor().text
    assert text(secret) == "[redacted]"
    assert text(f"it is {secret}, yes") == "it is [redacted], yes"
    assert Redactor().attributes({"note": secret}) == {"note": "[redacted]"}
    assert text(f"x{secret}") == f"x{secret}"  # a part of something longer


@pytest.mark.parametrize("key", SECRET_KEYS)
def test_a_secret_name_masks_its_value(key: str) -> None:
    out = Redactor().attributes({key: CANARY, "nested": {key: CANARY}, "items": [{key: [CANARY]}]})
    assert CANARY not in json.dumps(out)
    assert out[key] == "[redacted]"


@pytest.mark.parametrize("key", HARMLESS_KEYS)
def test_a_harmless_name_is_left_alone(key: str) -> None:
    assert Redactor().attributes({key: "value", "x": 1}) == {key: "value", "x": 1}


def test_numbers_under_token_like_names_are_counts() -> None:
    given = {"token": 12, "cookies": 3, "authorization": True, "api_key": 0.5}
    assert Redactor().attributes(given) == given
    assert Redactor().attributes({"password": 1234})["password"] == "[redacted]"


@pytest.mark.parametrize("text", HARMLESS_TEXTS)
def test_harmless_text_is_left_alone(text: str) -> None:
    assert Redactor().text(text) == text
    assert Redactor().attributes({"note": text}) == {"note": text}


@pytest.mark.parametrize(
    ("text", "card"),
    [
        ("4111 1111 1111 1111", True),
        ("4111-1111-1111-1111", True),
        ("4111111111111111", True),
        ("3782 822463 10005", True),
        ("378282246310005", True),
        ("5555 5555 5555 4444", True),
        ("2223003122003222", True),  # Mastercard's second range
        ("2223 0031 2200 3222", True),
        ("30569309025904", True),
        ("3530111333300000", True),
        ("6011111111111117", True),
        ("6200000000000000000", True),  # UnionPay, 19 digits
        ("4222222222222", True),
        ("4917610000000000003", True),
        ("4111111111111112", False),
        ("1234567890123452", False),
        ("411111111111", False),
        ("a4111111111111111", False),
        ("3723829990440267834", False),  # an id of 64 bits that Luhn's check lets pass
        ("555555555555555551", False),
        ("2024 2025 2026 2031", False),  # years
    ],
)
def test_card_numbers_by_luhn(text: str, *, card: bool) -> None:
    assert Redactor().text(f"card {text} given") == f"card {'[redacted]' if card else text} given"


def test_what_surrounds_a_secret_stays() -> None:
    text = Redactor().text
    assert text("redis://user:pw@host:6379/0 refused") == "redis://user:[redacted]@host:6379/0 refused"
    assert text("GET /?token=abcdefgh&page=2") == "GET /?token=[redacted]&page=2"
    assert text('{"password": "x y", "name": "z"}') == '{"password": "[redacted]", "name": "z"}'
    assert text("used sk-abcdefghijklmnop twice") == "used [redacted] twice"
    assert text("Authorization: Bearer abc\nAccept: */*") == "Authorization: [redacted]\nAccept: */*"


CONTENT_KEYS = [
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.system_instructions",
    "gen_ai.prompt",
    "gen_ai.prompt.0.content",
    "gen_ai.completion.0.content",
    "llm.input_messages.0.message.content",
    "llm.output_messages.1.message.content",
    "llm.prompts.0",
    "input.value",
    "output.value",
    "traceloop.entity.input",
    "traceloop.entity.output",
    "ai.prompt.messages",
]


@pytest.mark.parametrize("key", CONTENT_KEYS)
def test_content_is_dropped_unless_allowed(key: str) -> None:
    assert Redactor().attributes({key: "hello", "x": 1}) == {"x": 1}
    assert Redactor(enabled=False).attributes({key: "hello"}) == {}
    assert Redactor(capture_content=True).attributes({key: "hello"}) == {key: "hello"}
    assert CANARY not in json.dumps(Redactor(capture_content=True).attributes({key: f"password={CANARY}"}))


def test_values_become_json() -> None:
    out = Redactor().attributes(
        {
            "text": "x",
            "flag": True,
            "number": 7,
            "real": 0.5,
            "nan": math.nan,
            "infinite": math.inf,
            "minus": -math.inf,
            "large": 2**64,
            "limit": -(2**63),
            "raw": b"text",
            "binary": b"\xff\xfe",
            "tuple": ("a", 1, None, 2.5),
            "map": {"a": {"b": 1}, 5: "five"},
            "none": None,
            "surrogate": "\ud800x",
            "object": PLANTED,
            7: "seven",  # type: ignore[dict-item]
        }
    )
    assert json.loads(json.dumps(out, allow_nan=False)) == out
    assert out["nan"] == "NaN"
    assert (out["infinite"], out["minus"]) == ("Infinity", "-Infinity")
    assert out["large"] == str(2**64)
    assert out["limit"] == -(2**63)
    assert (out["raw"], out["binary"]) == ("text", "base64://4=")
    assert out["tuple"] == ["a", 1, None, 2.5]
    assert out["map"] == {"a": {"b": 1}, "5": "five"}
    assert out["surrogate"] == "\ufffdx"
    assert out["7"] == "seven"


def test_what_json_has_no_value_for_is_named_beside_it() -> None:
    redactor, remarks = Redactor(), dict[str, Any]()
    given: dict[str, Any] = {
        "nan": math.nan, "minus": -math.inf, "whole": 2.0, "raw": b"\xff\xfe", "text": b"text", "none": b"",
        "list": [1.5, math.nan, b"x", {"deep": [math.inf]}], "plain": ["NaN", 2**63 - 1], "word": "NaN",
    }  # fmt: skip
    out = redactor.attributes(given, None, remarks)
    assert json.loads(json.dumps(out, allow_nan=False)) == out
    assert remarks == {
        "types": {
            "nan": "double", "minus": "double", "raw": "bytes", "text": "bytes", "none": "bytes",
            "list": {"1": "double", "2": "bytes", "3": {"deep": {"0": "double"}}},
        }
    }  # fmt: skip
    assert (out["raw"], out["text"], out["none"]) == ("//4=", "dGV4dA==", "")
    assert repr(all_as_sent(out, remarks["types"])) == repr(given)
    assert repr(redactor.native(given)) == repr(given)


def test_types_that_do_not_fit_the_values_are_passed_over() -> None:
    held = {"a": "no base64!", "b": 5, "c": ["NaN"], "d": "NaN", "e": "AAE="}
    types: Any = {"a": "bytes", "b": "double", "c": "double", "d": {"0": "double"}, "e": ["bytes"], "f": "bytes"}
    assert all_as_sent(held, types) == held
    assert all_as_sent(held, ["a"]) == held


def test_what_is_masked_or_cut_is_named() -> None:
    redactor, remarks = Redactor(max_value_bytes=1_000), dict[str, Any]()
    redactor.attributes({"seen": "before"})
    out = redactor.attributes(
        {
            "seen": "before", "password": "x", "note": f"token={CANARY}", "long": "x" * 2_000, "k" * 300: 1,
            "map": {"password": 1}, "quiet": {"gen_ai.prompt": "hello"}, "raw": f"password={CANARY}".encode(),
            "many": b"\xff" * 2_000, "deep": [[[[[[[[[1]]]]]]]]], "large": 2**70, "fine": ["a", {"b": 1}], "count": 3,
        },
        {},
        remarks,
    )  # fmt: skip
    assert set(remarks) == {"changed"}
    assert sorted(remarks["changed"]) == sorted(
        ["password", "note", "long", "k" * 256, "map", "quiet", "raw", "many", "deep", "large"]
    )
    assert out["raw"] == "password=[redacted]"
    assert out["many"].endswith("…[truncated 2,000 → 1,000 bytes]")
    cut = dict[str, Any]()
    Redactor(max_value_bytes=1_000, max_event_bytes=1_000).attributes({"a": b"x" * 900, "b": b"x" * 900}, None, cut)
    assert cut == {"changed": ["a", "b"]}  # in base64 each is longer than all may be


def test_a_secret_in_bytes_is_found_whatever_stands_around_it() -> None:
    for data in (f"password={CANARY}".encode(), b"\xff\x00 password=" + CANARY.encode() + b" \xfe"):
        for out in (Redactor().attributes({"a": data}), Redactor().attributes({"a": [data]}, None, {})):
            assert CANARY not in json.dumps(out)
        assert CANARY.encode() not in repr(Redactor().native({"a": data})).encode()
    assert Redactor(enabled=False).native({"a": b"password=x"}) == {"a": b"password=x"}


def test_a_large_value_is_cut_with_a_mark() -> None:
    redactor = Redactor()
    out = redactor.attributes({"body": "x" * 10_485_760})
    assert out["body"].endswith("x…[truncated 10,485,760 → 32,768 bytes]")
    assert len(out["body"].encode()) < 32_768 + 64
    assert redactor.text("é" * 20_000).endswith("é…[truncated 40,000 → 32,768 bytes]")
    assert redactor.text("x" * 32_768) == "x" * 32_768


def test_a_large_event_is_cut_with_marks() -> None:
    redactor = Redactor(max_value_bytes=1_000, max_event_bytes=10_000)
    out = redactor.attributes({f"k{n}": "x" * 5_000 for n in range(50)})
    assert len(json.dumps(out).encode()) < 10_000 + 50 * 80
    assert all("…[truncated" in value for value in out.values())
    assert out["k0"].endswith("…[truncated 5,000 → 1,000 bytes]")
    many = Redactor().attributes({f"k{n}": n for n in range(10_000)})
    assert len(many) == 1_001
    assert many[TRUNCATED_KEY] == "…[truncated 10,000 → 1,000 attributes]"
    known = {f"k{n}": "v" for n in range(1_001)}
    for part in (dict(list(known.items())[:600]), dict(list(known.items())[600:])):
        assert redactor.attributes(part) == part
    assert redactor.attributes(known)[TRUNCATED_KEY] == "…[truncated 1,001 → 1,000 attributes]"
    nested = Redactor().attributes({"list": list(range(5_000)), "map": {n: n for n in range(5_000)}})
    assert nested["list"][-1] == "…[truncated 5,000 → 1,000 items]"
    assert nested["map"][TRUNCATED_KEY] == "…[truncated 5,000 → 1,000 items]"


def test_nesting_has_an_end() -> None:
    endless: dict[str, Any] = {}
    endless["again"] = endless
    assert "truncated below 8 levels" in json.dumps(Redactor().attributes(endless))


def test_the_same_list_many_times_over_is_not_unfolded() -> None:
    value: list[Any] = ["x"] * 1_000
    for _ in range(6):
        value = [value] * 1_000
    out = Redactor().attributes({"list": value, "map": {"a": value}})
    assert len(json.dumps(out)) < 1_000_000


def test_allowed_keys_are_left_as_they_are() -> None:
    redactor = Redactor(allow=["my.token", "debug.*", "gen_ai.prompt"])
    given = {"my.token": CANARY, "debug.password": f"password={CANARY}", "gen_ai.prompt": "hello"}
    assert redactor.attributes(given) == given
    assert redactor.attributes({"other.token": CANARY}) == {"other.token": "[redacted]"}
    cut = redactor.attributes({"debug.body": "x" * 40_000})["debug.body"]
    assert cut.endswith("…[truncated 40,000 → 32,768 bytes]")


def test_further_keys_are_masked() -> None:
    redactor = Redactor(keys=["salary", "home address"])
    given = {"user.salary": 5, "userSalary": "x", "home_address": "x", "address": "x"}
    assert redactor.attributes(given) == {
        "user.salary": "[redacted]",
        "userSalary": "[redacted]",
        "home_address": "[redacted]",
        "address": "x",
    }


def test_a_custom_function_runs_first_and_fails_closed() -> None:
    def custom(key: str, value: Any) -> Any:
        if key == "broken":
            raise RuntimeError(CANARY)
        return value.replace("Jane", "J.") if isinstance(value, str) else value

    redactor = Redactor(transform=custom)
    out = redactor.attributes({"name": "Jane", "broken": CANARY, "n": 1, "password": CANARY, "note": f"token={CANARY}"})
    assert out == {
        "name": "J.",
        "broken": "[redacted]",
        "n": 1,
        "password": "[redacted]",
        "note": "token=[redacted]",
    }


def test_switched_off_it_still_bounds_and_makes_json() -> None:
    redactor = Redactor(enabled=False)
    assert redactor.attributes({"password": CANARY, "x": f"token={CANARY}"}) == {
        "password": CANARY,
        "x": f"token={CANARY}",
    }
    assert redactor.text(f"Bearer {CANARY}") == f"Bearer {CANARY}"
    assert redactor.attributes({"n": math.nan}) == {"n": "NaN"}
    assert "truncated" in redactor.text("x" * 40_000)


def test_the_environment_decides() -> None:
    environ = {
        "SPANTAIL_REDACT_KEYS": "salary, home address",
        "SPANTAIL_REDACT_ALLOW": "my.token,",
        "SPANTAIL_MAX_VALUE_BYTES": "100",
        "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "true",
    }
    redactor = Redactor.from_environment(environ)
    assert redactor.attributes(
        {"salary": 1, "my.token": "t", "gen_ai.prompt": "hi", "long": "x" * 101, "token": "t"}
    ) == {
        "salary": "[redacted]",
        "my.token": "t",
        "gen_ai.prompt": "hi",
        "long": "x" * 100 + "…[truncated 101 → 100 bytes]",
        "token": "[redacted]",
    }
    for off in ("false", "0", "off", "No"):
        assert Redactor.from_environment({"SPANTAIL_REDACT": off}).text(f"Bearer {CANARY}") == f"Bearer {CANARY}"
    assert Redactor.from_environment({"SPANTAIL_MAX_VALUE_BYTES": "many"}).text("x" * 30_000) == "x" * 30_000


def test_what_was_found_clean_is_still_found_clean_after_many_others() -> None:
    redactor = Redactor()
    for n in range(20_000):
        redactor.attributes({f"key.{n}": f"value number {n}"})
        redactor.text(f"name number {n}")
    assert len(redactor._clean) <= 4_096
    assert len(redactor._keys._rules) <= 4_096
    assert redactor.attributes({"key.1": "value number 1", "token": CANARY}) == {
        "key.1": "value number 1",
        "token": "[redacted]",
    }


class _Hostile:
    def __str__(self) -> str:
        raise RuntimeError("hostile")


@pytest.mark.parametrize("value", [_Hostile(), {_Hostile(): 1}, [_Hostile()]])
def test_it_never_raises(value: Any) -> None:
    assert Redactor().attributes({"good": "x", "bad": value}) == {"good": "x", "bad": "[unreadable]"}
    assert Redactor().text(value)


_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.binary(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(st.characters(), max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(
    st.dictionaries(
        st.text(st.characters(), max_size=12) | st.sampled_from(SECRET_KEYS + HARMLESS_KEYS), _ANY, max_size=8
    )
)
def test_any_attributes_become_json(attributes: dict[str, Any]) -> None:
    redactor = Redactor()
    once = redactor.attributes(attributes)
    text = json.dumps(once, allow_nan=False)
    text.encode()
    assert redactor.attributes(attributes) == once  # from the caches
    for key, value in once.items():
        key.encode()
        if isinstance(value, str):
            value.encode()


@given(st.sampled_from(PLANTED[:-3]), st.text(max_size=40), st.text(max_size=40))
def test_a_secret_anywhere_in_a_text_is_found(secret: str, before: str, after: str) -> None:
    text = f"{before} \n{secret}\n {after}"
    assert CANARY not in Redactor().text(text)


@given(st.from_regex(_SECRETS))
def test_the_quick_look_finds_whatever_would_be_masked(text: str) -> None:
    if mask_secrets(text) != text:
        assert may_hold_secret(text)


@given(st.text(st.characters(codec="utf-8"), max_size=300))
def test_the_quick_look_misses_nothing(text: str) -> None:
    if mask_secrets(text) != text:
        assert may_hold_secret(text)


@pytest.mark.parametrize(
    "text",
    [
        "eyJ" * 11_000,
        "eyJ-" * 8_000,
        "://a:" * 8_000,
        "sk-" * 11_000,
        "4111 " * 8_000,
        "authorization" * 3_000,
        "-----BEGIN A PRIVATE KEY-----" * 1_200,
        'token=\\"' * 4_000,
        'password="\\' * 4_000,
        "basic " + "a" * 40_000,
        "SG." + "a" * 40_000,
        "://" + "a" * 40_000,
        "M" + "-M" * 20_000,
        "MMMMMMMMMMMMMMMMMMMMMMMMM.aaaaaa." * 1_200,
        "xoxa." * 8_000,
        "-u a:" * 8_000,
        "jdbc:oracle:a:" * 3_000,
        "0123456789abcdef" * 2_500,
        "1:AA" * 10_000,
        "-abcdef01" * 4_000,
        ".aaaaaa" * 6_000,
        "a1Q~" * 10_000,
        "--a-" * 10_000,
        "--api-key '" * 4_000,
        "<a:" * 13_000,
        "api_key', " * 4_000,
        'password:\\\\"' * 3_000,
        "token " + '"' * 40_000,
    ],
    ids=lambda text: text[:12],
)
def test_hostile_text_takes_linear_time(text: str) -> None:
    # 400 KB take some 0.1 s where the work is linear, and minutes where it is quadratic
    before = time.process_time()
    mask_secrets(text * 10)
    assert time.process_time() - before < 5


def test_words_of_keys() -> None:
    assert words("http.request.header.X-Api-Key") == ("http", "request", "header", "x", "api", "key")
    assert words("OpenAIKey2Secret") == ("open", "ai", "key", "2", "secret")
    assert key_rule("gen_ai.usage.input_tokens") is KeyRule.PLAIN
