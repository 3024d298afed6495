"""The Redis connection pool of a process, and Lua scripts on it that raise our own errors.

Checkpoints, PIN attempts and records use it; it must answer or fail within seconds, since a caller waits.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import DataError, RedisError, ResponseError

from convonet.core.errors import StorageError, StorageRefused

SOCKET_TIMEOUT_S = 1.0
CALL_TIMEOUT_S = 2.0
"""Timeout of a whole call: connecting, a retry on a broken connection, loading the script."""
MAX_CONNECTIONS = 16
"""A script takes about 0.2 ms, so 16 serve tens of thousands of calls a second; more callers wait for a free one."""

PERMANENT_ERROR = re.compile(r"\bWRONGTYPE\b")
"""Errors that are due to the command and its key. All others may be due to Redis's own state, and be transient."""

UNREACHABLE = "Our records are out of reach right now. Please try again in a moment."


class Script(Protocol):
    """A registered script. Raises `StorageError` when Redis is down or hangs, `StorageRefused` for an invalid call."""

    async def __call__(self, keys: Sequence[str], args: Sequence[str | bytes | float]) -> object:
        """Run it atomically."""
        ...


@lru_cache(maxsize=4)
def redis_client(url: str) -> Redis:
    """Return this process's client of `url`, which connects on first use."""
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=MAX_CONNECTIONS,
        # a burst waits as long as a call may take; the socket's own timeout detects a Redis that hangs
        timeout=CALL_TIMEOUT_S,
        socket_timeout=SOCKET_TIMEOUT_S,
        socket_connect_timeout=SOCKET_TIMEOUT_S,
        socket_keepalive=True,
        # reopens a connection that an idle hour or a restart has broken; a hang is not retried
        retry=Retry(NoBackoff(), 1, supported_errors=(RedisConnectionError,)),
    )
    return Redis(connection_pool=pool)


async def ping(url: str) -> None:
    """Raise `StorageError` when Redis does not answer."""
    try:
        async with asyncio.timeout(CALL_TIMEOUT_S):
            await redis_client(url).ping()
    except (RedisError, OSError, TimeoutError) as error:
        raise _failure(error) from None


class ScriptRunner:
    """Registers Lua scripts with the client of `url`."""

    def __init__(self, url: str) -> None:
        self._client = redis_client(url)

    def register(self, text: str) -> Script:
        """Return the script as a coroutine function; Redis gets its text once and its hash afterwards."""
        script = self._client.register_script(text)

        async def run(keys: Sequence[str], args: Sequence[str | bytes | float]) -> object:
            try:
                async with asyncio.timeout(CALL_TIMEOUT_S):
                    return await script(keys=list(keys), args=list(args))
            except (RedisError, OSError, TimeoutError) as error:
                raise _failure(error) from None

        return run


def _failure(error: Exception) -> StorageError:
    # only the type: the text of a Redis error may hold its URL with the password
    if isinstance(error, DataError):
        return StorageRefused(f"redis refuses it: {type(error).__name__}")
    # the code comes first, but Redis 6 quotes a script's: "ERR Error running script (...): -OOM ..."
    if isinstance(error, ResponseError) and (code := PERMANENT_ERROR.search(f"{error.status_code} {error}")):
        return StorageRefused(f"redis refuses it: {code[0]}")
    return StorageError(f"redis: {type(error).__name__}", spoken=UNREACHABLE)
