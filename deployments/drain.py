"""`python -m deployments.drain`: asks every client to connect anew, so that they spread over new replicas."""

import logging
import os
import sys
import time

import ray
import typer
from ray import serve
from ray.serve._private.common import ReplicaState

from convonet.settings import get_settings
from deployments.launch.product import LOOPBACK, LOOPBACK_NODE

TIMEOUT_S = 10.0
"""All sockets of a replica are written to within milliseconds."""


def main() -> None:
    """Connect to the Ray of this machine, or of RAY_ADDRESS, and send `reconnect` to all clients."""
    if get_settings().host in LOOPBACK and not LOOPBACK_NODE.keys() <= os.environ.keys():
        # Ray reads this while it is imported, and looks for a node of `make run` at another address without it
        os.execve(sys.executable, [sys.executable, "-m", "deployments.drain"], {**os.environ, **LOOPBACK_NODE})  # noqa: S606
    ray.init(address="auto", namespace="convonet", log_to_driver=False, logging_level=logging.ERROR)
    count = _ask_all()
    typer.echo(f"Asked {count} client{'s' if count != 1 else ''} to connect anew.")


def _ask_all() -> int:
    """Ask until every running replica has been; a new handle may not know all of them at once."""
    handle, before = serve.get_app_handle("voice"), time.time()
    count = 0
    while True:
        running = serve.status().applications["voice"].deployments["Voice"].replica_states.get(ReplicaState.RUNNING, 0)
        answers = handle.broadcast("drain", before).results(timeout_s=TIMEOUT_S)
        count += int(sum(answers))
        if len(answers) >= running or time.time() > before + TIMEOUT_S:
            return count
        time.sleep(0.2)


if __name__ == "__main__":
    main()
