"""Regular expressions as Tempo reads them, by RE2: the time for a text grows with its length only, never exponentially.

A pattern is anchored at both ends and `.` is any character, as in Prometheus' matchers, which Tempo uses.
"""

from __future__ import annotations

import time
from typing import Final

import re2

MAX_PATTERN: Final = 1_000
"""Longest pattern, in characters."""
MAX_VALUE: Final = 4_096
"""Longer texts match no pattern."""
MAX_SECONDS: Final = 1.0
"""CPU time that one pattern may take over all texts: even in linear time one text can take 0.2 s."""

_OPTIONS: Final = re2.Options()
_OPTIONS.max_mem = 1 << 20  # bytes, for the program and the states it remembers; 8 MiB would allow 0.1 s to compile
_OPTIONS.dot_nl = True
_OPTIONS.never_capture = True
_OPTIONS.log_errors = False  # they would go to stderr


class RegexError(ValueError):
    """The pattern is none, is too large, or takes too much work."""


class Regex:
    """One pattern, for one search: the time that it has taken is counted over all calls."""

    def __init__(self, pattern: str) -> None:
        """Read `pattern`, in RE2's syntax.

        Raises:
            RegexError: it cannot be read, or is too large.
        """
        if len(pattern) > MAX_PATTERN:
            raise RegexError(f"A pattern has at most {MAX_PATTERN} characters")
        try:
            self._compiled = re2.compile(pattern, _OPTIONS)
        except re2.error as error:
            reason = error.args[0].decode("utf-8", "replace")
            raise RegexError(f'RE2 refuses this pattern with "{reason}"') from None
        re2.purge()  # its cache would keep 128 patterns with all their memory
        self.pattern = pattern
        self._taken = 0.0

    def matches(self, text: str) -> bool:
        """Whether the whole `text` fits.

        Raises:
            RegexError: the pattern has taken `MAX_SECONDS`.
        """
        if len(text) > MAX_VALUE:
            return False
        if self._taken > MAX_SECONDS:
            raise RegexError(f"The pattern `{self.pattern}` takes too much work on what is stored: make it simpler")
        begun = time.thread_time()
        found = self._compiled.fullmatch(text.encode())  # of a str it would count characters
        self._taken += time.thread_time() - begun
        return found is not None
