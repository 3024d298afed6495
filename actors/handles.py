"""Handles to the deployments: how what we send through them is put into bytes is decided here."""

from __future__ import annotations

from functools import cache
from typing import Any

from ray import serve
from ray.serve.handle import DeploymentHandle


@cache
def handle_to(deployment: str, application: str) -> DeploymentHandle[Any]:
    """The deployment, which may not exist yet: all applications are deployed at the same time.

    One for each process and its event loop, in which this has to be called.
    """
    handle = serve.get_deployment_handle(deployment, application, _check_exists=False)
    # cloudpickle, which Serve takes by itself, asks Python about every object and is for code: we send data
    return handle.options(request_serialization="pickle", response_serialization="pickle")
