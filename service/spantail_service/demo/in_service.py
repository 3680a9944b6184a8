"""The demo beside a service: its world to work with, and work while somebody looks."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from spantail_service.bounds.cancel import cancel
from spantail_service.demo.server import DemoServer
from spantail_service.demo.workload import Workload
from spantail_service.jobs.queue.item import PRIORITIES

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AsyncExitStack

    from spantail_service.services import Services
    from spantail_service.settings import Settings


_OVERLOADED = 0.08  # of the calls of the second backend, where a third one takes them over


async def start_demo_world(settings: Settings, stack: AsyncExitStack) -> Settings:
    """Start job board and LLM provider and point the operations at them, where nothing else is set."""
    overloaded = _OVERLOADED if "openrouter" in settings.llm.llm_backends[1:] else 0.0
    world = await stack.enter_async_context(DemoServer(overloaded=overloaded))
    ours: dict[str, object] = {
        "himalayas_url": world.himalayas_url,
        "openai_base_url": world.openai_url,
        "anthropic_base_url": world.anthropic_url,
        "openrouter_base_url": world.openrouter_url,
    }
    ours = {name: url for name, url in ours.items() if not settings.is_given(name)}
    # The clients want keys; with these, a real one in the environment is not even looked at.
    for whose in ("openai", "anthropic", "openrouter"):
        if f"{whose}_base_url" in ours:
            ours[f"{whose}_api_key"] = SecretStr("demo")
    return settings.replaced(**ours)


_LOOKS_S = 30.0  # so long somebody who has read the list of runs, with curl or the command line, may look on
_QUEUED = 5  # every fifth run goes through the queue: with six operations each of them does in time


def is_watched(services: Services) -> bool:
    """Whether somebody follows a run, the list of runs or the queue in this process, or has just read the list."""
    followers = services.hub.viewers + services.run_changes.watchers + services.queue_changes.watchers
    return followers > 0 or services.run_changes.was_asked_within(_LOOKS_S)


class DemoWork:
    """Starts operations while somebody looks, as a user at the page would.

    Args:
        services: The parts of the service beside which it works.
        is_watched: Whether somebody looks at another process of this service; None where there is none.
    """

    def __init__(self, services: Services, is_watched: Callable[[], bool] | None = None) -> None:
        self._services = services
        self._is_watched_elsewhere = is_watched or (lambda: False)
        self._count = 0
        self._priorities = itertools.cycle(PRIORITIES)
        workload = Workload(services.catalogue, self._launch, self._is_watched)
        self._task = asyncio.create_task(workload.run(), name="spantail-demo-work")

    async def stop(self) -> None:
        """Start no more."""
        await cancel(self._task)

    def _is_watched(self) -> bool:
        return is_watched(self._services) or self._is_watched_elsewhere()

    async def _launch(self, name: str, given: dict[str, Any]) -> None:
        op = self._services.catalogue[name]
        request = op.input_model.model_validate(given)
        self._count += 1
        # Not the first one: who has just come wants to see work, no queue.
        if self._count % _QUEUED == 0 and self._services.jobs.runner is not None:
            await self._services.jobs.enqueuer.enqueue(op, request, priority=next(self._priorities))
        else:
            await self._services.launcher.start(op, request)
