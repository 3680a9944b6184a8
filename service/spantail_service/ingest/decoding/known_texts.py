"""Values of spans as JSON, by their bytes in protobuf: each different one is looked at once (pure)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import orjson

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from spantail_exporters.model.redactor import Redactor

_MOST: Final = 8_192  # of each generation
_LONGEST: Final = 64  # bytes that are remembered: what is longer hardly comes twice, and may be of a prompt
_LONGEST_CLEAN: Final = 256  # of a longer one a redactor never says that it is clean
_MOST_NUMBERS: Final = 4_096


class KnownTexts(dict[bytes, bytes | None]):
    """Texts without secrets, as JSON: short ones for a while, others until the next time that some are learned.

    `[…]` gives None for what is none of these. Used by one thread.
    """

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor
        self._before: dict[bytes, bytes | None] = {}
        self._now: dict[bytes, bytes | None] = {}

    def __missing__(self, data: bytes) -> bytes | None:
        return self._now.get(data) or self._before.get(data)

    def learn(self, texts: AbstractSet[bytes]) -> None:
        """Look for secrets in those that are new, all at once."""
        self._now = now = {}
        unseen = [data for data in texts if data not in self]  # `-` would go through all that is known
        if not unseen:
            return
        read: dict[bytes, str] = {}
        for data in unseen:
            if (known := self._before.get(data)) is not None:
                now[data] = known
            elif len(data) <= _LONGEST_CLEAN:
                try:
                    read[data] = data.decode()
                except UnicodeDecodeError:
                    continue  # whoever reads the whole span rejects it
        self._redactor.learn([dict(zip(read.values(), read.values(), strict=True))])
        is_clean = self._redactor.is_clean
        now.update({data: orjson.dumps(text) for data, text in read.items() if is_clean(text)})
        if len(self) >= _MOST:
            self._before = dict(self)
            self.clear()
        self.update({data: known for data, known in now.items() if len(data) <= _LONGEST})


class Numbers(dict[bytes, bytes]):
    """Integers of protobuf's wire format, at most 63 bits long, as JSON."""

    def __missing__(self, data: bytes) -> bytes:
        written = b"%d" % sum((byte & 0x7F) << 7 * at for at, byte in enumerate(data))
        if len(self) >= _MOST_NUMBERS:
            self.clear()
        self[data] = written
        return written
