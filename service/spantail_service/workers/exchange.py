"""What the workers of a service must know of each other; the supervisor hands it on."""

from __future__ import annotations

import asyncio
import itertools
import logging
from typing import TYPE_CHECKING, Final

from spantail_service.bounds.cancel import cancel
from spantail_service.workers import channel
from spantail_service.workers.figures import Family, Sums

if TYPE_CHECKING:
    from spantail_service.workers.channel import Channel, Message

logger = logging.getLogger(__name__)

_FIGURES_S: Final = 3.0  # a worker reads Redis for them, for 2 s at most
_DEMO_WORK_ON: Final = 1


class Member:
    """A living worker, as the others see it.

    Args:
        number: Its place, from 1 on.
        said: How to speak with it.
    """

    _births = itertools.count()

    def __init__(self, number: int, said: Channel) -> None:
        self.birth = next(self._births)
        """A number that no other worker of this supervisor has or will have; older ones have smaller ones."""
        self.number = number
        self.channel = said
        self.is_ready = asyncio.Event()
        self.is_watched = False


class Exchange:
    """Hears every worker and answers it, or tells the others."""

    def __init__(self) -> None:
        self._members: dict[int, Member] = {}
        self._sums = Sums()
        self._asked: dict[int, asyncio.Future[list[Family]]] = {}
        self._questions = itertools.count()
        self._adding = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_watched = False

    async def listen(self, member: Member) -> None:
        """Take what a worker says until it has ended."""
        self._members[member.birth] = member
        try:
            while (message := await member.channel.receive()) is not None:
                self._take(member, message)
        finally:
            del self._members[member.birth]
            self._sums.ended(member.birth)
            self._tell_who_looks()
            member.channel.close()

    async def close(self) -> None:
        """Answer nobody any more."""
        for task in list(self._tasks):
            await cancel(task)

    def _take(self, member: Member, message: Message) -> None:
        kind = message["kind"]
        if kind == channel.READY:
            member.is_ready.set()
            if member.number == _DEMO_WORK_ON:
                member.channel.send(channel.WATCHED, value=self._is_watched)
        elif kind == channel.FIGURES:
            answered = self._asked.get(message["number"])
            if answered is not None and not answered.done():
                answered.set_result([Family(*family) for family in message["families"]])
        elif kind == channel.SUM:
            task = asyncio.create_task(self._add_up(member, message["number"]), name="spantail-sum")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif kind == channel.WATCHED:
            member.is_watched = message["value"]
            self._tell_who_looks()
        elif kind == channel.SIGNED_OUT:
            for other in self._members.values():
                if other is not member:
                    other.channel.send(channel.SIGNED_OUT, id=message["id"], end_s=message["end_s"])

    def _tell_who_looks(self) -> None:
        is_watched = any(member.is_watched for member in self._members.values())
        if is_watched == self._is_watched:
            return
        self._is_watched = is_watched
        for member in self._members.values():
            if member.number == _DEMO_WORK_ON:
                member.channel.send(channel.WATCHED, value=is_watched)

    async def _add_up(self, asking: Member, number: int) -> None:
        async with self._adding:  # two sums at a time would each take the other's steps for their own
            members = [member for member in self._members.values() if member.is_ready.is_set()]
            answers = await asyncio.gather(*map(self._figures_of, members))
            said = {
                member.birth: families
                for member, families in zip(members, answers, strict=True)
                if families is not None and member.birth in self._members
            }
            asking.channel.send(channel.SUM, number=number, families=self._sums.of(said))

    async def _figures_of(self, member: Member) -> list[Family] | None:
        question = next(self._questions)
        answered = self._asked[question] = asyncio.get_running_loop().create_future()
        member.channel.send(channel.FIGURES, number=question)
        try:
            async with asyncio.timeout(_FIGURES_S):
                families: list[Family] = await answered
                return families
        except TimeoutError:
            logger.warning("worker %d did not say its figures within %g s", member.number, _FIGURES_S)
            return None
        finally:
            del self._asked[question]
