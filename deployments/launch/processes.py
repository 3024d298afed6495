"""The descendants of this process: Ray starts many, and some lose their parent before they end."""

from __future__ import annotations

import ctypes
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
"""From <linux/prctl.h>."""

GCS, RAYLET = "gcs/gcs_server", "raylet/raylet"
"""Ends of the paths of Ray's two main programs, without which nothing else runs."""


def adopt_orphans() -> None:
    """Make this process the parent of any descendant whose own parent dies, so that `descendants` finds it."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def descendants(ancestor: int) -> list[int]:
    """Return the pids of all running descendants."""
    children: dict[int, list[int]] = {}
    running: set[int] = set()
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal() and (fields := _stat(int(folder.name))):
            children.setdefault(int(fields[1]), []).append(int(folder.name))
            if fields[0] != "Z":
                running.add(int(folder.name))
    found, unvisited = [], [ancestor]
    while unvisited:
        below = children.get(unvisited.pop(), [])
        found += below
        unvisited += below
    return [pid for pid in found if pid in running]


def executes(pid: int, program: str) -> bool:
    """Return whether a process runs a program or script whose path ends with `program`."""
    return any(argument.endswith(program) for argument in _command_line(pid)[:3])


def ray_address(ancestor: int) -> str | None:
    """Return the address of the Ray that a process has started, or None while it has not."""
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
    """Return the fields of /proc/<pid>/stat after the name (state, parent, …); empty when the process has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return []
