"""The store of a cluster without Redis: one named Ray actor that keeps checkpoints and counts PIN attempts.

It outlives the session hosts and so the loss of any of them; it does not outlive the loss of its own node, which is
what REDIS_URL is for.
"""

from __future__ import annotations

import asyncio
from typing import Any, Literal, cast

import ray
from ray.exceptions import RayActorError

from actors.failures import remote_errors
from actors.metrics import RaySink
from convonet.auth.throttle import LocalThrottle, PinThrottle, RedisThrottle
from convonet.errors import StorageError
from convonet.ids import SessionId
from convonet.metrics.recorder import metrics
from convonet.metrics.watch import Watch
from convonet.settings import Settings
from convonet.storage.checkpoints import Checkpoint, CheckpointStore, MemoryCheckpoints, RedisCheckpoints

_NAME = "convonet-store"
_NAMESPACE = "convonet"

CALL_TIMEOUT_S = 5.0
"""A call takes a millisecond; this is for an actor that is being restarted elsewhere."""


class _Store:
    """Runs inside the actor process; all methods are quick, so one event loop serves the cluster."""

    def __init__(self, settings: Settings) -> None:
        self._checkpoints = MemoryCheckpoints()
        self._watch: Watch | None = None
        self._throttles = {of: LocalThrottle(settings) for of in ("pin", "staff")}

    async def measure(self) -> None:
        """Watch this process from now on; asked for again it does nothing."""
        if self._watch is None:
            metrics.use(RaySink())
            self._watch = Watch(metrics, "store")

    async def ping(self) -> None:
        """Answer."""

    async def save(self, session_id: SessionId, epoch: int, body: bytes, ttl_s: float) -> None:
        await self._checkpoints.save(session_id, epoch, body, ttl_s)

    async def claim(self, session_id: SessionId) -> Checkpoint | None:
        return await self._checkpoints.claim(session_id)

    async def delete(self, session_id: SessionId, epoch: int) -> None:
        await self._checkpoints.delete(session_id, epoch)

    async def check(self, of: str, session_id: str, address: str) -> None:
        await self._throttles[of].check(session_id, address)

    async def failed(self, of: str, session_id: str, address: str) -> None:
        await self._throttles[of].failed(session_id, address)

    async def succeeded(self, of: str, session_id: str, address: str) -> None:
        await self._throttles[of].succeeded(session_id, address)


class _Remote:
    """The store actor, seen from another process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._actor = self._find()

    async def _call(self, method: str, *args: object) -> Any:
        with remote_errors(StorageError, "store actor"):
            try:
                async with asyncio.timeout(CALL_TIMEOUT_S):
                    return await getattr(self._actor, method).remote(*args)
            except RayActorError:
                self._actor = await asyncio.to_thread(self._find)
                raise

    async def ping(self) -> None:
        """Raises `StorageError` when the actor is away."""
        await self._call("ping")

    def _find(self) -> ray.actor.ActorHandle[_Store]:
        actor = ray.remote(_Store).options(
            name=_NAME, namespace=_NAMESPACE, lifetime="detached", get_if_exists=True, num_cpus=0, max_restarts=-1
        )
        store = cast("ray.actor.ActorHandle[_Store]", actor.remote(self._settings))
        store.measure.remote()
        return store


class RemoteCheckpoints(_Remote):
    """`CheckpointStore` on the store actor."""

    async def save(self, session_id: SessionId, epoch: int, body: bytes, ttl_s: float) -> None:
        """See `CheckpointStore.save`."""
        await self._call("save", session_id, epoch, body, ttl_s)

    async def claim(self, session_id: SessionId) -> Checkpoint | None:
        """See `CheckpointStore.claim`."""
        checkpoint: Checkpoint | None = await self._call("claim", session_id)
        return checkpoint

    async def delete(self, session_id: SessionId, epoch: int) -> None:
        """See `CheckpointStore.delete`."""
        await self._call("delete", session_id, epoch)


class RemoteThrottle(_Remote):
    """`PinThrottle` on the store actor."""

    def __init__(self, settings: Settings, of: str) -> None:
        super().__init__(settings)
        self._of = of

    async def check(self, session_id: str, address: str) -> None:
        """See `PinThrottle.check`."""
        await self._call("check", self._of, session_id, address)

    async def failed(self, session_id: str, address: str) -> None:
        """See `PinThrottle.failed`."""
        await self._call("failed", self._of, session_id, address)

    async def succeeded(self, session_id: str, address: str) -> None:
        """See `PinThrottle.succeeded`."""
        await self._call("succeeded", self._of, session_id, address)


def checkpoint_store(settings: Settings) -> CheckpointStore:
    """Redis when REDIS_URL is set, else the store actor."""
    if settings.redis_url:
        return RedisCheckpoints(settings.redis_url.get_secret_value())
    return RemoteCheckpoints(settings)


def throttle(settings: Settings, of: Literal["pin", "staff"]) -> PinThrottle:
    """The attempts of callers at PINs or of staff at passwords: in Redis when REDIS_URL is set, else in the actor.

    Each has a ledger of its own: who floods one must not keep people out of the other.
    """
    if settings.redis_url:
        return RedisThrottle(settings.redis_url.get_secret_value(), settings, of=of)
    return RemoteThrottle(settings, of)
