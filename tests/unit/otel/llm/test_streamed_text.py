"""A streamed answer that can be read while it comes."""

from __future__ import annotations

from spantail.llm.streamed_text import LIMIT, StreamedText


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def shown_after(*pieces: str) -> str | None:
    clock = Clock()
    text = StreamedText(clock)
    for piece in pieces:
        text.add(piece)
    return text.so_far()


def test_it_ends_with_a_whole_word() -> None:
    assert shown_after("It is sunny in Be") == "It is sunny in"
    assert shown_after("It is ", "sunny. ") == "It is sunny."
    assert shown_after("word") is None


def test_no_half_of_a_secret_is_shown() -> None:
    # the rest is still to come, and only then it can be known for what it is
    assert shown_after("the key is sk-proj-abc") == "the key is"
    assert shown_after("the card is 4111 1111 1111 ") == "the card is"
    assert shown_after("the card is 4111-1111-11") == "the card is"


def test_what_is_sent_in_all_is_bounded() -> None:
    clock = Clock()
    text = StreamedText(clock)
    sent = 0
    for _ in range(4_000):
        text.add("lorem ip ")
        clock.now_s += 1.0
        sent += len(text.so_far() or "")
    assert text.is_full
    assert len(text.whole()) == LIMIT
    assert sent < 10 * LIMIT


def test_it_is_not_told_more_often_than_four_times_a_second() -> None:
    clock = Clock()
    text = StreamedText(clock)
    times = 0
    for _ in range(100):
        text.add("twice as much " * 8)
        clock.now_s += 0.01
        times += text.so_far() is not None
    assert times <= 5
