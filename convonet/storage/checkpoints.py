"""The protocol of checkpoint stores, which keep sessions so that another replica can resume them.

Each holder of a session has an epoch. `claim` returns the next one, and from then on all older holders are fenced: they
can neither save nor delete. Ending a session removes its body but leaves its epoch until it expires, so that a late
save can't restore the session.

A holder may also have a lease, which it renews with `hold`. A session with an expired lease is abandoned: its holder
died and its caller did not come back. Any replica may claim it to end it in good order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from convonet.core.errors import Fenced, StorageError
from convonet.core.ids import SessionId
from convonet.settings.storage import StorageSettings

MAX_BODY_BYTES = 1_000_000
"""A checkpoint is a conversation of some 10 kB; a much larger one is a bug that must not fill the store."""

GRACE_AFTER_LEASE_S = 300.0
"""A session outlives its lease by this grace period, whatever its time to live, so that a sweep can still end it with
its record and its hand-over. Replicas end a few sessions a second; the loss of a machine may leave a thousand."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A session as last saved, and the epoch of its new holder."""

    session_id: SessionId
    epoch: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Held:
    """The sessions that a `hold` could not confirm."""

    claimed: frozenset[SessionId] = frozenset()
    """They have a newer epoch or have ended: this holder must stop."""
    missing: frozenset[SessionId] = frozenset()
    """The store does not have them (emptied, evicted, expired): their holder should save them again."""


class CheckpointStore(Protocol):
    """A store of checkpoints. Every method raises `StorageError` when it is down or does not answer in time."""

    async def save(
        self, session_id: SessionId, epoch: int, body: bytes, ttl_s: float, *, lease_s: float | None = None
    ) -> None:
        """Save a session.

        Args:
            session_id: The session.
            epoch: The holder's epoch; a store without the session takes any.
            body: The session's state, at most `MAX_BODY_BYTES`.
            ttl_s: Time to live in seconds; extended for the lease if need be.
            lease_s: Seconds without another `save` or `hold` until the session is abandoned; None for never.

        Raises:
            Fenced: A newer epoch exists, or the session has ended.
        """
        ...

    async def claim(
        self, session_id: SessionId, *, lease_s: float | None = None, only_abandoned: bool = False
    ) -> Checkpoint | None:
        """Take a session over with a new epoch and lease.

        Args:
            session_id: The session.
            lease_s: See `save`.
            only_abandoned: Claim it only if its lease has expired. Since it was found abandoned, its caller may have
                come back, or another replica may be ending it.

        Returns:
            The checkpoint; None when there is none to claim.
        """
        ...

    async def delete(self, session_id: SessionId, epoch: int) -> None:
        """End the session; a second time does nothing. Raises `Fenced` when a newer epoch exists or has ended it.

        So when several replicas claim a session to end it, only one succeeds.
        """
        ...

    async def hold(self, held: Mapping[SessionId, int], lease_s: float) -> Held:
        """Confirm that these sessions are still held with these epochs, and renew their leases.

        Sessions with a lease do not expire. A session counts as missing when the store has only an older epoch of it:
        the store was emptied, and an old holder was the first to save again. The next save fences that holder.
        """
        ...

    async def abandoned(self, limit: int) -> list[SessionId]:
        """List at most `limit` sessions that have not ended and whose lease has expired, the oldest first."""
        ...

    async def ping(self) -> None:
        """Raise `StorageError` unless the store can be written now; cheap."""
        ...


def checkpoint_store(settings: StorageSettings) -> CheckpointStore:
    """Create the store that all replicas share: Redis when REDIS_URL is set, else a file of the data folder."""
    # imported here: without Redis a process saves the import of its client, a tenth of a second
    if settings.redis_url:
        from convonet.storage.checkpoints_redis import RedisCheckpoints

        return RedisCheckpoints(settings.redis_url.get_secret_value())
    from convonet.storage.checkpoints_sqlite import SqliteCheckpoints

    return SqliteCheckpoints.in_folder(settings.data_dir)


def require_valid_size(body: bytes) -> None:
    """Raise `StorageError` for a body of more than `MAX_BODY_BYTES`."""
    if len(body) > MAX_BODY_BYTES:
        raise StorageError(f"checkpoint of {len(body)} bytes")


def fenced(epoch: int) -> Fenced:
    """Create the error for a holder with an old epoch."""
    return Fenced(f"epoch {epoch} is over")
