"""The steps of starting and stopping the product, each a module that is run with `python -m` and calls `run_step`.

The launcher lives as long as the product. What a step imports (Ray, the database: 60 to 140 MB) is freed when its
process ends.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from convonet.core.errors import ConvonetError
from deployments.launch.errors import LaunchError

ROOT = Path(__file__).parents[2]


def command(step: str, *arguments: str) -> list[str]:
    """Return the command line of a step, a module beside this one."""
    return [sys.executable, "-m", f"{__package__}.{step}", *arguments]


def result_of(step: str, *arguments: str) -> str:
    """Run a step and return its output. Raises `LaunchError` with its error message."""
    done = subprocess.run(
        command(step, *arguments),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        # Ctrl-C is meant for the launcher, which ends its steps
        start_new_session=True,
    )
    if done.returncode:
        raise LaunchError(done.stderr.strip())
    return done.stdout.strip()


def run_step(step: Callable[..., str | None]) -> None:
    """Run this process's step; print its result, or one of our errors as a sentence instead of a traceback."""
    try:
        result = step(*sys.argv[1:])
    except ConvonetError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(1) from None
    if result is not None:
        sys.stdout.write(f"{result}\n")
