"""Handles to the other deployments, with the pickling that their messages need."""

from __future__ import annotations

from functools import cache
from typing import Any

from ray.serve.handle import DeploymentHandle

from deployments.ray_compat import deployment_handle


@cache
def handle_to(deployment: str, application: str) -> DeploymentHandle[Any]:
    """Return the handle of this process and its event loop; call it inside that loop.

    The deployment may not exist yet, since all applications are deployed at the same time.
    """
    # cloudpickle, Serve's default, asks Python about every object and is for code: we send data
    return deployment_handle(deployment, application).options(
        request_serialization="pickle", response_serialization="pickle"
    )
