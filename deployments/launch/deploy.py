"""A step: starts Ray on this machine and deploys the applications to it; both outlive the step.

Ray's tools for watching a cluster are left out, since they take 0.4 GB and a sixth of an idle product's CPU: the
dashboard (unless CONVONET_DASHBOARD_PORT is set), the autoscaler, the monitor that copies logs to a driver, and the
server of Ray's client. Workers are forked by `fork_server`. With RAY_ADDRESS set the step deploys to that cluster and
starts nothing.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

from deployments import ray_compat
from deployments.launch.errors import LaunchError
from deployments.launch.fork_worker import SOCKET
from deployments.launch.processes import descendants, executes, ray_address
from deployments.launch.steps import ROOT, command, run_step

DASHBOARD_HOST = "127.0.0.1"
"""Address of Ray's dashboard, whatever CONVONET_HOST is: its token lets anybody run any code here."""

DASHBOARD = "ray/dashboard/dashboard.py"
"""Ray starts this program even without a dashboard, with nothing to do."""


def deploy(metrics_port: str, scratch: str) -> None:
    """Start Ray, unless RAY_ADDRESS is set, and deploy serve_config.yaml.

    Args:
        metrics_port: port of Ray's Prometheus endpoint.
        scratch: a temporary folder of the launcher.
    """
    address = os.environ.get("RAY_ADDRESS")
    if address is None:
        _start_fork_server(Path(scratch) / "fork.sock")
    # imported now, since Ray takes a second to import, and the fork server longer to start
    from ray.serve.scripts import cli as serve

    from convonet.settings import Settings

    config = _config_file()
    address = address or _start_ray(metrics_port, Settings.load().server.dashboard_port)
    _run(serve, "run", "--non-blocking", "--address", address, str(config))


def _start_fork_server(path: Path) -> None:
    os.environ[SOCKET] = str(path)
    with socket.socket(socket.AF_UNIX) as listener:
        # orders for workers wait here until all is imported; they are refused if the server has ended
        listener.bind(str(path))
        listener.listen()
        subprocess.Popen(command("fork_server", str(listener.fileno())), pass_fds=[listener.fileno()])


def _start_ray(metrics_port: str, dashboard_port: int | None) -> str:
    """Start Ray, with its dashboard when that has a port; return its address."""
    from ray.scripts.scripts import cli as ray

    if os.environ.get("RAY_AUTH_MODE") == "token":
        # the command prints the token
        with contextlib.redirect_stdout(io.StringIO()):
            _run(ray, "get-auth-token", "--generate")
    os.environ["RAY_START_HOOK"] = f"{set_params_without_option.__module__}.{set_params_without_option.__name__}"
    options = {
        # free ports: this may not be the only Ray on the machine
        "port": 0,
        "min-worker-port": 0,
        "max-worker-port": 0,
        "dashboard-agent-listen-port": 0,
        "dashboard-host": DASHBOARD_HOST,
        "dashboard-port": dashboard_port or 0,
        "metrics-export-port": metrics_port,
        "include-dashboard": dashboard_port is not None,
        "include-log-monitor": False,
    }
    _run(ray, "start", "--head", "--no-monitor", *(f"--{name}={value}" for name, value in options.items()))
    ray_compat.remove_address_file()
    if dashboard_port is None:
        _stop_dashboard()
    if (address := ray_address(os.getpid())) is None:
        raise LaunchError("Ray has started and ended at once")
    return address


def _stop_dashboard() -> None:
    for pid in descendants(os.getpid()):
        if executes(pid, DASHBOARD):
            os.kill(pid, signal.SIGTERM)


def set_params_without_option(params: Any, _: bool) -> None:
    """Start no server for Ray's client, and workers through `fork_worker`; `ray start` calls it as its hook."""
    ray_compat.set_start_params(params, Path(__file__).with_name("fork_worker.py"))


def _run(cli: Any, *arguments: str) -> None:
    cli(list(arguments), standalone_mode=False)


def _config_file() -> Path:
    """Return serve_config.yaml, or a copy with the address of the settings."""
    import yaml

    from convonet.settings import Settings
    from deployments.config_check import read_config

    path, settings = ROOT / "serve_config.yaml", Settings.load()
    config = read_config(path)
    address = {"host": settings.server.host, "port": settings.server.port}
    if config["http_options"] == address:
        return path
    copy = settings.storage.data_dir.absolute() / "serve_config.yaml"
    copy.write_text(yaml.safe_dump({**config, "http_options": address}, sort_keys=False))
    return copy


if __name__ == "__main__":
    run_step(deploy)
