"""A Dockerfile read as far as tests need it: its stages, what it copies, and what its context holds."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.support.repository import file_names
from tests.support.tools import ROOT

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Copy:
    """A `COPY`: sources in the context, or in another stage, and where they go."""

    sources: tuple[str, ...]
    target: str
    stage: str | None


@dataclass(slots=True)
class Stage:
    """What stands between two `FROM`."""

    image: str
    name: str
    instructions: list[tuple[str, str]] = field(default_factory=list)

    def all(self, word: str) -> list[str]:
        """What stands behind each instruction of that name."""
        return [text for name, text in self.instructions if name == word]

    def one(self, word: str) -> str:
        """What stands behind the only instruction of that name."""
        (text,) = self.all(word)
        return text

    def copies(self) -> list[Copy]:
        """Each `COPY`, in order."""
        made = []
        for text in self.all("COPY"):
            options = dict(re.findall(r"--(\w+)=(\S+)", text))
            *sources, target = re.sub(r"--\w+=\S+", "", text).split()
            made.append(Copy(tuple(sources), target, options.get("from")))
        return made

    def environment(self) -> dict[str, str]:
        """What `ENV` sets."""
        return {name: value for text in self.all("ENV") for name, value in re.findall(r"(\w+)=(\S+)", text)}


def stages(path: Path) -> list[Stage]:
    """The stages, with the defaults of `ARG` in place of the variables in `FROM`."""
    text = re.sub(r"(?m)^\s*#.*\n", "", path.read_text(encoding="utf-8"))
    found: list[Stage] = []
    defaults: dict[str, str] = {}
    for line in re.sub(r"\\\n\s*", " ", text).splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "ARG" and not found:
            name, _, defaults[name] = rest.partition("=")
        elif word == "FROM":
            image, _, name = rest.partition(" AS ")
            found.append(Stage(re.sub(r"\$\{(\w+)\}", lambda match: defaults[match[1]], image), name))
        elif word:
            found[-1].instructions.append((word, rest.strip()))
    return found


def context(ignore: Path) -> set[str]:
    """The files of the checkout that a build is sent, by a `.dockerignore`: git's, and those that it does not know yet.

    As in Docker the last pattern that a file or one of its folders meets decides.
    """
    lines = [line for line in ignore.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    patterns = [(line.startswith("!"), _pattern(line.removeprefix("!"))) for line in lines]
    return {name for name in file_names(ROOT) if _is_sent(name, patterns)}


def _is_sent(name: str, patterns: list[tuple[bool, re.Pattern[str]]]) -> bool:
    sent = True
    for lets_in, pattern in patterns:
        if pattern.fullmatch(name):
            sent = lets_in
    return sent


def _pattern(line: str) -> re.Pattern[str]:
    parts = re.escape(line).replace(r"\*\*/", "(?:.*/)?").replace(r"\*", "[^/]*")
    return re.compile(rf"{parts}(?:/.*)?")
