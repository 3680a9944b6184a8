"""Reading a source page by page, with a limit in time for each."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from spantail_service.operations.sources.base import SourceUnavailableError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from spantail_service.operations.sources.base import JobPosting


async def within(pages: AsyncIterator[list[JobPosting]], timeout_s: float) -> AsyncIterator[list[JobPosting]]:
    """`pages`, each of which must come within `timeout_s` seconds.

    Raises:
        SourceUnavailableError: One did not (`timeout`), or the source cannot be read.
    """
    while True:
        try:
            async with asyncio.timeout(timeout_s):
                page = await anext(pages, None)
        except TimeoutError as error:
            raise SourceUnavailableError("timeout", f"no answer within {timeout_s:g} s") from error
        if page is None:
            return
        yield page
