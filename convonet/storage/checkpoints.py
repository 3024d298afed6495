"""Where sessions are kept between turns, so that another replica can take them up: the protocol, and who keeps it.

Each holder of a session has an epoch. `claim` gives the next one, and from then on every older holder is fenced off: it
can neither save nor delete. Ending a session removes its body but leaves its epoch for the rest of its time, so that a
late save can't bring it back to life.

A holder may also have a lease, which it renews with `hold`. A session whose lease is over is abandoned: its holder
died, nobody came back for it, and whoever finds it may claim it to end it in good order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from convonet.core.errors import Fenced, StorageError
from convonet.core.ids import SessionId
from convonet.settings.storage import StorageSettings

MAX_BODY_BYTES = 1_000_000
"""A session's checkpoint is its conversation, some 10 kB; far more is a fault that must not fill the store."""

KEPT_AFTER_LEASE_S = 300.0
"""A session is kept for so much longer than its lease, whatever its time to live, so that a sweep can still end it with
its record and its hand-over. Replicas end a few of them a second; the loss of a machine may leave a thousand."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A session as it was saved last, and the epoch under which its reader may go on."""

    session_id: SessionId
    epoch: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Held:
    """What became of sessions since their holder asked last."""

    claimed: frozenset[SessionId] = frozenset()
    """A newer epoch exists, or somebody has ended them: this holder must stop."""
    missing: frozenset[SessionId] = frozenset()
    """The store has lost them (emptied, evicted, expired): their holder should save them again."""


class CheckpointStore(Protocol):
    """Keeps checkpoints. Every method raises `StorageError` when the store is down or does not answer in time."""

    async def save(
        self, session_id: SessionId, epoch: int, body: bytes, ttl_s: float, *, lease_s: float | None = None
    ) -> None:
        """Keep `body` for `ttl_s` seconds.

        Args:
            session_id: Whose it is.
            epoch: The holder's; any epoch is taken by a store that knows nothing of the session.
            body: At most `MAX_BODY_BYTES`.
            ttl_s: For how long it may be claimed; a lease makes it longer if need be.
            lease_s: After so many seconds without another `save` or `hold` it is abandoned; None: it never is.

        Raises:
            Fenced: A newer epoch exists, or the session has ended.
        """
        ...

    async def claim(
        self, session_id: SessionId, *, lease_s: float | None = None, only_abandoned: bool = False
    ) -> Checkpoint | None:
        """Take the session over under a new epoch and lease; None when there is none (any more).

        With `only_abandoned` None too when its lease is not over: since it was found abandoned its caller may have come
        back, or somebody else may be about to end it.
        """
        ...

    async def delete(self, session_id: SessionId, epoch: int) -> None:
        """End the session; again does nothing. Raises `Fenced` when a newer epoch exists, or has ended it.

        So of several who have claimed it to end it, one alone gets here without an error.
        """
        ...

    async def hold(self, held: Mapping[SessionId, int], lease_s: float) -> Held:
        """Confirm in one go that these sessions are still held under these epochs, and renew their leases.

        What is held does not expire.

        A session of which the store has only an older epoch is missing: the store was emptied, and an old holder was
        the first to save again. The next save of this one fences that off.
        """
        ...

    async def abandoned(self, most: int) -> list[SessionId]:
        """Sessions that have not ended and whose lease is over, longest first, at most so many."""
        ...

    async def ping(self) -> None:
        """Ask whether the store takes anything now; costs next to nothing."""
        ...


def checkpoint_store(settings: StorageSettings) -> CheckpointStore:
    """The store that all replicas share: Redis when REDIS_URL is set, else a file of the data folder."""
    # imported here: a process without Redis does without its client, a tenth of a second of imports
    if settings.redis_url:
        from convonet.storage.checkpoints_redis import RedisCheckpoints

        return RedisCheckpoints(settings.redis_url.get_secret_value())
    from convonet.storage.checkpoints_sqlite import SqliteCheckpoints

    return SqliteCheckpoints.in_folder(settings.data_dir)


def require_reasonable(body: bytes) -> None:
    """Raise `StorageError` for a body that no session has."""
    if len(body) > MAX_BODY_BYTES:
        raise StorageError(f"checkpoint of {len(body)} bytes")


def fenced(epoch: int) -> Fenced:
    """The error of a holder that has been overtaken."""
    return Fenced(f"epoch {epoch} is over")
