"""The words of the house: terms that this project once made up are not used, the field's own are.

A name in code, a comment or a sentence of the documents that has one of the words below is found, also as a part of a
longer name (`wake_courier`, `wakeCourier`, `CourierError`). Words that are also plain English, such as "room" or
"turn", are not in the list, because no pattern can tell which meaning is meant.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

import pytest

from tests.support.repository import file_names
from tests.support.tools import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator


class Word(NamedTuple):
    """A word that is not used.

    Attributes:
        pattern: What is found, after names are split into words: `wakeCourier` is read as `wake_Courier`.
        instead: The word to use.
        allowed: What may stand all the same: names on the wire, and other meanings.
        where: How the files end that are looked at.
        except_in: Files and folders that are not looked at for this word, because it means something else there.
    """

    pattern: str
    instead: str
    allowed: str = r"(?!)"
    where: tuple[str, ...] = (".py", ".lua", ".ts", ".md")
    except_in: tuple[str, ...] = ()


# `_` is no border for `\b`, and names are looked into
def _whole(words: str) -> str:
    return rf"(?<![a-z])(?:{words})(?![a-z])"


WORDS: Final = (
    Word(_whole("couriers?"), "waiter: the thread that waits for Redis"),
    Word(_whole("owe[sd]?"), "unacknowledged"),
    Word(_whole("rouse[sd]?|rousing"), "wake"),
    Word(_whole("hearings?"), "run sweep"),
    Word(_whole("patience"), "liveness, or the timeout by its name"),
    Word(_whole("verdicts?"), "abandonment, or result", except_in=("tests/unit/money",)),
    Word(
        _whole("judge[sd]?|judging"),
        "reaper, or check and decide",
        # what an LLM does with a job, and the suite of costs with a case
        except_in=("tests/unit/money", "service/spantail_service/operations", "CODE_OF_CONDUCT.md"),
    ),
    Word(_whole("doors"), "access, or entry points"),
    Word(_whole("entrances?"), "entry"),
    Word(_whole("habits?"), "quirks"),
    Word(
        _whole("facts?"),
        "fields",
        allowed=r":facts\b|RUNS_FACTS.*|\(facts\||\bin fact\b",
        except_in=("exporters/spantail_exporters/model/scripts/index.lua",),  # the key of that name
    ),
    Word(_whole(r"whole[ _]answers?"), "large response"),
    Word(_whole(r"ready[ _]polls?"), "fast poll"),
    Word(_whole(r"run[ _-]feeds?"), "run changes"),
    Word(_whole("stretch(?:es)?|portions?"), "chunk"),
    # as the name of a variable or field; "was told" in a sentence is plain English
    Word(r"last_told|\.told\b|\btold\s*(?:=(?!=)|:)", "last_sent, or what it holds", where=(".py", ".lua", ".ts")),
    Word(r"design §|design\.md", "the reason itself: no document outside of the repository is pointed to"),
    Word(r":(?:mod|class|func|meth|attr|data|exc|ref):`", "single backticks", where=(".py", ".lua")),
    Word(
        r"(?<!`)``(?!`)",
        "single backticks",
        where=(".py", ".lua", ".ts"),
        # they turn one into the other, and read what an LLM wrote
        except_in=("docs/conf.py", "docs/generate.py", "tests/unit/operations/test_prompts.py"),
    ),
)

_SPLIT: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def _found(word: Word, text: str) -> Iterator[tuple[int, str]]:
    """Return line number and line of each place where a word stands."""
    pattern, allowed = re.compile(word.pattern, re.IGNORECASE), re.compile(word.allowed)
    if not pattern.search(_SPLIT.sub("_", text)):
        return
    for number, line in enumerate(text.splitlines(), 1):
        if pattern.search(_SPLIT.sub("_", allowed.sub("", line))):
            yield number, line.strip()


def _names() -> list[str]:
    """The files of the repository whose words are checked."""
    endings = tuple({ending for word in WORDS for ending in word.where})
    here = "tests/house/test_words.py"
    return [name for name in file_names(ROOT) if name.endswith(endings) and name != here]


def test_words_of_the_old_vocabulary_are_gone() -> None:
    wrong = []
    for name in _names():
        text = (ROOT / name).read_text(encoding="utf-8")
        for word in WORDS:
            if name.endswith(word.where) and not name.startswith(word.except_in or ("\0",)):
                wrong += [f"{name}:{at}: {word.instead}: {line[:100]}" for at, line in _found(word, text)]
    assert not wrong, f"{len(wrong)} lines, each with the word to use instead:\n" + "\n".join(wrong)


def test_names_of_files_have_none_of_them_either() -> None:
    wrong = [
        f"{name}: {word.instead}"
        for name in _names()
        for word in WORDS
        if not name.startswith(word.except_in or ("\0",)) and any(_found(word, name))
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        ("def wake_courier(self) -> None:", "waiter"),
        ("const wakeCourier = 1;", "waiter"),
        ("class CourierError(Exception):", "waiter"),
        ("-- what is owed", "unacknowledged"),
        ("see design §3.2", "the reason"),
        ("as ``this`` says", "single backticks"),
        ("as :mod:`this` says", "single backticks"),
        ("WHOLE_ANSWERS = 4", "large response"),
        ("span_facts(span)", "fields"),
        ("self.told = event", "last_sent"),
    ],
)
def test_a_word_is_found_in_names_and_in_sentences(text: str, instead: str) -> None:
    found = [word.instead for word in WORDS if any(_found(word, text))]
    assert len(found) == 1
    assert found[0].startswith(instead)


@pytest.mark.parametrize(
    "text",
    [
        "runs:recent}:facts",
        "in fact nothing",
        "he knows a judgement",
        "a factor of two",
        "flowed",
        "```python",
        "outdoors",
    ],
)
def test_other_words_are_left_alone(text: str) -> None:
    assert not [word.instead for word in WORDS if any(_found(word, text))]
