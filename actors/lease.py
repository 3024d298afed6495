"""One session's hold on its checkpoint: keeps it current, and knows whether a newer copy lives elsewhere.

A session's process may be frozen or cut off and wake up when another one has taken its caller over. So a copy confirms
its epoch before it does what can't be taken back, unless it has done so a moment ago; each process confirms all its
sessions once a second in one go (see `session_registry`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import structlog

from convonet.core.background import BackgroundTasks
from convonet.core.errors import Fenced, StorageError
from convonet.core.ids import SessionId
from convonet.storage.checkpoints import CheckpointStore

log = structlog.get_logger(__name__)

CONFIRMATION_TTL_S = 2.0
"""A confirmation that is older proves nothing: a lost caller is back on another process within two seconds."""

SAVE_DELAY_S = 0.001
"""What a turn does next, and its caller waits for, goes before the checkpoint. The checkpoint goes before what the
caller is told of it (`convonet.sessions.outbox.TEXT_DELAY_S`)."""

STORE_TIMEOUT_S = 0.25
"""A store that works answers in a millisecond; a caller's turn waits for one that hangs no longer than this."""


class Lease:
    """The hold of one copy. Saving runs in the context of whoever asks for it: the session."""

    def __init__(
        self,
        session_id: SessionId,
        epoch: int,
        store: CheckpointStore,
        *,
        body: Callable[[], bytes],
        ttl_s: float,
        lease_s: float,
        on_claimed: Callable[[], None],
    ) -> None:
        """`body` makes the checkpoint; `on_claimed` is called once, when a newer copy was found to exist."""
        self.session_id = session_id
        self.epoch = epoch
        self._store = store
        self._body = body
        self._ttl_s = ttl_s
        self._lease_s = lease_s
        self._on_claimed = on_claimed
        self._confirmed_at = asyncio.get_running_loop().time()
        self._unknown_until = 0.0
        self._is_saving = False
        self._changed = False
        self._unsaved = False
        self._is_over = False
        self._tasks = BackgroundTasks()
        self.is_claimed = False

    # -- keeping the checkpoint current

    def save(self) -> None:
        """Save the checkpoint in the background; changes that come while it is being saved are saved after it."""
        self._changed = True
        if not self._is_saving and not self.is_claimed and not self._is_over:
            self._is_saving = True
            self._tasks.spawn(self._save_all())

    async def wait_saved(self) -> None:
        """Wait until all that was to be saved or done is."""
        await self._tasks.wait_all()

    async def _save_all(self) -> None:
        try:
            await asyncio.sleep(SAVE_DELAY_S)
            while self._changed and not self.is_claimed and not self._is_over:
                self._changed = False
                await self._save_once()
        except Exception:
            # the top of a task whose result nobody reads
            log.exception("checkpoint_crashed", session_id=self.session_id)
        finally:
            self._is_saving = False

    async def _save_once(self) -> None:
        asked_at = asyncio.get_running_loop().time()
        try:
            await self._store.save(self.session_id, self.epoch, self._body(), self._ttl_s, lease_s=self._lease_s)
        except Fenced:
            if not self._is_over:
                self.mark_claimed()
        except StorageError as error:
            # the caller talks on without a safety net; it is tried again as soon as the store answers
            self._unsaved = True
            log.warning("checkpoint_failed", session_id=self.session_id, error=str(error))
        else:
            self._unsaved = False
            self.mark_confirmed(asked_at)

    async def delete(self) -> None:
        """The session has ended. Raises `Fenced` and `StorageError`."""
        self._is_over = True
        try:
            await self._store.delete(self.session_id, self.epoch)
        except Fenced:
            self._is_over = False
            self.mark_claimed()
            raise

    # -- holding it

    def mark_confirmed(self, asked_at: float) -> None:
        """The store was asked at that time of the loop's clock, and knew of no newer copy."""
        self._confirmed_at = max(asked_at, self._confirmed_at)
        if self._unsaved:
            self.save()

    def mark_missing(self) -> None:
        """The store has lost the checkpoint."""
        self.save()

    def mark_claimed(self) -> None:
        """A newer copy exists: this one must stop. What this one has ended looks like that too."""
        if not self.is_claimed and not self._is_over:
            self.is_claimed = True
            self._on_claimed()

    async def confirm(self, *, ask: bool = False) -> None:
        """Make sure that no newer copy exists; with `ask` the store is asked in any case.

        Raises `Fenced`, and `StorageError` while nobody can tell.
        """
        if self.is_claimed:
            raise Fenced(f"epoch {self.epoch} was claimed")
        asked_at = asyncio.get_running_loop().time()
        if self._is_over or (not ask and asked_at - self._confirmed_at < CONFIRMATION_TTL_S):
            return
        held = await self._store.hold({self.session_id: self.epoch}, self._lease_s)
        if self.session_id in held.claimed:
            self.mark_claimed()
            raise Fenced(f"epoch {self.epoch} was claimed")
        self.mark_confirmed(asked_at)

    async def confirm_if_reachable(self, *, ask: bool = False) -> None:
        """The same for what may go on while the store is down: only a newer copy that is known of stops it."""
        if asyncio.get_running_loop().time() < self._unknown_until:
            return
        try:
            async with asyncio.timeout(STORE_TIMEOUT_S):
                await self.confirm(ask=ask)
        except Fenced:
            raise
        except (StorageError, TimeoutError) as error:
            # or else each turn would wait for a store that hangs
            self._unknown_until = asyncio.get_running_loop().time() + CONFIRMATION_TTL_S
            log.warning("epoch_unconfirmed", session_id=self.session_id, error=str(error))

    def run_when_confirmed(self, act: Callable[[], None]) -> None:
        """Do it now if the epoch was confirmed a moment ago, else after it was; never when a newer copy exists."""
        if self.is_claimed:
            return
        if self._is_over or asyncio.get_running_loop().time() - self._confirmed_at < CONFIRMATION_TTL_S:
            act()
        else:
            self._tasks.spawn(self._confirm_and(act))

    async def _confirm_and(self, act: Callable[[], None]) -> None:
        with contextlib.suppress(Fenced):
            await self.confirm_if_reachable()
            act()
