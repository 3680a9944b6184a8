"""A Python package that a backend needs, imported on first use."""

from __future__ import annotations

import asyncio
import importlib
import logging
import time
from typing import Any

from spantail import phase
from spantail_service.llm.base import BackendError

logger = logging.getLogger(__name__)


class Library:
    """Imports a module once, in a thread.

    Args:
        module: The module's name.
        package: What to install to have it, for people.
    """

    def __init__(self, module: str, package: str) -> None:
        self._name = module
        self._package = package
        self._loading = asyncio.Lock()
        self._module: Any = None

    async def load(self) -> Any:
        """The module, imported at the first call.

        Raises:
            BackendError: It is not installed (`not_installed`).
        """
        async with self._loading:
            if self._module is None:
                with phase(f"load {self._name.replace('_', '-')}"):
                    self._module = await self._import()
        return self._module

    async def _import(self) -> Any:
        started_s = time.monotonic()
        try:
            # The imports take seconds: in the event loop's own thread every other run would wait for them.
            module = await asyncio.to_thread(importlib.import_module, self._name)
        except ImportError as error:
            raise BackendError(
                "not_installed", f"{self._name} cannot be imported: pip install '{self._package}'"
            ) from error
        logger.info("%s loaded in %.1f s", self._name, time.monotonic() - started_s)
        return module
