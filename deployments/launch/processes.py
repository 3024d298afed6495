"""The processes below this one: Ray starts many, and some lose their parent before they end."""

from __future__ import annotations

import ctypes
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
"""From <linux/prctl.h>."""

GCS, RAYLET = "gcs/gcs_server", "raylet/raylet"
"""How the paths of Ray's own two programs end: without them nothing else lives."""


def adopt_orphans() -> None:
    """Make this process the parent of any descendant whose own parent dies, so that `descendants` finds it."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def descendants(ancestor: int) -> list[int]:
    """All processes below one that still run."""
    children: dict[int, list[int]] = {}
    running: set[int] = set()
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal() and (fields := _stat(int(folder.name))):
            children.setdefault(int(fields[1]), []).append(int(folder.name))
            if fields[0] != "Z":
                running.add(int(folder.name))
    family, unvisited = [], [ancestor]
    while unvisited:
        below = children.get(unvisited.pop(), [])
        family += below
        unvisited += below
    return [pid for pid in family if pid in running]


def executes(pid: int, program: str) -> bool:
    """Whether a process runs a program or script whose path ends like this."""
    return any(argument.endswith(program) for argument in _command_line(pid)[:3])


def ray_address(ancestor: int) -> str | None:
    """Where the Ray answers that this process has started; None while it has not."""
    for pid in descendants(ancestor):
        for argument in _command_line(pid):
            name, _, address = argument.partition("=")
            if name == "--gcs-address" and address:
                return address
    return None


def _command_line(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except OSError:
        return []


def _stat(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat after the name: state, parent, …; empty when the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return []
