"""The settings of a command: its options before the environment."""

from __future__ import annotations

from typing import Any

import typer
from pydantic import ValidationError

from spantail_service.cli.exit_codes import EXIT_USAGE
from spantail_service.client.terminal import complain
from spantail_service.settings import Settings, environment_names, setting_fields


def given_settings(**options: Any) -> Settings:
    """The settings; a wrong one ends the program with a line that names it.

    Args:
        options: By their settings' names; None is not given.

    Raises:
        typer.Exit: A setting is wrong; it has been said which.
    """
    names = setting_fields()
    try:
        return Settings(**{name: value for name, value in options.items() if value is not None})
    except ValidationError as error:
        for found in error.errors(include_url=False, include_input=False, include_context=False):
            # `loc` is the part and the setting, then the item of a list.
            name = next(name for name in map(str, found["loc"]) if name in names)
            complain(f"{environment_names(name)[0]}: {found['msg'].removeprefix('Value error, ')}")
        raise typer.Exit(EXIT_USAGE) from None
