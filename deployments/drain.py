"""`python -m deployments.drain`: asks every client to connect anew, so that they spread over new replicas."""

import logging
import os
import sys
import time

import ray
import typer
from ray import serve
from ray.serve._private.common import ReplicaState

from convonet.settings import Settings, get_settings
from deployments.launch.lock import running_instance
from deployments.launch.processes import ray_address
from deployments.launch.product import LOCAL_RAY, LOOPBACK, LOOPBACK_NODE

TIMEOUT_S = 10.0
"""All sockets of a replica are written to within milliseconds."""


def main() -> None:
    """Connect to the Ray of `make run` on this data folder, or of RAY_ADDRESS, and send `reconnect` to all clients."""
    settings = get_settings()
    address = os.environ.get("RAY_ADDRESS") or _own_address(settings)
    ray.init(address=address, namespace="convonet", log_to_driver=False, logging_level=logging.ERROR)
    try:
        count = _ask_all()
    except TimeoutError as error:
        typer.secho(f"Not every client was asked to connect anew: {error}", fg="red", err=True)
        raise SystemExit(1) from None
    typer.echo(f"Asked {count} client{'s' if count != 1 else ''} to connect anew.")


def _own_address(settings: Settings) -> str:
    # never Ray's "auto": that is whichever Ray of this machine it finds first
    pid = running_instance(settings.data_dir)
    address = ray_address(pid) if pid is not None else None
    if address is None:
        typer.secho(
            f"Convonet does not run on the data in {settings.data_dir}; set CONVONET_DATA_DIR, or RAY_ADDRESS for a "
            "cluster",
            fg="red",
            err=True,
        )
        raise SystemExit(1)
    flags = LOCAL_RAY | (LOOPBACK_NODE if settings.host in LOOPBACK else {})
    if not flags.keys() <= os.environ.keys():
        # Ray reads them while it is imported
        os.execve(sys.executable, [sys.executable, "-m", "deployments.drain"], {**flags, **os.environ})  # noqa: S606
    return address


def _ask_all() -> int:
    """Ask until every running replica has been; a new handle may not know all of them at once.

    Raises `TimeoutError` with a sentence when one could not be asked.
    """
    handle, before = serve.get_app_handle("voice"), time.time()
    count, asked = 0, 0
    while time.time() < before + TIMEOUT_S:
        running = serve.status().applications["voice"].deployments["Voice"].replica_states.get(ReplicaState.RUNNING, 0)
        answers = handle.broadcast("drain", before).results(timeout_s=TIMEOUT_S)
        count, asked = count + int(sum(answers)), len(answers)
        if asked >= running > 0:
            return count
        time.sleep(0.2)
    raise TimeoutError(f"{asked} of {running} voice replicas answered within {TIMEOUT_S:.0f} s; run this again")


if __name__ == "__main__":
    main()
