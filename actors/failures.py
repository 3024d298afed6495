"""Errors that crossed a process border, as what they were before.

Ray wraps what an actor raises into a `RayTaskError`; over gRPC it may arrive as it is.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from ray.exceptions import RayError, RayTaskError
from ray.serve.exceptions import RayServeException

from convonet.errors import ConvonetError


@contextmanager
def remote_errors(kind: type[ConvonetError], who: str) -> Generator[None, None, None]:
    """Let our own errors through as they were raised; turn every failure of Ray itself into `kind`."""
    try:
        yield
    except RayTaskError as error:
        if isinstance(error.cause, ConvonetError):
            raise error.cause from None
        raise kind(f"{who} crashed: {error.cause!r}") from error
    except (RayError, RayServeException) as error:
        raise kind(f"{who} is away: {type(error).__name__}") from error
