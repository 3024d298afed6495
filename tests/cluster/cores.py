"""A share of a core for one host: a control group of the kernel, of either version."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path("/sys/fs/cgroup")
PERIOD_US = 10_000
"""Short: with the kernel's 100 ms a host that has used its share would stand still for 60 ms."""

EMPTY_WITHIN_S = 10.0


class CoreShare:
    """Of one host; unlimited until `limit`."""

    def __init__(self, folder: Path, *, is_version_2: bool) -> None:
        self.folder = folder
        # version 1 counts the use of cores in a group of its own
        self.folders = [folder] if is_version_2 else [folder, ROOT / "cpuacct" / folder.name]
        self.join_commands = [f"echo $$ > {each}/cgroup.procs" for each in self.folders]
        self._is_version_2 = is_version_2

    @property
    def mount_commands(self) -> list[str]:
        """Let the processes see their own groups, as in a container: each network namespace has an empty /sys."""
        if self._is_version_2:
            return [f"mount -t cgroup2 none {ROOT}"]
        names = [folder.parent.name for folder in self.folders]
        mounts = [f"mkdir {ROOT}/{name} && mount -t cgroup -o {name} none {ROOT}/{name}" for name in names]
        return [f"mount -t tmpfs none {ROOT}", *mounts]

    def limit(self, cores: float) -> None:
        """Let its processes together have no more than so many cores from now on."""
        quota = round(cores * PERIOD_US)
        if self._is_version_2:
            (self.folder / "cpu.max").write_text(f"{quota} {PERIOD_US}")
        else:
            (self.folder / "cpu.cfs_period_us").write_text(str(PERIOD_US))
            (self.folder / "cpu.cfs_quota_us").write_text(str(quota))

    def throttled_s(self) -> float:
        """How long its processes have been kept waiting because the share was used up, all cores together."""
        stat = dict(line.split() for line in (self.folder / "cpu.stat").read_text().splitlines())
        return int(stat["throttled_usec"]) / 1e6 if self._is_version_2 else int(stat["throttled_time"]) / 1e9


@contextlib.contextmanager
def core_share(name: str) -> Iterator[CoreShare]:
    """A group of this name, with all its processes ended at the end."""
    is_version_2 = (ROOT / "cgroup.controllers").exists()
    folder = (ROOT if is_version_2 else ROOT / "cpu") / name
    if is_version_2 and "cpu" not in (ROOT / "cgroup.subtree_control").read_text().split():
        (ROOT / "cgroup.subtree_control").write_text("+cpu")
    elif not is_version_2 and not (ROOT / "cpu" / "cpu.cfs_quota_us").parent.exists():
        pytest.fail("this kernel gives us no way to limit the processors of a group of processes")
    share = CoreShare(folder, is_version_2=is_version_2)
    for each in share.folders:
        _end(each)
        each.mkdir()
    try:
        yield share
    finally:
        for each in share.folders:
            _end(each)


def _end(folder: Path) -> None:
    """Also the group that an earlier run has left."""
    deadline = time.monotonic() + EMPTY_WITHIN_S
    while folder.exists():
        for pid in (folder / "cgroup.procs").read_text().split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        with contextlib.suppress(OSError):
            folder.rmdir()
        assert time.monotonic() < deadline, f"processes of {folder} don't end"
        time.sleep(0.05)
