"""The ledger of budgets in Redis, for all processes together: each step is one script over all scopes of a call.

What a call may cost is reserved in every scope at once, or in none; when it has ended, what it cost takes the place of
that. A reservation has a lease, so the reservations of a process that died are free again. Every step may be repeated
when its answer was lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, Self

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from spantail.budgets import BudgetExceededError
from spantail.pricing import nano_usd
from spantail_exporters.model import keys
from spantail_exporters.redis.errors import will_be_back
from spantail_service.llm.budget.scopes import EXPIRY_MS, KINDS, MOST_LISTED, Kind, Scope, scope_of
from spantail_service.storage.cluster import is_cluster
from spantail_service.storage.scripts import Script

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from redis.asyncio import Redis

    from spantail_service.settings import BudgetSettings

_RESERVE, _SETTLE, _RENEW, _READ, _LIMIT = (
    Script(__package__, "head", name) for name in ("reserve", "settle", "renew", "read", "limit")
)
_SETTLED_MS: Final = 3_600_000
"""How long it is remembered that a reservation was settled."""

Unknown = Literal["known", "refuse", "allow"]


class BudgetState(NamedTuple):
    """How a budget stands; amounts in nano-USD."""

    scope: str
    limit_nano: int | None
    """None: it has no limit."""
    spent_nano: int
    reserved_nano: int
    held: int
    """How many reservations it has."""
    refused: bool = False
    """Whether a call was refused at the present limit."""

    @property
    def is_met(self) -> bool:
        """Whether its limit is spent, or a call was refused at it."""
        return self.limit_nano is not None and (self.refused or self.spent_nano >= self.limit_nano)

    @property
    def nearness(self) -> tuple[bool, float, int]:
        """How near it is to its limit, to be compared; one without a limit is farther off than any other."""
        used_nano = self.spent_nano + self.reserved_nano
        share = used_nano / max(self.limit_nano, 1) if self.limit_nano is not None else 0.0
        return self.limit_nano is not None, share, used_nano

    def exceeded(self, wanted_nano: int = 0) -> BudgetExceededError:
        """Say why it allows no more; `wanted_nano` is what was to be reserved, 0 where that is not known."""
        return BudgetExceededError(
            self.scope,
            limit_nano=self.limit_nano or 0,
            spent_nano=self.spent_nano,
            reserved_nano=self.reserved_nano,
            wanted_nano=wanted_nano,
        )


class Reservation(NamedTuple):
    """What a call reserves. Of two with the same id, one is the other."""

    id: str
    nano: int
    scopes: tuple[Scope, ...]


class Met(NamedTuple):
    """Why a reservation was refused: this budget has too little left, or the call's cost is not known."""

    state: BudgetState | None
    scope: str


