"""`python -m deployments.drain`: moves every caller to a new connection, so that they spread over new replicas."""

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

WITHIN_S = 120.0
"""A caller is moved at the next moment when nobody speaks, and after so long in any case."""

ANSWER_S = 10.0
"""What a replica needs beyond that, and longest time in which a new handle knows all replicas."""

OWN_LOOP = {"RAY_SERVE_RUN_ROUTER_IN_SEPARATE_LOOP": "1"}
"""This command has no event loop. A pod has the flags of ray.env, with which Serve would look for one and fail."""


def main() -> None:
    """Connect to the Ray of `make run` on this data folder, or of RAY_ADDRESS, and move all callers there."""
    settings = get_settings()
    address = os.environ.get("RAY_ADDRESS") or _own_address(settings)
    _require(OWN_LOOP)
    ray.init(address=address, namespace="convonet", log_to_driver=False, logging_level=logging.ERROR)
    try:
        moved, stayed = _move_all()
    except TimeoutError as error:
        typer.secho(f"Not every caller was moved: {error}", fg="red", err=True)
        raise SystemExit(1) from None
    typer.echo(f"Moved {moved} caller{'s' if moved != 1 else ''}.")
    if stayed:
        typer.echo(f"{stayed} talk{'s' if stayed == 1 else ''} with a human and stay{'s' if stayed == 1 else ''}.")


def _own_address(settings: Settings) -> str:
    # never Ray's "auto": that is whichever Ray of this machine it finds first
    pid = running_instance(settings.storage.data_dir)
    address = ray_address(pid) if pid is not None else None
    if address is None:
        typer.secho(
            f"Convonet does not run on the data in {settings.storage.data_dir}; set CONVONET_DATA_DIR, or RAY_ADDRESS "
            "for a cluster",
            fg="red",
            err=True,
        )
        raise SystemExit(1)
    flags = LOCAL_RAY | (LOOPBACK_NODE if settings.server.host in LOOPBACK else {})
    _require(flags)
    return address


def _require(flags: dict[str, str]) -> None:
    """Begin anew with these in the environment, unless they are: Ray reads them while it is imported."""
    if not flags.keys() <= os.environ.keys():
        os.execve(sys.executable, [sys.executable, "-m", "deployments.drain"], {**flags, **os.environ})  # noqa: S606


def _move_all() -> tuple[int, int]:
    """Ask until every running replica has moved its callers; a new handle may not know all of them at once.

    Returns how many were moved, and how many stay. Raises `TimeoutError` with a sentence when a replica is silent.
    """
    handle, before = serve.get_app_handle("voice"), time.time()
    moved, asked, known_by = 0, 0, before + ANSWER_S
    while True:
        running = serve.status().applications["voice"].deployments["Voice"].replica_states.get(ReplicaState.RUNNING, 0)
        asked_at = time.time()
        answers = handle.broadcast("move_callers", before, WITHIN_S).results(timeout_s=WITHIN_S + ANSWER_S)
        known_by += time.time() - asked_at
        moved, asked = moved + sum(answer.moved for answer in answers), len(answers)
        if asked >= running > 0:
            return moved, sum(answer.stayed for answer in answers)
        if time.time() > known_by:
            raise TimeoutError(f"{asked} of {running} voice replicas answered; run this again")
        time.sleep(0.2)


if __name__ == "__main__":
    main()
