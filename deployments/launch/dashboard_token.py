"""A step: prints the token that opens Ray's dashboard, from wherever Ray itself reads it."""

from __future__ import annotations

import contextlib
import io

from click import ClickException

from deployments.launch.errors import LaunchError
from deployments.launch.steps import run_step


def dashboard_token() -> str:
    """Return the token of RAY_AUTH_TOKEN, of the file RAY_AUTH_TOKEN_PATH, or of ~/.ray/auth_token, in this order."""
    from ray.scripts.scripts import cli

    with contextlib.redirect_stdout(io.StringIO()) as printed:
        try:
            cli(["get-auth-token"], standalone_mode=False)
        except ClickException:
            raise LaunchError("Ray has no token, though it asks for one") from None
    return printed.getvalue()


if __name__ == "__main__":
    run_step(dashboard_token)
