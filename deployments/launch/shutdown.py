"""A step: stops the applications in order, so that replicas end their calls and write what they hold."""

from __future__ import annotations

import contextlib
import logging

import ray
from ray import serve
from ray.exceptions import RayError
from ray.serve.exceptions import RayServeException

from deployments.launch.steps import run_step
from deployments.ray_compat import SERVE_NAMESPACE

ANSWER_TIMEOUT_S = 2.0
"""All replicas are stopped after this time, whether they have answered or not."""


def shut_down(address: str) -> None:
    """Shut Serve down in the Ray at this address."""
    ray.init(address=address, namespace=SERVE_NAMESPACE, log_to_driver=False, logging_level=logging.ERROR)
    # callers can't be moved anywhere, so no replica should wait until nobody speaks
    with contextlib.suppress(RayServeException, RayError, TimeoutError):
        serve.get_app_handle("voice").broadcast("shorten_drain").results(timeout_s=ANSWER_TIMEOUT_S)
    serve.shutdown()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    run_step(shut_down)
