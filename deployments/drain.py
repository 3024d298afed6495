"""`python -m deployments.drain`: asks every client to connect anew, so that they spread over new replicas."""

import logging

import ray
import typer
from ray import serve

TIMEOUT_S = 10.0
"""All sockets of a replica are written to within milliseconds."""


def main() -> None:
    """Connect to the Ray of this machine, or of RAY_ADDRESS, and send `reconnect` to all clients."""
    ray.init(address="auto", namespace="convonet", log_to_driver=False, logging_level=logging.ERROR)
    asked = serve.get_app_handle("voice").broadcast("drain").results(timeout_s=TIMEOUT_S)
    count = sum(asked)
    typer.echo(f"Asked {count} client{'s' if count != 1 else ''} to resume.")


if __name__ == "__main__":
    main()
