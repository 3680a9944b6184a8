"""Cuts a job's text into passages and finds the ones that bear on a question (pure)."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_PASSAGES = 24
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


def split(text: str, *, size: int = 280) -> list[str]:
    """Passages of whole sentences, about `size` characters each, at most `MAX_PASSAGES`."""
    passages: list[str] = []
    for paragraph in text.splitlines():
        current = ""
        for sentence in _SENTENCE_END.split(paragraph.strip()):
            part = sentence[: 4 * size]
            if current and len(current) + 1 + len(part) > size:
                passages.append(current)
                current = part
            else:
                current = f"{current} {part}".strip()
        if current:
            passages.append(current)
    return passages[:MAX_PASSAGES]


def cosine(a: Sequence[float], b: Sequence[float]) -> float:
    """Similarity of two vectors, -1 to 1; 0 when one of them has no direction."""
    length = math.sqrt(math.fsum(x * x for x in a) * math.fsum(x * x for x in b))
    return math.fsum(x * y for x, y in zip(a, b, strict=True)) / length if length else 0.0


def overlap(a: str, b: str) -> float:
    """Similarity of two texts by the words they share, 0 to 1: what is left without embeddings."""
    words_a, words_b = set(re.findall(r"\w+", a.lower())), set(re.findall(r"\w+", b.lower()))
    return len(words_a & words_b) / math.sqrt(len(words_a) * len(words_b)) if words_a and words_b else 0.0


def assign(similarity: Sequence[Sequence[float]], count: int) -> list[tuple[int, int, float]]:
    """`count` pairs (row, column, similarity), row by row in turn, each taking its best column that is not
    taken yet; when all are taken, columns are used again.
    """
    if not similarity or not similarity[0]:
        return []
    taken: set[int] = set()
    pairs: list[tuple[int, int, float]] = []
    for number in range(count):
        row = number % len(similarity)
        if len(taken) == len(similarity[row]):
            taken.clear()
        column = max(
            (index for index in range(len(similarity[row])) if index not in taken),
            key=lambda index: (similarity[row][index], -index),
        )
        taken.add(column)
        pairs.append((row, column, similarity[row][column]))
    return pairs


def contains(text: str, quote: str) -> bool:
    """Whether `quote` is in `text`, word for word, whatever the spacing and case."""
    needle = " ".join(quote.lower().split()).strip("\"'“”… ")
    return bool(needle) and needle in " ".join(text.lower().split())
