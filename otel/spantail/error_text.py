"""An exception as text: its type, its message and its traceback, bounded in length and legal in UTF-8."""

from __future__ import annotations

import traceback
from typing import Final

from spantail.values import legal_text

_TRACEBACK_LIMIT: Final = 32 * 1024  # characters; its head is kept, and more of its tail, where the error stands
_TRACEBACK_HEAD: Final = 8 * 1024
_MESSAGE_LIMIT: Final = 8 * 1024


def error_type(error: BaseException) -> str:
    """Name the class of `error` as Python prints it: with its module, unless it is a builtin."""
    cls = type(error)
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


def error_message(error: BaseException) -> str:
    """Return `str(error)`, at most 8 Ki characters; exceptions whose `__str__` fails say so."""
    try:
        text = legal_text(str(error))
    except Exception:
        return "(its message could not be read)"
    return text if len(text) <= _MESSAGE_LIMIT else f"{text[:_MESSAGE_LIMIT]}…[cut]"


def error_traceback(error: BaseException) -> str:
    """Return the traceback of `error` as Python prints it, at most 32 Ki characters, cut in the middle."""
    try:
        text = legal_text("".join(traceback.format_exception(error)))
    except Exception:
        return f"{error_type(error)}: (its traceback could not be formatted)"
    if len(text) <= _TRACEBACK_LIMIT:
        return text
    tail = _TRACEBACK_LIMIT - _TRACEBACK_HEAD
    return f"{text[:_TRACEBACK_HEAD]}\n…[{len(text) - _TRACEBACK_LIMIT:,} characters cut]…\n{text[-tail:]}"
