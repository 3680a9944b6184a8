"""Operations that other packages bring, by the entry-point group `spantail_operations`.

What is wrong with one package costs that package its operations, and nobody else anything: it is said in the log.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from inspect import isclass
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel

from spantail.setup.entry_points import entry_points
from spantail_service.operations.base import Operation

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from importlib.metadata import EntryPoint

logger = logging.getLogger(__name__)

GROUP: Final = "spantail_operations"
"""The entry-point group. Each entry is an `Operation`, several of them, or a function that returns either."""

_NAME: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_LONGEST_NAME: Final = 64
_MOST: Final = 1_000  # of one entry: a generator may not end


def with_found(own: Mapping[str, Operation], entries: Iterable[EntryPoint] | None = None) -> dict[str, Operation]:
    """`own` operations, and behind them those of other packages.

    A name that is taken stays with who had it: ours come first, then packages in the order of their names.

    Args:
        own: The operations of the service, by name.
        entries: Where to look; None for what is installed.
    """
    known = dict(own)
    brought_by = dict.fromkeys(own, "spantail")
    for entry in sorted(entry_points(GROUP) if entries is None else entries, key=_order):
        package = _package(entry)
        for operation in _operations_of(entry):
            if operation.name in known:
                _complain(entry, f"{operation.name!r} is an operation of {brought_by[operation.name]} already")
                continue
            known[operation.name] = operation
            brought_by[operation.name] = package
            logger.info("operation %s comes from %s", operation.name, package)
    return known


def _operations_of(entry: EntryPoint) -> Iterator[Operation]:
    """What an entry gives, as far as it is usable."""
    try:
        found = _given_by(entry.load())
    except (Exception, SystemExit) as error:  # noqa: BLE001 - it is their code, and may do anything
        _complain(entry, f"it cannot be loaded: {type(error).__name__}: {error}")
        return
    for one in found:
        fault = _fault_in(one)
        if fault:
            _complain(entry, fault)
        elif isinstance(one, Operation):
            yield one


def _given_by(loaded: object) -> list[object]:
    given = loaded() if callable(loaded) and not isclass(loaded) else loaded
    if isinstance(given, Operation) or not isinstance(given, Iterable) or isinstance(given, str):
        return [given]
    found: list[object] = []
    for one in given:
        found.append(one)
        if len(found) > _MOST:
            raise ValueError(f"more than {_MOST:,} operations")
    return found


def _fault_in(one: object) -> str | None:
    """Why something is no usable operation. What is let in here, the catalogue, the page and a run can work with."""
    if not isinstance(one, Operation):
        return f"an Operation is wanted, not {type(one).__name__}"
    given: Any = one  # nothing has looked at the types of its fields
    needs = (
        (_is_name(given.name), f"a name of small letters, digits and single hyphens, at most {_LONGEST_NAME}"),
        (_is_text(given.title) and isinstance(given.description, str), "a title and a description"),
        (callable(given.work) and callable(given.subject), "functions as `work` and `subject`"),
        (isinstance(given.layers, tuple) and all(map(_is_text, given.layers)), "a tuple of names as `layers`"),
        (isclass(given.input_model) and issubclass(given.input_model, BaseModel), "a pydantic model as `input_model`"),
    )
    for is_met, need in needs:
        if not is_met:
            return f"{given.name!r} needs {need}"
    try:
        one.input_model.model_json_schema()
    except Exception as error:  # noqa: BLE001 - whatever stands in their model
        return f"{one.name!r}: its input has no JSON schema: {type(error).__name__}: {error}"
    return None


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_name(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST_NAME and _NAME.fullmatch(value) is not None


def _order(entry: EntryPoint) -> tuple[str, str, str]:
    return _package(entry), entry.name, entry.value


def _package(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else entry.module


def _complain(entry: EntryPoint, what: str) -> None:
    logger.warning("no operation from %s (%s = %s): %s", _package(entry), entry.name, entry.value, what)
