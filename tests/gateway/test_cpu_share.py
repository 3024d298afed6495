"""The busy share of the cores, measured with this machine's real clock."""

import subprocess
import sys
import time

from convonet.gateway.cpu_share import CpuShare

WINDOW_S = 0.5
SPIN = "while True: pass"


def spin():
    until = time.monotonic() + WINDOW_S
    while time.monotonic() < until:
        pass


def test_a_process_that_uses_up_its_core_is_busy_although_others_idle():
    share = CpuShare()
    spin()
    # on a busy machine it gets less of a core
    assert share.since_last() > 0.3


def test_other_processes_on_the_same_cores_count():
    share = CpuShare()
    others = [subprocess.Popen([sys.executable, "-c", SPIN]) for _ in share._cores]
    try:
        time.sleep(WINDOW_S)
        share.since_last()
        time.sleep(WINDOW_S)
        assert share.since_last() > 0.9
    finally:
        for other in others:
            other.kill()
            other.wait()


def test_only_the_process_itself_counts_without_proc_stat(tmp_path):
    share = CpuShare(stat=tmp_path / "stat")
    spin()
    assert share.since_last() > 0.3
    time.sleep(WINDOW_S)
    assert share.since_last() < 0.3
