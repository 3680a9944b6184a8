"""Errors that are reported as data and not as an exception, written on a span."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from opentelemetry.trace import Status, StatusCode

from spantail import attributes as keys
from spantail.adapters.fields import Failure
from spantail.error_text import error_message, error_traceback, error_type
from spantail.values import legal_text

if TYPE_CHECKING:
    from spantail.scopes.scope import Scope

_NO_MESSAGE = "no message was reported"


def with_exception(failure: Failure) -> Failure:
    """Return a failure with type and traceback of the exception that is being handled, where it has none itself."""
    error = sys.exception()
    if error is None or failure.traceback:
        return failure
    return Failure(failure.type or error_type(error), failure.message or error_message(error), error_traceback(error))


def exception_attributes(failure: Failure) -> dict[str, object]:
    """Return a failure as the attributes of an exception event."""
    return {
        keys.EXCEPTION_TYPE: failure.type or None,
        keys.EXCEPTION_MESSAGE: failure.message or None,
        keys.EXCEPTION_STACKTRACE: failure.traceback or None,
    }


def fail(scope: Scope, failure: Failure) -> None:
    """Write on an open span that it failed."""
    failure = with_exception(failure)
    message = legal_text(failure.message or _NO_MESSAGE)
    scope.event(keys.EVENT_EXCEPTION, **exception_attributes(failure._replace(message=message)))
    if failure.type:
        scope.set(keys.ERROR_TYPE, failure.type)
    scope.span.set_status(Status(StatusCode.ERROR, f"{failure.type}: {message}" if failure.type else message))
