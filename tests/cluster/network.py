"""Several machines on one: each has a network, a process tree and a `/dev/shm` of its own, and hangs on one switch.

Only root may make them. Their names begin with `cvn-bed-`; a start takes away what an earlier run that was killed has
left.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from deployments.launch.steps import ROOT
from tests.cluster.cores import CoreShare
from tests.fixtures.servers import require_tool

PREFIX = "cvn-bed-"
SWITCH = f"{PREFIX}switch"
BRIDGE = "bridge"

SUBNET = "198.18.0"
"""From the range that is set aside for trials of networks (RFC 2544): no real machine has such an address."""

OWN_FOLDER = Path("/tmp/cvn-node")
"""Where each host finds its own files. The paths of Ray's sockets must stay short."""

ENDED_WITHIN_S = 20.0
ONE_AT_A_TIME = "\0convonet-test-network"
"""A name that the kernel lets only one process have."""


class Host:
    """One machine. Made by `Network.add`."""

    def __init__(self, name: str, number: int, folder: Path) -> None:
        self.name = name
        self.address = f"{SUBNET}.{number}"
        self.mac = f"02:00:00:00:00:{number:02x}"
        self.namespace = f"{PREFIX}{name}"
        self.port_of_switch = f"v{name}"
        self.folder = folder
        """What the host sees as `OWN_FOLDER`."""
        self._servers: list[subprocess.Popen[bytes]] = []

    def command(self, *command: str) -> list[str]:
        """A command on this host's network, with the files and processes of everybody."""
        return ["ip", "netns", "exec", self.namespace, *command]

    def output_of(self, *command: str, timeout_s: float = 120.0, **options: object) -> str:
        """Run a command on its network to its end; a failure fails the test."""
        done = subprocess.run(
            self.command(*command), capture_output=True, text=True, timeout=timeout_s, check=False, **options
        )
        assert done.returncode == 0, f"{command}: {done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        return done.stdout

    def serve(self, command: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
        """Start a server on its network, which ends with the host at the latest."""
        with log.open("wb") as output:
            server = subprocess.Popen(
                self.command(*command),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._servers.append(server)
        return server

    def reap(self) -> None:
        """Take note that its servers have ended."""
        for server in self._servers:
            server.wait(ENDED_WITHIN_S)

    def pids(self) -> list[int]:
        """Of all processes on its network."""
        return [int(pid) for pid in _ip(f"netns pids {self.namespace}").split()]

    def boot(
        self, command: Sequence[str], log: Path, environment: Mapping[str, str], share: CoreShare | None = None
    ) -> Machine:
        """Run a command as the first process of this host; all others are its children and end with it."""
        OWN_FOLDER.mkdir(exist_ok=True)
        script = [
            f"mount --bind {self.folder} {OWN_FOLDER}",
            "mount -t tmpfs -o size=1g tmpfs /dev/shm",
            *(share.mount_commands if share else []),
            "ulimit -n $(ulimit -Hn)",
            'exec "$@"',
        ]
        own = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private"]
        # first of all: on the host's own network there is another /sys
        joined = ["bash", "-ec", "; ".join([*share.join_commands, 'exec "$@"']), "join"] if share else []
        with log.open("ab") as file:
            process = subprocess.Popen(
                [*joined, *self.command(*own, "bash", "-ec", "; ".join(script), "boot", *command)],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                start_new_session=True,
            )
        return Machine(process)


class Machine:
    """A host that runs."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def command(self, *command: str) -> list[str]:
        """A command that sees this host's network, files and processes, as `kubectl exec` in its pod would."""
        (first,) = _children(self._process.pid)
        return ["nsenter", "--target", str(first), "--mount", "--pid", "--net", *command]

    def terminate(self) -> None:
        """SIGTERM to its first process, as Kubernetes ends a pod."""
        for pid in _children(self._process.pid):
            os.kill(pid, signal.SIGTERM)

    def kill(self) -> float:
        """SIGKILL to all its processes at once; returns when."""
        first = _children(self._process.pid)
        at = time.monotonic()
        for pid in first:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.kill()
        self._process.wait(ENDED_WITHIN_S)
        return at

    def wait(self, timeout_s: float) -> None:
        """Until it has ended by itself."""
        self._process.wait(timeout_s)


class Network:
    """The switch and the hosts on it; `close` it at the end."""

    def __init__(self, folder: Path) -> None:
        if os.geteuid() != 0:
            pytest.fail("these tests make network namespaces, which only root may: run `make test-cluster` as root")
        require_tool("ip")
        self._only = socket.socket(socket.AF_UNIX)
        try:
            self._only.bind(ONE_AT_A_TIME)
        except OSError:
            pytest.fail("another run of these tests has this machine's network namespaces")
        self._folder = folder
        self.hosts: dict[str, Host] = {}
        _remove_all()
        _ip(f"netns add {SWITCH}")
        _ip(f"-n {SWITCH} link add {BRIDGE} type bridge forward_delay 0")
        _ip(f"-n {SWITCH} link set {BRIDGE} up")

    def add(self, name: str, number: int) -> Host:
        """A host on the switch. It and the others know each other's hardware addresses for good.

        Without that a host that is cut off is found by ARP after some seconds, and the kernel says "no route to host":
        sooner than in a real network, where a router stands between.
        """
        host = Host(name, number, self._folder / name)
        port, own = host.port_of_switch, host.namespace
        _ip(f"netns add {own}")
        _ip(f"-n {SWITCH} link add {port} type veth peer name eth0 netns {own}")
        _ip(f"-n {SWITCH} link set {port} master {BRIDGE} up")
        _ip(f"-n {own} link set eth0 address {host.mac}")
        _ip(f"-n {own} address add {host.address}/24 dev eth0")
        _ip(f"-n {own} link set lo up")
        _ip(f"-n {own} link set eth0 up")
        for other in self.hosts.values():
            _ip(f"-n {own} neighbor replace {other.address} lladdr {other.mac} dev eth0 nud permanent")
            _ip(f"-n {other.namespace} neighbor replace {host.address} lladdr {host.mac} dev eth0 nud permanent")
        self.hosts[name] = host
        return host

    def cut(self, host: Host) -> float:
        """Take its cable out of the switch: what is sent to it or by it vanishes without a word; returns when."""
        _ip(f"-n {SWITCH} link set {host.port_of_switch} nomaster")
        return time.monotonic()

    def join(self, host: Host) -> float:
        """Put its cable in again; returns when."""
        _ip(f"-n {SWITCH} link set {host.port_of_switch} master {BRIDGE}")
        return time.monotonic()

    def close(self) -> None:
        """End every process of every host, and take all of them away."""
        try:
            _remove_all()
            for host in self.hosts.values():
                host.reap()
        finally:
            self._only.close()


def leftovers() -> list[str]:
    """Names of what is still there of hosts, their processes included."""
    found = [name for name in _namespaces() if name.startswith(PREFIX)]
    return found + [str(path) for path in (OWN_FOLDER,) if path.exists()]


def _remove_all() -> None:
    """Also what an earlier run has left."""
    for namespace in [name for name in _namespaces() if name.startswith(PREFIX)]:
        deadline = time.monotonic() + ENDED_WITHIN_S
        while pids := _ip(f"netns pids {namespace}").split():
            assert time.monotonic() < deadline, f"processes of {namespace} don't end: {pids}"
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            time.sleep(0.1)
        # its end of the cable goes with it
        _ip(f"netns delete {namespace}")
    shutil.rmtree(OWN_FOLDER, ignore_errors=True)


def _namespaces() -> list[str]:
    return [line.split()[0] for line in _ip("netns list").splitlines() if line.strip()]


def _ip(arguments: str) -> str:
    done = subprocess.run(["ip", *arguments.split()], capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, f"ip {arguments}: {done.stderr}"
    return done.stdout


def _children(pid: int) -> list[int]:
    with contextlib.suppress(FileNotFoundError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []
