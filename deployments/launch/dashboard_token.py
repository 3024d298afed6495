"""A step: tells the token with which one may look at Ray's dashboard, from wherever Ray itself reads it."""

from __future__ import annotations

from typing import Any

from deployments.launch.errors import LaunchError
from deployments.launch.steps import run_step


def dashboard_token() -> str:
    """The token of RAY_AUTH_TOKEN, of the file RAY_AUTH_TOKEN_PATH, or of ~/.ray/auth_token, in this order."""
    from ray import _raylet

    # the stubs do not have it
    loader: Any = _raylet.AuthenticationTokenLoader.instance()  # type: ignore[attr-defined]
    token: str | None = loader.get_raw_token(ignore_auth_mode=True)
    if not token:
        raise LaunchError("Ray has no token, though it asks for one")
    return token


if __name__ == "__main__":
    run_step(dashboard_token)
