"""How the work of a span ended: well, skipped, cancelled or in error."""

from __future__ import annotations

from asyncio import CancelledError
from typing import TYPE_CHECKING, Final, NamedTuple

from opentelemetry.trace import Status, StatusCode

from spantail import attributes as keys
from spantail.error_text import error_message, error_traceback, error_type
from spantail.values import legal_text

if TYPE_CHECKING:
    from typing import TypeGuard

    from opentelemetry.trace import Span

_CANCELLATIONS: Final = (CancelledError, GeneratorExit, KeyboardInterrupt)


class Outcome(NamedTuple):
    """What the application said of its work: `skipped` or `cancelled`, and why."""

    status: str
    reason: str


def is_cancellation(error: BaseException | None) -> TypeGuard[BaseException]:
    """Tell whether an error says that the work was not wanted any more."""
    return isinstance(error, _CANCELLATIONS)


def is_failure(error: BaseException | None) -> TypeGuard[BaseException]:
    """Tell whether the work ended in error: `sys.exit()` without a code is none, nor is a cancellation."""
    if error is None or isinstance(error, _CANCELLATIONS):
        return False
    return not (isinstance(error, SystemExit) and error.code in (None, 0))


def write_outcome(span: Span, said: Outcome | None, error: BaseException | None) -> None:
    """Write how the work of a span ended.

    A cancelled task, a closed generator and Ctrl-C are no errors (status UNSET, `spantail.status` = `cancelled`),
    nor is `sys.exit()` without a code. Any other exception is recorded and sets ERROR (OpenTelemetry semantic
    conventions, "Recording errors"), unless the application itself had called the work cancelled.

    Args:
        span: The span, which is still open.
        said: What the application said of its work.
        error: What ended it; None when nothing did.
    """
    outcome = said
    cancelled = said is not None and said.status == keys.STATUS_CANCELLED
    if is_cancellation(error):
        if not cancelled:
            outcome = Outcome(keys.STATUS_CANCELLED, error_message(error) or _cancel_reason(error))
    elif is_failure(error):
        _record(span, error)
        if not cancelled:
            outcome = None
            span.set_attribute(keys.ERROR_TYPE, error_type(error))
            span.set_status(Status(StatusCode.ERROR, f"{error_type(error)}: {error_message(error)}"))
    if outcome is not None:
        reason = legal_text(str(outcome.reason))
        span.set_attributes({keys.STATUS: outcome.status, keys.REASON: reason})
        if outcome.status == keys.STATUS_CANCELLED:
            span.add_event(keys.EVENT_CANCELLED, {keys.REASON: reason})


def _record(span: Span, error: BaseException) -> None:
    # not span.record_exception, which formats without bounds and fails where the exception's own __str__ does
    span.add_event(
        keys.EVENT_EXCEPTION,
        {
            keys.EXCEPTION_TYPE: error_type(error),
            keys.EXCEPTION_MESSAGE: error_message(error),
            keys.EXCEPTION_STACKTRACE: error_traceback(error),
        },
    )


def _cancel_reason(error: BaseException) -> str:
    return "the generator was closed" if isinstance(error, GeneratorExit) else type(error).__name__
