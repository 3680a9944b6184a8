"""One worker from start to stop: it serves on a port that its supervisor holds, and stops when that says so or ends."""

from __future__ import annotations

import asyncio
import itertools
import logging
import socket
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final, NamedTuple

from spantail_service.access.sessions import Session
from spantail_service.app import SpantailApp, create_app
from spantail_service.bounds.cancel import cancel
from spantail_service.demo.in_service import is_watched
from spantail_service.event_loop import loop_factory
from spantail_service.server import Beside, serve_app
from spantail_service.services import services_in
from spantail_service.surroundings import StopSignals
from spantail_service.workers import channel
from spantail_service.workers.channel import Channel
from spantail_service.workers.exposition import figures_of, registry_of
from spantail_service.workers.figures import Family

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from spantail_service.settings import Settings
    from spantail_service.workers.channel import Message

logger = logging.getLogger(__name__)

_SUM_S: Final = 5.0
_LOOK_S: Final = 0.5  # between two looks whether somebody has come; the demo work looks as often


class Place(NamedTuple):
    """What a worker gets from its supervisor beside its settings."""

    number: int
    """From 1 on."""
    listener: int
    """The descriptor of the port."""
    channel: int
    """The descriptor of the channel."""
    workload: bool
    """Whether there is demo work."""


def run_worker(settings: Settings, place: Place) -> None:
    """Serve until SIGTERM, or until the supervisor has ended.

    Args:
        settings: All of them, those that the supervisor has settled included.
        place: What it inherits.

    Raises:
        CannotServeError: It could not start; the log says why.
    """
    listener = socket.socket(fileno=place.listener)
    listener.setblocking(False)
    with listener, asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_work(settings, place, listener))


async def _work(settings: Settings, place: Place, listener: socket.socket) -> None:
    async with AsyncExitStack() as stack:
        stop = stack.enter_context(StopSignals(with_parent=True))
        said = await Channel.over(socket.socket(fileno=place.channel))
        stack.callback(said.close)
        app = create_app(settings)
        beside = Beside(app, settings, shares_port=True)
        worker = _Worker(app, said, stop)
        listening = asyncio.create_task(worker.hear(), name="spantail-supervisor")
        stack.push_async_callback(cancel, listening)

        def ready() -> None:
            worker.join()
            if place.workload and place.number == 1:
                beside.start_demo_work(lambda: worker.is_watched_elsewhere)
            elif place.workload:
                looking = asyncio.create_task(worker.say_who_looks(), name="spantail-who-looks")
                stack.push_async_callback(cancel, looking)
            said.send(channel.READY)

        await serve_app(beside, listener, ready, stop)


class _Worker:
    """Speaks with the supervisor, and through it with the other workers."""

    def __init__(self, app: SpantailApp, said: Channel, stop: StopSignals) -> None:
        self._app = app
        self._channel = said
        self._stop = stop
        self._sums: dict[int, asyncio.Future[list[Family]]] = {}
        self._questions = itertools.count()
        self._tasks: set[asyncio.Task[None]] = set()
        self.is_watched_elsewhere = False

    def join(self) -> None:
        """Have the service tell the other workers, and ask them, once it has its parts."""
        self._app.state.metrics.add_up = self._add_up
        ended = services_in(self._app).ended_sessions
        if ended is not None:
            ended.tell = lambda session: self._channel.send(
                channel.SIGNED_OUT, id=session.id.decode(), end_s=session.end_s
            )

    async def hear(self) -> None:
        """Take what the supervisor says; when it has ended, so does this worker."""
        while (message := await self._channel.receive()) is not None:
            self._take(message)
        self._stop.ask()

    async def say_who_looks(self) -> None:
        """Tell the worker that has the demo work whether somebody looks at this one."""
        said = False
        while True:
            looks = is_watched(services_in(self._app))
            if looks != said:
                self._channel.send(channel.WATCHED, value=looks)
                said = looks
            await asyncio.sleep(_LOOK_S)

    def _take(self, message: Message) -> None:
        kind = message["kind"]
        if kind == channel.FIGURES:
            task = asyncio.create_task(self._say_figures(message["number"]), name="spantail-figures")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif kind == channel.SUM:
            waiting = self._sums.get(message["number"])
            if waiting is not None and not waiting.done():
                waiting.set_result([Family(*family) for family in message["families"]])
        elif kind == channel.WATCHED:
            self.is_watched_elsewhere = message["value"]
        elif kind == channel.SIGNED_OUT:
            self._app.state.guard.sessions.forget([Session(message["id"].encode(), message["end_s"])])

    async def _say_figures(self, number: int) -> None:
        services = services_in(self._app)
        await services.read_metrics()
        self._channel.send(channel.FIGURES, number=number, families=figures_of(services.metrics.registry))

    async def _add_up(self) -> CollectorRegistry:
        """The figures of all workers.

        Raises:
            TimeoutError: The supervisor does not answer.
        """
        number = next(self._questions)
        answered = self._sums[number] = asyncio.get_running_loop().create_future()
        self._channel.send(channel.SUM, number=number)
        try:
            async with asyncio.timeout(_SUM_S):
                return registry_of(await answered)
        finally:
            del self._sums[number]
