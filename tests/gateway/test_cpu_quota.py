"""The CPU limit of a control group, in the files of both versions of the kernel's interface."""

import time

import pytest

from convonet.gateway.cpu_quota import CpuQuota
from convonet.gateway.cpu_share import CpuShare


def version_2(tmp_path, *, limit="20000 100000", used_us=1_500_000, path="/pod"):
    mount = tmp_path / "mount"
    group = mount / path.lstrip("/")
    group.mkdir(parents=True)
    (mount / "cgroup.controllers").write_text("cpu memory\n")
    (group / "cpu.max").write_text(f"{limit}\n")
    (group / "cpu.stat").write_text(f"usage_usec {used_us}\nuser_usec 0\nsystem_usec 0\n")
    (tmp_path / "groups").write_text("0::/pod\n")
    return CpuQuota(mount, tmp_path / "groups")


def version_1(tmp_path, *, quota=20_000):
    for controller, files in {
        "cpu": {"cpu.cfs_quota_us": quota, "cpu.cfs_period_us": 100_000},
        "cpuacct": {"cpuacct.usage": 1_500_000_000},
    }.items():
        group = tmp_path / "mount" / controller / "pod"
        group.mkdir(parents=True)
        for name, value in files.items():
            (group / name).write_text(f"{value}\n")
    (tmp_path / "groups").write_text("5:memory:/other\n2:cpuacct:/pod\n1:cpu:/pod\n")
    return CpuQuota(tmp_path / "mount", tmp_path / "groups")


@pytest.mark.parametrize("make", [version_1, version_2])
def test_quota_and_use_are_read(tmp_path, make):
    reading = make(tmp_path).read()
    assert (reading.cores, reading.used_s) == (0.2, 1.5)


def test_a_container_sees_its_group_as_the_root(tmp_path):
    assert version_2(tmp_path, path="").read().cores == 0.2


@pytest.mark.parametrize(
    "make", [lambda folder: version_1(folder, quota=-1), lambda folder: version_2(folder, limit="max 100000")]
)
def test_without_a_limit_there_is_no_quota(tmp_path, make):
    assert make(tmp_path).read() is None


def test_another_system_has_no_quota(tmp_path):
    assert CpuQuota(tmp_path, tmp_path / "groups").read() is None


def test_a_container_that_uses_up_its_limit_is_busy_although_the_cores_are_idle(tmp_path):
    quota = version_2(tmp_path, used_us=0)
    share = CpuShare(stat=tmp_path / "no-stat", quota=quota)
    started = time.monotonic()
    time.sleep(0.2)
    used_us = round(0.19 * (time.monotonic() - started) * 1e6)
    (tmp_path / "mount" / "pod" / "cpu.stat").write_text(f"usage_usec {used_us}\n")
    assert 0.8 < share.since_last() < 1.0
    assert share.cores == 0.2
