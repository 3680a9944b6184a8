"""A function of a module that is replaced for a while."""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

_logger: Final = logging.getLogger("spantail")


class Patch:
    """Replaces the function `name` of `module` by a wrapper, until `undo()`.

    Args:
        module: The module whose function is replaced.
        name: The function's name there.
        make_wrapper: Makes the wrapper from the function that is there now. After `undo()` the wrapper must only pass
            calls on: somebody who wrapped it in the meantime still calls it.
    """

    def __init__(
        self, module: ModuleType, name: str, make_wrapper: Callable[[Callable[..., Any]], Callable[..., Any]]
    ) -> None:
        self._module = module
        self._name = name
        self._original = getattr(module, name)
        self._wrapper = functools.wraps(self._original)(make_wrapper(self._original))
        setattr(module, name, self._wrapper)

    def undo(self) -> None:
        """Put the function of before back, unless somebody else has replaced it since: then a log line says so."""
        if getattr(self._module, self._name) is self._wrapper:
            setattr(self._module, self._name, self._original)
        else:
            _logger.info(
                "%s.%s was replaced by somebody else after us and is left as it is", self._module.__name__, self._name
            )
