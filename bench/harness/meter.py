"""CPU time and memory of all processes of a server, however it starts them.

A server that is started with BENCH_MARK=<word> in its environment is found again by that word in /proc/<pid>/environ,
also where a process has left the tree, and by its parents where a process has written its title over its environment,
as Ray's agents do. Memory is PSS, in which pages that n processes share count for 1/n in each.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

MARK = "BENCH_MARK"
TICKS = os.sysconf("SC_CLK_TCK")

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class ProcessUse:
    """One process as it was seen last: `cpu_s` since it began."""

    pid: int
    name: str
    cpu_s: float
    pss_mib: float


class ServerMeter:
    """Of the server whose processes carry this mark."""

    def __init__(self, mark: str) -> None:
        self._mark = f"{MARK}={mark}".encode()
        self._cpu_s: dict[tuple[int, str], float] = {}
        """By pid and start time; one that has ended counts with the last value seen."""

    def pids(self) -> list[int]:
        """Of all its processes that run now."""
        running = [int(folder.name) for folder in _PROC.iterdir() if folder.name.isdecimal()]
        ours = {pid for pid in running if self._is_marked(pid)}
        parents = {pid: int(fields[1]) for pid in running if (fields := _stat(pid))}
        while found := {pid for pid, parent in parents.items() if parent in ours and pid not in ours}:
            ours |= found
        return sorted(ours)

    def cpu_seconds(self) -> float:
        """User and system time of all, since each began."""
        for pid in self.pids():
            if fields := _stat(pid):
                self._cpu_s[pid, fields[19]] = _cpu_s(fields)
        return sum(self._cpu_s.values())

    def wait_seconds(self) -> float:
        """Time their threads were ready but on no core: they waited for one another, or for what is not theirs."""
        return sum(_wait_ns(pid) for pid in self.pids()) / 1e9

    def spent(self) -> tuple[float, float]:
        """Both: waited and CPU time."""
        return self.wait_seconds(), self.cpu_seconds()

    def pss_mib(self) -> float:
        """Memory of all."""
        return sum(_pss_kib(pid) for pid in self.pids()) / 1024

    def processes(self) -> list[ProcessUse]:
        """Each of them."""
        uses = [
            ProcessUse(pid, _name(pid), _cpu_s(fields), _pss_kib(pid) / 1024)
            for pid in self.pids()
            if (fields := _stat(pid))
        ]
        return sorted(uses, key=lambda use: use.name)

    def _is_marked(self, pid: int) -> bool:
        try:
            return self._mark in (_PROC / str(pid) / "environ").read_bytes().split(b"\0")
        except OSError:
            return False


@dataclass(frozen=True, slots=True)
class CoreSeconds:
    """Use of some cores since boot; separates the work of others from that of the server."""

    busy: float
    interrupts: float
    stolen: float

    def __sub__(self, earlier: CoreSeconds) -> CoreSeconds:
        return CoreSeconds(self.busy - earlier.busy, self.interrupts - earlier.interrupts, self.stolen - earlier.stolen)

    @classmethod
    def of(cls, cores: Sequence[int]) -> CoreSeconds:
        """Of these cores until now."""
        busy = interrupts = stolen = 0.0
        for user, nice, system, _idle, _iowait, irq, softirq, steal in _core_lines(cores):
            busy += user + nice + system
            interrupts += irq + softirq
            stolen += steal
        return cls(busy, interrupts, stolen)


def process_cpu_seconds(pid: int) -> float:
    """User and system time of one process since it began; 0 when it has ended."""
    fields = _stat(pid)
    return _cpu_s(fields) if fields else 0.0


def _core_lines(cores: Sequence[int]) -> Iterator[list[float]]:
    names = {f"cpu{core}" for core in cores}
    for line in (_PROC / "stat").read_text().splitlines():
        name, *fields = line.split()
        if name in names:
            yield [int(field) / TICKS for field in fields[:8]]


def _stat(pid: int) -> list[str]:
    """The fields of /proc/<pid>/stat after the name; none when the process has ended."""
    try:
        return (_PROC / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return []


def _cpu_s(fields: list[str]) -> float:
    return (int(fields[11]) + int(fields[12])) / TICKS


def _wait_ns(pid: int) -> int:
    total = 0
    for task in (_PROC / str(pid) / "task").glob("*"):
        try:
            total += int((task / "schedstat").read_text().split()[1])
        except OSError:
            continue
    return total


def _pss_kib(pid: int) -> int:
    try:
        lines = (_PROC / str(pid) / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def _name(pid: int) -> str:
    """Return a readable name of the process: Ray's workers name themselves, others run a module or a script."""
    try:
        arguments = (_PROC / str(pid) / "cmdline").read_text(errors="replace").rstrip("\0").split("\0")
    except OSError:
        return ""
    program = Path(arguments[0]).name
    if not program.startswith("python"):
        return program if arguments[0].startswith("/") else arguments[0]
    if "-c" in arguments:
        code = arguments[arguments.index("-c") + 1]
        module = re.match(r"from (\S+) import", code)
        return module[1] if module else "python -c"
    return next((Path(word).name for word in arguments[1:] if not word.startswith("-")), program)
