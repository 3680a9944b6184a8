"""The settings of a process: its parts, filled from the environment."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Self

from pydantic import BaseModel, ConfigDict, Field

from spantail_service.settings.links import LinkSettings
from spantail_service.settings.llm import LlmSettings
from spantail_service.settings.part import Part
from spantail_service.settings.service import (
    AccessSettings,
    LimitSettings,
    ServerSettings,
    StorageSettings,
)
from spantail_service.settings.work import BudgetSettings, JobSettings, NoticeSettings, OperationSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic.fields import FieldInfo

ENV_PREFIX = "SPANTAIL_"

_FURTHER_NAMES = {"redis_url": ("OTEL_EXPORTER_LIVETAIL_URL",)}


class Settings(BaseModel):
    """Settings of one service process.

    Args:
        given: Settings by their names, such as `redis_url=…`. They go before the environment.

    Raises:
        ValidationError: A value is wrong; all that are wrong are in it.
        TypeError: There is no setting of a name in `given`.
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    server: ServerSettings
    access: AccessSettings
    storage: StorageSettings
    limits: LimitSettings
    jobs: JobSettings
    links: LinkSettings
    demo: bool = Field(False, description="Work on demo data: job board and LLM provider of our own, on loopback.")
    operations: OperationSettings
    llm: LlmSettings
    budgets: BudgetSettings
    notices: NoticeSettings

    def __init__(self, **given: Any) -> None:
        super().__init__(**_by_part({**_from_environment(os.environ), **given}))

    def replaced(self, **values: Any) -> Self:
        """A copy with other values for these settings, which are named as in the constructor and not checked again."""
        changes: dict[str, Any] = {}
        for name, value in _by_part(values).items():
            part = getattr(self, name)
            changes[name] = part.model_copy(update=value) if isinstance(part, Part) else value
        return self.model_copy(update=changes)

    def is_given(self, name: str) -> bool:
        """Whether the environment or the caller gave this setting; else it has its default value."""
        part = _PART_OF[name]
        fields_set: set[str] = self.model_fields_set if part is None else getattr(self, part).model_fields_set
        return name in fields_set


def setting_fields() -> dict[str, FieldInfo]:
    """Every setting by its name, in the order of the parts."""
    found: dict[str, FieldInfo] = {}
    for name, field in Settings.model_fields.items():
        part = _part_class(field)
        found.update({name: field} if part is None else part.model_fields)
    return found


def environment_names(name: str) -> tuple[str, ...]:
    """The environment variables of a setting; an earlier one goes before a later one."""
    return (f"{ENV_PREFIX}{name.upper()}", *_FURTHER_NAMES.get(name, ()))


def _part_class(field: FieldInfo) -> type[Part] | None:
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, Part) else None


def _part_of() -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for name, field in Settings.model_fields.items():
        part = _part_class(field)
        found.update({name: None} if part is None else dict.fromkeys(part.model_fields, name))
    return found


_PART_OF = _part_of()
"""The part that each setting is in; None for one that is in none."""


def _from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The settings that the environment gives, by name. Upper and lower case are the same, empty is not given."""
    given = {variable.upper(): value for variable, value in environment.items() if value}
    found: dict[str, str] = {}
    for name in _PART_OF:
        for variable in environment_names(name):
            if variable in given:
                found[name] = given[variable]
                break
    return found


def _by_part(values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings by name as the arguments of `Settings`; each part is there, be it empty."""
    parts: dict[str, Any] = {part: {} for part in _PART_OF.values() if part is not None}
    for name, value in values.items():
        if name not in _PART_OF:
            raise TypeError(f"there is no setting {name!r}")
        part = _PART_OF[name]
        if part is None:
            parts[name] = value
        else:
            parts[part][name] = value
    return parts