class BudgetLedger:
    """The budgets of all processes that share a Redis. Every method raises redis-py's errors when it is away.

    Args:
        redis: Where they are kept.
        defaults_nano: The limit of each kind of scope that has none of its own; None is no limit.
    """

    def __init__(self, redis: Redis, defaults_nano: Mapping[Kind, int | None]) -> None:
        self._redis = redis
        self.defaults_nano = dict(defaults_nano)
        self._is_cluster: bool | None = None  # not known yet

    @classmethod
    def from_settings(cls, settings: BudgetSettings, redis: Redis) -> Self:
        """The ledger with the default limits of the settings."""
        limits_usd: dict[Kind, float | None] = {
            "run": settings.budget_run_usd,
            "session": settings.budget_session_usd,
            "operation": settings.budget_operation_usd,
            "day": settings.budget_day_usd,
        }
        return cls(redis, {kind: None if usd is None else nano_usd(usd) for kind, usd in limits_usd.items()})

    async def reserve(self, wanted: Reservation, lease_s: float, unknown: Unknown = "known") -> list[BudgetState] | Met:
        """Reserve an amount in all scopes, or in none.

        Args:
            wanted: What; its amount is 0 where it is not known.
            lease_s: Seconds for which it holds, unless it is renewed.
            unknown: `known`, or what becomes of an amount that is not: `refuse` it where a scope has a limit, or
                `allow` it while anything is left.

        Returns:
            How the scopes stand now; or why nothing was reserved.
        """
        code, *said = await self._call(
            _RESERVE, wanted.scopes, wanted.id, wanted.nano, round(lease_s * 1000), unknown, mark=wanted.id
        )
        if code == 1:
            return [_state(scope.name, fields) for scope, fields in zip(wanted.scopes, said[0], strict=True)]
        scope = wanted.scopes[said[0] - 1].name
        return Met(_state(scope, said[1]) if code == 0 else None, scope)

    async def renew(self, reserved: Reservation, lease_s: float) -> BudgetState | None:
        """Prolong a reservation; a budget whose limit is met by now, None where there is none."""
        code, *said = await self._call(
            _RENEW, reserved.scopes, reserved.id, reserved.nano, round(lease_s * 1000), mark=reserved.id
        )
        return None if code == 1 else _state(reserved.scopes[said[0] - 1].name, said[1])

    async def settle(self, reserved: Reservation, cost_nano: int) -> bool:
        """Book what a reservation came to; False where it was settled before: nothing changes then."""
        answer = await self._call(
            _SETTLE, reserved.scopes, reserved.id, reserved.nano, cost_nano, _SETTLED_MS, mark=reserved.id
        )
        return bool(answer)

    async def set_limit(self, scope: Scope, limit_nano: int | None) -> BudgetState:
        """Give a scope a limit of its own; None takes it away, so that the default holds."""
        answer = await self._call(_LIMIT, (scope,), "" if limit_nano is None else limit_nano)
        return _state(scope.name, answer)

    async def read(self, scopes: Sequence[Scope]) -> list[BudgetState]:
        """How some scopes stand; one that nothing was spent on stands at zero."""
        answers = await self._call(_READ, scopes) if scopes else []
        return [_state(scope.name, fields[:5]) for scope, fields in zip(scopes, answers, strict=True)]

    async def listed(self) -> list[BudgetState]:
        """The budgets of every kind that changed last, days first, then operations, sessions and runs."""
        if self._is_cluster is None:  # scripts notice it by themselves; the index is read without one
            self._is_cluster = await is_cluster(self._redis)
        scopes = await self._listed()
        answers = await self._call(_READ, scopes) if scopes else []
        return [
            _state(scope.name, fields[:5])
            for scope, fields in zip(scopes, answers, strict=True)
            if fields[5]  # else it has expired
        ]

    async def _listed(self) -> list[Scope]:
        names: list[str] = []
        for kind in reversed(KINDS):
            index: Any = await self._redis.zrevrange(self._index(kind), 0, MOST_LISTED[kind] - 1)
            names += [name.decode() for name in index]
        return [scope_of(name) for name in names]

    def _index(self, kind: str) -> str:
        return keys.budget_index(kind, is_cluster=bool(self._is_cluster))

    async def _call(self, script: Script, scopes: Sequence[Scope], *own: str | int, mark: str = "-") -> Any:
        try:
            return await script.run(self._redis, self._keys(scopes, mark), self._arguments(scopes, own))
        except ResponseError as error:
            if will_be_back(error):  # such as NOREPLICAS: to the caller it is away
                raise RedisConnectionError(str(error)) from error
            if self._is_cluster or "CROSSSLOT" not in f"{type(error).__name__} {error}".upper():
                raise
        self._is_cluster = True
        return await script.run(self._redis, self._keys(scopes, mark), self._arguments(scopes, own))

    def _keys(self, scopes: Sequence[Scope], mark: str) -> list[str]:
        named = [keys.budget_settled(mark, is_cluster=bool(self._is_cluster))]
        for scope in scopes:
            budget = keys.budget_keys(scope.name, is_cluster=bool(self._is_cluster))
            named += [*budget, self._index(scope.kind)]
        return named

    def _arguments(self, scopes: Sequence[Scope], own: Sequence[str | int]) -> list[str | int]:
        arguments: list[str | int] = [len(own), *own]
        for scope in scopes:
            default = self.defaults_nano.get(scope.kind) if scope.limit_nano is None else scope.limit_nano
            arguments += [scope.name, -1 if default is None else default, int(scope.limit_nano is not None)]
            arguments += [EXPIRY_MS[scope.kind], MOST_LISTED[scope.kind]]
        return arguments


def _state(scope: str, fields: Sequence[Any]) -> BudgetState:
    limit, spent, reserved, held, refused = map(int, fields)
    return BudgetState(scope, None if limit < 0 else limit, spent, reserved, held, bool(refused))
