"""Which of its changes to the process as a whole `configure()` may make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from spantail.environment import is_on

if TYPE_CHECKING:
    from collections.abc import Mapping

_VARIABLES: Final = {
    "log_capture": "SPANTAIL_LOG_CAPTURE",
    "patch_logging": "SPANTAIL_PATCH_LOGGING",
    "exit_hooks": "SPANTAIL_EXIT_HOOKS",
    "handle_sigterm": "SPANTAIL_HANDLE_SIGTERM",
    "patch_signal": "SPANTAIL_PATCH_SIGNAL",
}


class ProcessChanges(NamedTuple):
    """The changes that are allowed; what each is stands in `spantail.process`."""

    log_capture: bool
    patch_logging: bool
    exit_hooks: bool
    handle_sigterm: bool
    patch_signal: bool


def allowed_changes(environ: Mapping[str, str], **asked: bool | None) -> ProcessChanges:
    """Return the changes that are allowed: as `asked` for, else (None or not named) as the environment says."""
    return ProcessChanges(
        **{
            name: is_on(environ, variable) if (said := asked.get(name)) is None else said
            for name, variable in _VARIABLES.items()
        }
    )
