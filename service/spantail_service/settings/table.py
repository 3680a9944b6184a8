"""The settings as a table of text, for the documents."""

from __future__ import annotations

from typing import NamedTuple

from pydantic_core import PydanticUndefined

from spantail_service.settings.environment import environment_names, setting_fields


class SettingRow(NamedTuple):
    """One line of the settings table."""

    name: str
    """The environment variable."""
    default: str
    meaning: str


def setting_rows() -> list[SettingRow]:
    """Every setting as a row of text, in the order of the parts; the documents' table is held to it."""
    rows = []
    for name, field in setting_fields().items():
        rows.append(SettingRow(environment_names(name)[0], _shown(field.default), field.description or ""))
    return rows


def _shown(default: object) -> str:
    if default is PydanticUndefined or default is None:
        return ""
    if isinstance(default, tuple):
        return ",".join(map(str, default))
    return str(default).lower() if isinstance(default, bool) else str(default)
