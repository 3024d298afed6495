"""A step: ends the applications in order, so that replicas say good-bye to their callers and write what they hold."""

from __future__ import annotations

import logging

import ray
from ray import serve
from ray.serve._private.constants import SERVE_NAMESPACE

from deployments.launch.steps import run_step


def shut_down(address: str) -> None:
    """Shut Serve down in the Ray at this address."""
    ray.init(address=address, namespace=SERVE_NAMESPACE, log_to_driver=False, logging_level=logging.ERROR)
    serve.shutdown()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    run_step(shut_down)
