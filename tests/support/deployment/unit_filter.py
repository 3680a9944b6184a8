"""Start a command under a unit's filter of system calls: `python -m tests.support.deployment.unit_filter UNIT COMMAND`.

What the unit allows is looked up with `systemd-analyze`; libseccomp, which systemd brings, makes and loads the filter.
Memory that is writable and executable at once is forbidden too, where the unit says so and the kernel knows how (6.3).
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

_PR_SET_MDWE: Final = 65
_PR_MDWE_REFUSE_EXEC_GAIN: Final = 1
_ALLOW: Final = 0x7FFF0000
_REFUSE: Final = 0x00050000 | errno.EPERM


def allowed_calls(unit: str) -> set[str]:
    """The names of the system calls that a unit's text leaves to its processes."""
    first, *further = re.findall(r"(?m)^SystemCallFilter=(.*)$", unit)
    calls = {call for group in first.split() for call in _members(group)}
    for line in further:
        if not line.startswith("~"):
            raise ValueError(f"only what is taken away again is understood, not {line!r}")
        calls -= {call for group in line[1:].split() for call in _members(group)}
    return calls | _members("@default")


def _members(group: str) -> set[str]:
    """The system calls of a group, and of the groups in it."""
    if not group.startswith("@"):
        return {group}
    answer = subprocess.run(
        ["systemd-analyze", "syscall-filter", group], capture_output=True, text=True, timeout=60, check=True
    )
    named = [line.strip() for line in answer.stdout.splitlines()[1:]]
    return {call for name in named if name and not name.startswith("#") for call in _members(name)}


def confine(unit: str) -> None:
    """Hold this process and all that it starts to the unit's filter, for good."""
    calls = allowed_calls(unit)  # asks another program: before the filter is there
    seccomp = ctypes.CDLL("libseccomp.so.2")
    seccomp.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(seccomp.seccomp_init(ctypes.c_uint32(_REFUSE)))
    for call in calls:
        number = seccomp.seccomp_syscall_resolve_name(call.encode())
        if number >= 0:  # of this architecture
            seccomp.seccomp_rule_add(context, ctypes.c_uint32(_ALLOW), number, 0)
    if re.search(r"(?m)^MemoryDenyWriteExecute=yes$", unit):
        ctypes.CDLL(None).prctl(_PR_SET_MDWE, _PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0)
    if seccomp.seccomp_load(context):
        raise OSError("the filter could not be loaded")


if __name__ == "__main__":
    confine(Path(sys.argv[1]).read_text(encoding="utf-8"))
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 - signals are for the command
