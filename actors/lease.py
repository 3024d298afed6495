"""A session's lease on its checkpoint: saves it, and detects a newer copy of the session in another process.

A process may freeze or lose its network, and resume when another process has taken over its caller. So a copy confirms
its epoch before anything irreversible, unless it did so a moment ago. Each process also confirms all its sessions once
a second (see `session_registry`).
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
"""An older confirmation proves nothing: within two seconds a caller may be back on another process."""

SAVE_DELAY_S = 0.001
"""Delay before a checkpoint is saved, so that the next step of the turn goes first. It is shorter than the delay of
messages to the caller (`convonet.sessions.outbox.TEXT_DELAY_S`)."""

STORE_TIMEOUT_S = 0.25
"""Limit for a turn's wait on a store that hangs; one that works answers in a millisecond."""


class Lease:
    """The lease of one copy of a session."""

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
        """`body` serializes the checkpoint. `on_claimed` is called once, when a newer copy is detected."""
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

    # -- saving the checkpoint

    def save(self) -> None:
        """Save the checkpoint in the background. Changes during a save are saved after it."""
        self._changed = True
        if not self._is_saving and not self.is_claimed and not self._is_over:
            self._is_saving = True
            self._tasks.spawn(self._save_all())

    async def wait_saved(self) -> None:
        """Wait until everything is saved and every confirmed action has run."""
        await self._tasks.wait_all()

    async def _save_all(self) -> None:
        try:
            await asyncio.sleep(SAVE_DELAY_S)
            while self._changed and not self.is_claimed and not self._is_over:
                self._changed = False
                await self._save_once()
        except Exception:
            # the top of a background task
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
            # the call goes on without a checkpoint, which is saved as soon as the store answers
            self._unsaved = True
            log.warning("checkpoint_failed", session_id=self.session_id, error=str(error))
        else:
            self._unsaved = False
            self.mark_confirmed(asked_at)

    async def delete(self) -> None:
        """Delete the checkpoint: the session has ended. Raises `Fenced` and `StorageError`."""
        self._is_over = True
        try:
            await self._store.delete(self.session_id, self.epoch)
        except Fenced:
            self._is_over = False
            self.mark_claimed()
            raise

    # -- confirming the epoch

    def mark_confirmed(self, asked_at: float) -> None:
        """Note that the store, asked at `asked_at` on the loop's clock, knew no newer copy."""
        self._confirmed_at = max(asked_at, self._confirmed_at)
        if self._unsaved:
            self.save()

    def mark_missing(self) -> None:
        """Save again: the store has lost the checkpoint."""
        self.save()

    def mark_claimed(self) -> None:
        """Note that a newer copy exists and this one must stop. Ignored after this copy's own `delete`."""
        if not self.is_claimed and not self._is_over:
            self.is_claimed = True
            self._on_claimed()

    async def confirm(self, *, ask: bool = False) -> None:
        """Make sure that no newer copy exists; with `ask` even after a recent confirmation.

        Raises `Fenced` when one exists, and `StorageError` when the store can't be asked.
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
        """Like `confirm`, for work that may go on while the store is down. Raises only `Fenced`."""
        if asyncio.get_running_loop().time() < self._unknown_until:
            return
        try:
            async with asyncio.timeout(STORE_TIMEOUT_S):
                await self.confirm(ask=ask)
        except Fenced:
            raise
        except (StorageError, TimeoutError) as error:
            # so that not every turn waits for a store that hangs
            self._unknown_until = asyncio.get_running_loop().time() + CONFIRMATION_TTL_S
            log.warning("epoch_unconfirmed", session_id=self.session_id, error=str(error))

    def run_when_confirmed(self, act: Callable[[], None]) -> None:
        """Run `act` once the epoch is confirmed, or while the store is down; never when a newer copy is known."""
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
