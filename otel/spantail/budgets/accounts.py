"""The accounts of the budgets of this process, and amounts that are reserved in several of them at once.

One lock for all of them: it is held for some microseconds, so that a reservation in several budgets is one step.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Final

from spantail.budgets.errors import BudgetExceededError

if TYPE_CHECKING:
    from collections.abc import Sequence


class Account:
    """What one budget allows, what was spent of it, and what is reserved; amounts in nano-USD."""

    __slots__ = ("limit_nano", "name", "reserved_nano", "spent_nano")

    def __init__(self, name: str, limit_nano: int) -> None:
        self.name = name
        self.limit_nano = limit_nano
        self.spent_nano = 0
        self.reserved_nano = 0

    @property
    def left_nano(self) -> int:
        """What may still be reserved; below zero where calls cost more than was thought."""
        return self.limit_nano - self.spent_nano - self.reserved_nano

    def exceeded(self, wanted_nano: int) -> BudgetExceededError:
        """Return the error that says why there is not enough."""
        return BudgetExceededError(
            self.name,
            limit_nano=self.limit_nano,
            spent_nano=self.spent_nano,
            reserved_nano=self.reserved_nano,
            wanted_nano=wanted_nano,
        )


class Hold:
    """An amount that is reserved in each of some accounts, until it is settled.

    Args:
        accounts: The accounts. Either all of them have enough left, or nothing is reserved.
        nano: How much, in nano-USD; 0 where it is not known: then it is enough that something is left.

    Raises:
        BudgetExceededError: One of them has too little left.
    """

    __slots__ = ("_open", "accounts", "nano")

    def __init__(self, accounts: Sequence[Account], nano: int, *, known: bool = True) -> None:
        self.accounts = tuple(accounts)
        self.nano = nano
        with _lock.held():
            for account in self.accounts:
                if nano > account.left_nano or (not known and account.left_nano <= 0):
                    raise account.exceeded(nano)
            for account in self.accounts:
                account.reserved_nano += nano
        self._open = True

    def settle(self, nano: int | None) -> bool:
        """Book what it came to, in nano-USD; None where nobody knows: then all that was reserved counts as spent.

        Returns:
            False when it was settled before; nothing changes then.
        """
        with _lock.held():
            if not self._open:
                return False
            self._open = False
            for account in self.accounts:
                account.reserved_nano -= self.nano
                account.spent_nano += self.nano if nano is None else nano
        return True


def book(accounts: Sequence[Account], nano: int) -> None:
    """Book what was spent without having been reserved, in nano-USD: what has been done cannot be refused any more."""
    with _lock.held():
        for account in accounts:
            account.spent_nano += nano


class _Lock:
    """The lock; a forked child gets a new one, because a thread that it does not have may hold the old one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._renew)

    def held(self) -> threading.Lock:
        return self._lock

    def _renew(self) -> None:
        self._lock = threading.Lock()


_lock: Final = _Lock()
