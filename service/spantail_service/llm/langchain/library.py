"""The package `langchain-openai`, imported on first use, and the HTTP client of chat and embeddings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from spantail_service.llm.library import Library

if TYPE_CHECKING:
    from pydantic import SecretStr

    from spantail_service.settings import LlmSettings


class OpenAiLibrary:
    """Loads `langchain_openai`, and owns the HTTP client of everything made from it."""

    def __init__(self, *, base_url: str | None, api_key: SecretStr | None, timeout_s: float) -> None:
        self._base_url = base_url
        self._api_key = api_key
        self._timeout_s = timeout_s
        self._library = Library("langchain_openai", "spantail[langchain]")
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
        return await self._library.load()

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
