"""The demo beside a service: its world to work with, and work now and then."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pydantic import SecretStr

from spantail_service.bounds.cancel import cancel
from spantail_service.demo.server import DemoServer
from spantail_service.demo.workload import Workload

if TYPE_CHECKING:
    from contextlib import AsyncExitStack

    from spantail_service.demo.workload import Start
    from spantail_service.settings import Settings


async def start_demo_world(settings: Settings, stack: AsyncExitStack) -> Settings:
    """Start job board and LLM provider and point the operations at them, where nothing else is set."""
    world = await stack.enter_async_context(DemoServer())
    ours: dict[str, object] = {
        "himalayas_url": world.himalayas_url,
        "openai_base_url": world.openai_url,
        "anthropic_base_url": world.anthropic_url,
    }
    ours = {name: url for name, url in ours.items() if not settings.is_given(name)}
    # The clients want keys; with these, a real one in the environment is not even looked at.
    for url, key in (("openai_base_url", "openai_api_key"), ("anthropic_base_url", "anthropic_api_key")):
        if url in ours:
            ours[key] = SecretStr("demo")
    return settings.replaced(**ours)


class DemoWork:
    """Starts operations now and then, as somebody at the page would.

    Args:
        launch: Starts the operation of a name with an input.
    """

    def __init__(self, launch: Start) -> None:
        self._task = asyncio.create_task(Workload(launch).run(), name="spantail-demo-work")

    async def stop(self) -> None:
        """Start no more."""
        await cancel(self._task)
