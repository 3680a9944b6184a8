"""What can go wrong in the service, in its own words. How each is answered over HTTP stands in `web/problems.py`."""

from __future__ import annotations

from typing import Any, Final

RETRY_AFTER_S: Final = 1
"""After how many seconds a caller may try again while Redis cannot be used."""


class DomainError(Exception):
    """Something that a caller asked for and cannot have.

    `kind` is a short stable word that a program can test, `detail` a sentence for a person.

    Args:
        detail: The sentence.
        kind: The word, where the class has none of its own.
        retry_after_s: Seconds after which another try may succeed; None where it would not.
        data: Further members for a program, such as links.
    """

    kind: str

    def __init__(
        self,
        detail: str,
        *,
        kind: str | None = None,
        retry_after_s: int | None = None,
        data: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        if kind is not None:
            self.kind = kind
        self.detail = detail
        self.retry_after_s = retry_after_s
        self.data = data or {}


class InputRefusedError(DomainError):
    """What was given is malformed, or asks for what is not understood."""

    kind = "invalid-input"


class NotFoundError(DomainError):
    """There is no such thing, and nothing says that there was."""


class RunNotFoundError(NotFoundError):
    """No run with this id has been seen."""

    kind = "unknown-run"

    def __init__(self, detail: str = "No run with this id has been seen.") -> None:
        super().__init__(detail)


class SpanNotFoundError(NotFoundError):
    """The run is here, the span is not."""

    kind = "unknown-span"

    def __init__(self) -> None:
        super().__init__("This run has no such span.")


class RunExpiredError(DomainError):
    """The run was here, its data has expired.

    Args:
        links: Where it may still be found, by tool; empty when nobody knows.
    """

    kind = "run-expired"

    def __init__(self, links: dict[str, str]) -> None:
        detail = "This run's data has expired."
        if links:
            detail += " Where it was exported to, it may still be: see `links`."
        super().__init__(detail, data={"links": links} if links else None)


class ConflictError(DomainError):
    """It cannot be done in the state that things are in."""


class TooLargeError(DomainError):
    """What was given is more than is taken."""


class LimitReachedError(DomainError):
    """As much is under way as the settings allow; it may be tried again."""


class UnavailableError(DomainError):
    """The process, or what it depends on, cannot do it at the moment; it may be tried again."""


class TooManyViewersError(UnavailableError):
    """This process holds as many viewers as it may."""

    kind = "too-many-viewers"

    def __init__(self) -> None:
        super().__init__(
            "This process holds as many viewers as it may (SPANTAIL_MAX_WAITERS). Come again, or poll without `wait`.",
            retry_after_s=5,
        )


class CallerLeftError(DomainError):
    """Whoever asked does not wait for the answer any more."""

    kind = "client-left"

    def __init__(self) -> None:
        super().__init__("Nobody waits for the answer any more.")
