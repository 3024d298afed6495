"""`python -m deployments.drain`: moves every caller to a new connection, so that callers spread over new replicas."""

import logging
import os
import sys
import time

import ray
import typer
from ray import serve

from convonet.settings import Settings, get_settings
from deployments.launch.lock import running_instance
from deployments.launch.processes import ray_address
from deployments.launch.product import LOCAL_RAY, LOOPBACK, LOOPBACK_NODE, SEPARATE_LOOP

WITHIN_S = 120.0
"""A caller is moved at the next moment when nobody speaks, and after this time in any case."""

ANSWER_TIMEOUT_S = 10.0
"""Additional time for a replica's answer, and for a new handle to discover all replicas."""


def main() -> None:
    """Move all callers of the Ray at RAY_ADDRESS, or of the one that `make run` started on this data folder."""
    settings = get_settings()
    address = os.environ.get("RAY_ADDRESS") or _own_address(settings)
    _require(SEPARATE_LOOP)
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
    # never Ray's "auto", which takes the first Ray that it finds on this machine
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
    """Restart this process with the flags unless they are set: Ray reads them when it is imported."""
    if not flags.keys() <= os.environ.keys():
        os.execve(sys.executable, [sys.executable, "-m", "deployments.drain"], {**flags, **os.environ})  # noqa: S606


def _move_all() -> tuple[int, int]:
    """Move the callers of all running replicas, which a new handle may not know at once.

    Returns:
        The number of callers who were moved, and of those who stay.

    Raises:
        TimeoutError: a replica does not answer.
    """
    handle, before = serve.get_app_handle("voice"), time.time()
    moved, deadline = 0, before + ANSWER_TIMEOUT_S
    while True:
        states = serve.status().applications["voice"].deployments["Voice"].replica_states
        running = sum(count for state, count in states.items() if state == "RUNNING")
        asked_at = time.time()
        answers = handle.broadcast("move_callers", before, WITHIN_S).results(timeout_s=WITHIN_S + ANSWER_TIMEOUT_S)
        deadline += time.time() - asked_at
        moved += sum(answer.moved for answer in answers)
        if len(answers) >= running > 0:
            return moved, sum(answer.stayed for answer in answers)
        if time.time() > deadline:
            raise TimeoutError(f"{len(answers)} of {running} voice replicas answered; run this again")
        time.sleep(0.2)


if __name__ == "__main__":
    main()
