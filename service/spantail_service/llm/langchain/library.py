"""The package `langchain-openai`, imported on first use, and the HTTP client of chat and embeddings."""

from __future__ import annotations

import asyncio
import importlib
import logging
import time
from typing import TYPE_CHECKING, Any, Self

from spantail import phase
from spantail_service.llm.base import BackendError

if TYPE_CHECKING:
    from pydantic import SecretStr

    from spantail_service.settings import LlmSettings

logger = logging.getLogger(__name__)


class OpenAiLibrary:
    """Loads `langchain_openai` once, in a thread, and owns the HTTP client of everything made from it."""

    def __init__(self, *, base_url: str | None, api_key: SecretStr | None, timeout_s: float) -> None:
        self._base_url = base_url
        self._api_key = api_key
        self._timeout_s = timeout_s
        self._loading = asyncio.Lock()
        self._module: Any = None
        self._http: Any = None

    @classmethod
    def from_settings(cls, settings: LlmSettings) -> Self:
        """The library with address, key and time limit of the settings."""
        return cls(
            base_url=settings.openai_base_url,
            api_key=settings.openai_api_key,
            timeout_s=settings.llm_timeout_s,
        )

    async def load(self) -> Any:
        """The module, imported at the first call.

        Raises:
            BackendError: The extra is not installed (`not_installed`).
        """
        async with self._loading:
            if self._module is None:
                with phase("load langchain-openai"):
                    self._module = await self._import()
        return self._module

    async def _import(self) -> Any:
        started_s = time.monotonic()
        try:
            # Seconds of imports: in the loop's own thread they would freeze every other run.
            module = await asyncio.to_thread(importlib.import_module, "langchain_openai")
        except ImportError as error:
            raise BackendError(
                "not_installed", "langchain-openai is not installed: pip install 'spantail[langchain]'"
            ) from error
        logger.info("langchain-openai loaded in %.1f s", time.monotonic() - started_s)
        return module

    def options(self) -> dict[str, Any]:
        """Constructor arguments that chat and embeddings share. No retries: each attempt is a span, and
        the chain falls back instead.
        """
        import openai

        if self._http is None:
            # A client of our own: langchain caches its default one for the process, where it outlives
            # the event loop it belongs to.
            self._http = openai.DefaultAsyncHttpxClient(timeout=self._timeout_s)
        options: dict[str, Any] = {
            "max_retries": 0,
            "timeout": self._timeout_s,
            "http_async_client": self._http,
        }
        if self._base_url is not None:
            options["base_url"] = self._base_url
        if self._api_key is not None:
            options["api_key"] = self._api_key
        return options

    async def close(self) -> None:
        """Close the HTTP client."""
        if self._http is not None:
            await self._http.aclose()
            self._http = None
