"""Entry point of the `spantail` command: says what to install where the service's packages are missing."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; without the extra `service` installed, say so in one line and end with code 2.

    pip installs the command with the library too, for one distribution has one set of commands.
    """
    try:
        from spantail_service.cli import main as run  # the import is what may fail

        run()  # … and so may those that a command puts off
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if missing.startswith("spantail"):
            raise  # a broken installation, not a missing extra
        sys.stderr.write(
            f"spantail: the package {missing!r} is missing: the command needs the service.\n"
            "Install it with: pip install 'spantail[service]'\n"
        )
        sys.exit(2)
