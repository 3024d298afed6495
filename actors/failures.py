"""Restores errors that crossed a process boundary to what they were when they were raised.

Ray wraps what an actor raises in a `RayTaskError`. Over gRPC it arrives unwrapped, even a cancellation.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager

import grpc
from ray.exceptions import RayError, RayTaskError
from ray.serve.exceptions import RayServeException

from convonet.core.errors import ConvonetError


@contextmanager
def remote_errors(
    kind: type[ConvonetError], who: str, away: type[ConvonetError] | None = None
) -> Generator[None, None, None]:
    """Let our own errors through as they were raised; turn any other failure of the other process into `kind`.

    When the other process can't be reached or has died, raise `away` instead, if given. The other process's own message
    stays in its log, since it may quote a caller.
    """
    try:
        yield
    except ConvonetError:
        raise
    except asyncio.CancelledError as error:
        if (task := asyncio.current_task()) is not None and task.cancelling():
            raise
        raise kind(f"{who} cancelled the call") from error
    except RayTaskError as error:
        if isinstance(error.cause, ConvonetError):
            raise error.cause from None
        raise kind(f"{who} crashed: {type(error.cause).__name__}") from error
    except (RayError, RayServeException, grpc.RpcError) as error:
        raise (away or kind)(f"{who} is away: {type(error).__name__}") from error
    except Exception as error:
        raise kind(f"{who} crashed: {type(error).__name__}") from error
