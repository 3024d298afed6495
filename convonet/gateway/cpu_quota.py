"""The CPU limit of this process's control group, such as a container's: how much of it is used.

Linux has two versions of control groups (man 7 cgroups). In version 1 quota and use are files of two controllers.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_MOUNT = Path("/sys/fs/cgroup")
_GROUPS = Path("/proc/self/cgroup")


@dataclass(frozen=True, slots=True)
class QuotaReading:
    """The quota in cores, and the CPU time that all processes of the group have used."""

    cores: float
    used_s: float


class CpuQuota:
    """Reads the quota of the group that this process was in when it started."""

    def __init__(self, mount: Path = _MOUNT, groups: Path = _GROUPS) -> None:
        paths = _group_paths(groups)
        self._is_version_2 = (mount / "cgroup.controllers").exists()
        self._limit = _folder(mount, paths.get("" if self._is_version_2 else "cpu", ""), "cpu", self._is_version_2)
        self._use = _folder(mount, paths.get("cpuacct", ""), "cpuacct", self._is_version_2)

    def read(self) -> QuotaReading | None:
        """Return the quota and its use; None without a quota, which may be set at any time."""
        try:
            return self._read_version_2() if self._is_version_2 else self._read_version_1()
        except (OSError, ValueError, KeyError):
            # another system than Linux, the root group of version 2, or a group that was removed
            return None

    def _read_version_2(self) -> QuotaReading | None:
        quota, period = (self._limit / "cpu.max").read_text().split()
        if quota == "max":
            return None
        stat = dict(line.split() for line in (self._limit / "cpu.stat").read_text().splitlines())
        return QuotaReading(int(quota) / int(period), int(stat["usage_usec"]) / 1e6)

    def _read_version_1(self) -> QuotaReading | None:
        quota = int((self._limit / "cpu.cfs_quota_us").read_text())
        if quota < 0:
            return None
        period = int((self._limit / "cpu.cfs_period_us").read_text())
        return QuotaReading(quota / period, int((self._use / "cpuacct.usage").read_text()) / 1e9)


def _group_paths(groups: Path) -> dict[str, str]:
    """Return this process's groups by controller; version 2 has one group, under an empty name."""
    try:
        lines = [line.split(":", 2) for line in groups.read_text().splitlines()]
    except OSError:
        return {}
    return {name: path for _, names, path in lines for name in names.split(",")}


def _folder(mount: Path, path: str, controller: str, is_version_2: bool) -> Path:
    root = mount if is_version_2 else mount / controller
    folder = root / path.lstrip("/")
    # a container that has no namespace of its own for groups sees its group as the root, under the path of the host
    return folder if folder.exists() else root
