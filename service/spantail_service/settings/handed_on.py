"""The settings of a process as environment variables, for a child that is to have the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import SecretStr

from spantail_service.settings.environment import Settings, environment_names, setting_fields

if TYPE_CHECKING:
    from collections.abc import Mapping


def as_environment(settings: Settings) -> dict[str, str]:
    """What a child's environment must have beside ours: each setting that ours does not give as it is.

    Raises:
        ValidationError: A value of our environment is wrong.
    """
    inherited, wanted = _values(Settings()), _values(settings)
    changed = {name: value for name, value in wanted.items() if value != inherited[name]}
    return {environment_names(name)[0]: _text(value) for name, value in changed.items()}


def _values(settings: Settings) -> Mapping[str, object]:
    found: dict[str, object] = {}
    for name in setting_fields():
        parts = [part for part in settings.__dict__.values() if name in getattr(type(part), "model_fields", ())]
        found[name] = getattr(parts[0] if parts else settings, name)
    return found


def _text(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)  # empty is not given: then it has its default
