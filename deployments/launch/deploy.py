"""A step: starts Ray on this machine and deploys the applications to it. Both go on when it ends.

What Ray starts for people who look at a cluster is left out, it takes 0.4 GB and a sixth of an idle product's CPU: the
dashboard unless CONVONET_DASHBOARD_PORT asks for it, the autoscaler, the monitor that copies logs to a driver, the
server of Ray's client. Workers are forked by `fork_server`. With RAY_ADDRESS set it deploys to that cluster and starts
nothing.
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

from deployments.launch.errors import LaunchError
from deployments.launch.fork_worker import SOCKET
from deployments.launch.processes import descendants, executes, ray_address
from deployments.launch.steps import ROOT, command, run_step

DASHBOARD_HOST = "127.0.0.1"
"""Of Ray's dashboard, whatever CONVONET_HOST is: who has its token may run any code here."""

DASHBOARD = "ray/dashboard/dashboard.py"
"""It is started even when it is not wanted, with nothing to do."""


def deploy(metrics_port: str, scratch: str) -> None:
    """Start Ray, unless there is one, and deploy serve_config.yaml; `scratch` is a folder of ours."""
    address = os.environ.get("RAY_ADDRESS")
    if address is None:
        _start_fork_server(Path(scratch) / "fork.sock")
    # Ray takes a second to import, the fork server more
    from ray.serve.scripts import cli as serve

    from convonet.settings import Settings

    config = _config_file()
    address = address or _start_ray(metrics_port, Settings.load().server.dashboard_port)
    _run(serve, "run", "--non-blocking", "--address", address, str(config))


def _start_fork_server(path: Path) -> None:
    os.environ[SOCKET] = str(path)
    with socket.socket(socket.AF_UNIX) as listener:
        # who orders a worker waits here until all is imported, or is refused when the server has ended
        listener.bind(str(path))
        listener.listen()
        subprocess.Popen(command("fork_server", str(listener.fileno())), pass_fds=[listener.fileno()])


def _start_ray(metrics_port: str, dashboard_port: int | None) -> str:
    """Start it, with its dashboard when that has a port; returns its address."""
    from ray._private import utils
    from ray.scripts.scripts import cli as ray

    if os.environ.get("RAY_AUTH_MODE") == "token":
        # it prints the token
        with contextlib.redirect_stdout(io.StringIO()):
            _run(ray, "get-auth-token", "--generate")
    os.environ["RAY_START_HOOK"] = f"{what_has_no_option.__module__}.{what_has_no_option.__name__}"
    options = {
        # free ones: this may not be the only Ray on the machine
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
    # it is nobody else's: with this file any `ray.init()` on the machine would join it
    Path(utils.get_ray_address_file(None)).unlink()  # type: ignore[attr-defined]
    if dashboard_port is None:
        _stop_dashboard()
    if (address := ray_address(os.getpid())) is None:
        raise LaunchError("Ray has started and ended at once")
    return address


def _stop_dashboard() -> None:
    for pid in descendants(os.getpid()):
        if executes(pid, DASHBOARD):
            os.kill(pid, signal.SIGTERM)


def what_has_no_option(params: Any, _: bool) -> None:
    """Hook of `ray start`: start no server for Ray's client, and workers through `fork_worker`."""
    params.ray_client_server_port = None
    params.setup_worker_path = str(Path(__file__).with_name("fork_worker.py"))


def _run(cli: Any, *arguments: str) -> None:
    cli(list(arguments), standalone_mode=False)


def _config_file() -> Path:
    """serve_config.yaml itself, or a copy with the address that the settings ask for."""
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
