"""Cost of the idle product, process by process.

    .venv/bin/python -m bench.idle [--seconds 60] [--settle 60] [--system rayfloor]

Starts it as `bench.compare` does, on one core, waits until it has settled, and looks at all its processes.
"""

from __future__ import annotations

import argparse
import signal
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from bench.harness.idle import Idle, measure_idle
from bench.harness.systems import SYSTEMS, Bench, running

NO_VENDORS = "http://127.0.0.1:9"
"""Address of vendors that are never called."""


def main() -> None:
    """Start, measure, print, stop."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--system", choices=sorted(SYSTEMS), default="convonet")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--settle", type=float, default=60.0)
    parser.add_argument("--server-core", type=int, default=0)
    options = parser.parse_args()
    # a signal must not leave a server behind
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    bench = Bench(NO_VENDORS, (options.server_core,))
    with tempfile.TemporaryDirectory() as logs, running(options.system, bench, Path(logs)) as target:
        time.sleep(options.settle)
        idle = measure_idle(target.mark, target.cores, options.seconds)
    print(table(idle))


def table(idle: Idle) -> str:
    """Processes of one name together, the dearest first."""
    groups = defaultdict(list)
    for process in idle.processes:
        groups[process.name].append(process)
    lines = [
        (sum(each.cpu_ms_per_s for each in group), sum(each.pss_mib for each in group), len(group), name)
        for name, group in groups.items()
    ]
    rows = [f"| {name} | {number} | {cpu:.1f} | {pss:.0f} |" for cpu, pss, number, name in sorted(lines, reverse=True)]
    total = f"| all | {len(idle.processes)} | {idle.cpu_ms_per_s:.1f} | {idle.pss_mib:.0f} |"
    head = ["| process | number | CPU ms/s | PSS MiB |", "| --- | --- | --- | --- |"]
    foreign = f"\nOthers used {idle.foreign_cpu:.0%} of its core meanwhile."
    return "\n".join([*head, *rows, total, foreign])


if __name__ == "__main__":
    main()
