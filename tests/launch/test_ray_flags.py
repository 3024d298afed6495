"""Every flag of Ray's that we set is one that the installed Ray reads."""

import re
from pathlib import Path

import pytest
import ray

from convonet.settings.server import ServerSettings
from deployments.launch.product import ray_flags

RAY = Path(ray.__file__).parent
PYTHON = (
    "_private/ray_constants.py",
    "_private/services.py",
    "_common/usage/usage_constants.py",
    "dashboard/modules/reporter/reporter_consts.py",
    "serve/_private/constants.py",
)
NATIVE = "core/src/ray/raylet/raylet"
"""Has all flags of Ray's core, each with the name of its variable."""

OTHERS = {"HAPROXY_BINARY", "HAPROXY_LOOPBACK", "MALLOC_TRIM_THRESHOLD_", "OPENBLAS_NUM_THREADS"}
"""Flags of HAProxy's start, glibc and OpenBLAS."""


def is_read_by_ray(flag):
    if any(re.search(rf'["\']{flag}["\']', (RAY / file).read_text()) for file in PYTHON):
        return True
    return b"\0" + flag.encode() + b"\0" in (RAY / NATIVE).read_bytes()


def flags():
    return sorted(ray_flags(ServerSettings().host, Path("scratch")).keys() - OTHERS)


@pytest.mark.parametrize("flag", flags())
def test_ray_reads_the_flag(flag):
    assert is_read_by_ray(flag), f"Ray {ray.__version__} does not know {flag}"


def test_a_flag_that_ray_does_not_know_is_detected():
    assert not is_read_by_ray("RAY_SERVE_CONTROL_LOOP_PERIOD_S")
    assert not is_read_by_ray("RAY_local_fs_monitor_period_ms")


def test_ports_are_chosen_that_no_connection_gets_by_chance():
    range_of_connections = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
    ports = {
        int(port) for flag, port in ray_flags(ServerSettings().host, Path("scratch")).items() if flag.endswith("_PORT")
    }
    assert len(ports) == 3
    assert 20_000 <= min(ports) <= max(ports) < int(range_of_connections[0])
