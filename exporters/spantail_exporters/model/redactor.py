"""What encoding needs of redaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from spantail.content import Dropped, Where
    from spantail.redaction import Remarks


class Redactor(Protocol):
    """Makes values that JSON can hold and that hold no secret, as `spantail.redaction.Redactor` does."""

    @property
    def where(self) -> Where:
        """In whose environment stands whether message content is kept."""

    def attributes(
        self,
        attributes: Mapping[str, Any],
        dropped: Dropped | None = None,
        remarks: Remarks | None = None,
        event: str = "",
        /,
    ) -> dict[str, Any]:
        """Return a new mapping that may leave the process; message content that is dropped is counted.

        What cannot be seen from its values is put into `remarks`, as fields that stand beside it. `event` is the name
        of the span event or log record that they are of, where they are of one.
        """

    def native(
        self,
        attributes: Mapping[str, Any],
        dropped: Dropped | None = None,
        remarks: Remarks | None = None,
        event: str = "",
        /,
    ) -> dict[str, Any]:
        """Return the same, but with bytes, NaN and infinities as they are."""

    def learn(self, sets: Iterable[Mapping[str, Any]], /) -> None:
        """Look over the attributes of many spans at once, which makes redacting each of them quicker."""

    def keeps(self, names: Sequence[str], /) -> bool:
        """Whether attributes of these names stay as they are when there is no secret in their values themselves."""

    def is_clean(self, text: str, /) -> bool:
        """Whether it is known of a short text that it stays as it is."""

    def text(self, value: str, /) -> str:
        """Return a message, name or traceback that may leave the process."""
