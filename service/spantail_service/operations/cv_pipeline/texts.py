"""Whether a phrase, a number or a name of one text stands in another (pure)."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_MARKUP: Final = str.maketrans({"*": None, "_": None, "`": None, "|": " "})
_DASHES: Final = re.compile(r" ?[\u2010-\u2015\u2212-]+ ?")
_QUOTES: Final = str.maketrans({"\u2019": "'", "\u2018": "'", "\u201c": '"', "\u201d": '"'})
_NUMBER: Final = re.compile(r"\d+(?:[.,]\d+)*")
_SENTENCE_END: Final = re.compile(r"(?<=[.!?])\s+")
_NUMBER_WORDS: Final = {
    word: str(number)
    for number, word in enumerate(
        ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"), start=2
    )
}
_NUMBER_WORD: Final = re.compile(rf"\b(?:{'|'.join(_NUMBER_WORDS)})\b", re.IGNORECASE)
# A name in the middle of a sentence, after a word that leads to an employer, a school or a tool.
_NAME: Final = re.compile(
    r"\b(?:at|for|with|from|by|using|in)\s+(?:the\s+)?"
    r"((?:[A-Z][\w.&+#'-]*)(?:\s+(?:(?:of|and|the|&)\s+)?[A-Z][\w.&+#'-]*)*)"
)
_DEGREE: Final = re.compile(
    r"\b(?:Ph\.?\s?D|Doctor(?:ate)?|M\.?Sc|B\.?Sc|M\.?A\.|B\.?A\.|M\.?Eng|B\.?Eng|MBA|LL\.?[BM]|Bachelor|Master(?:'s)?(?=\s"
    r"(?:of|degree|in)\b)|Diploma?|Magister)\b\.?",
)


def normal(text: str) -> str:
    """`text` without markup, case and differences of spacing, dashes and quotes."""
    plain = unicodedata.normalize("NFKC", text).translate(_QUOTES).translate(_MARKUP)
    return _DASHES.sub("-", " ".join(plain.casefold().split()))


def stands_in(phrase: str, text: str) -> bool:
    """Whether `phrase` is in `text`, word for word; `text` has to be `normal`."""
    needle, pattern = _needle(phrase)
    return bool(needle) and needle in text and pattern.search(text) is not None


@lru_cache(maxsize=512)
def _needle(phrase: str) -> tuple[str, re.Pattern[str]]:
    needle = normal(phrase).rstrip(" .,;:").lstrip(" ,;:")
    return needle, re.compile(rf"(?<!\w){re.escape(needle)}(?![\w+#])")


def strange_numbers(text: str, source: str) -> Iterator[str]:
    """The numbers of `text` that are not in `source`; those up to twelve are found in words too."""
    known = _numbers(source)
    for found in (*_NUMBER.finditer(text), *_NUMBER_WORD.finditer(text)):
        if _as_number(found.group()) not in known:
            yield found.group()


def strange_names(text: str, source: str) -> Iterator[str]:
    """The names after "at", "for", "with" and their like that `source`, which has to be `normal`, does not have."""
    for found in _NAME.finditer(text):
        name = found.group(1).rstrip(".,'-")
        parts = [name, *re.split(r"\s+(?:and|&)\s+", name)]
        if not stands_in(name, source) and not all(stands_in(part, source) for part in parts[1:]):
            yield name


def strange_degrees(text: str, source: str) -> Iterator[str]:
    """The degrees that `text` speaks of and `source`, which has to be `normal`, does not."""
    for found in _DEGREE.finditer(text):
        if not stands_in(found.group(), source):
            yield found.group()


def sentences(text: str) -> list[str]:
    """`text` in sentences."""
    return _SENTENCE_END.split(text)


def _numbers(text: str) -> set[str]:
    found = (*_NUMBER.finditer(text), *_NUMBER_WORD.finditer(text))
    return {_as_number(each.group()) for each in found}


def _as_number(text: str) -> str:
    return _NUMBER_WORDS.get(text.casefold(), text.replace(",", ""))
