"""Moves a caller to another connection at a moment when nobody speaks, by asking their page to reconnect.

Used by the `SessionActor` for an operator's drain, a replica that stops, the end of a socket's life and a cluster that
was replaced. The session is resumed wherever the caller reconnects.

    state    event                            next     what happens
    -------  -------------------------------  -------  --------------------------------------------------
    IDLE     start_move                       WAITING  checks repeatedly whether somebody speaks
    WAITING  start_move                       WAITING  the earlier deadline counts
    WAITING  silence, or the deadline         ASKED    the page is asked to reconnect
    any      socket replaced, closed, or end  IDLE     the future of the move is done
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import StrEnum

from convonet.core.background import BackgroundTasks

SILENCE_S = 0.4
"""Minimum length of a silence; a shorter one is the pause between an answer and the caller's reply."""

CHECK_INTERVAL_S = 0.1

MAX_RINGING_S = 5.0
"""A caller for whom a desk may ring is moved by then: a hand-over that nobody follows ends after 15 s."""


class Activity(StrEnum):
    """The activity of a session, as far as it matters for a move."""

    SILENT = "silent"
    SPEAKING = "speaking"
    """The caller is speaking, being answered or hearing the answer."""
    WAITING_FOR_HUMAN = "waiting_for_human"
    """No turn is in progress, and a desk rings or will ring."""
    TALKING_WITH_HUMAN = "talking_with_human"


class Mover:
    """Moves the caller of one session. Every method returns at once."""

    def __init__(
        self, *, activity: Callable[[], Activity], awaits_human: Callable[[], bool], ask: Callable[[], None]
    ) -> None:
        """`ask` asks the page to reconnect; `awaits_human` tells whether a desk may ring for this caller."""
        self._activity = activity
        self._awaits_human = awaits_human
        self._ask = ask
        self._deadline = 0.0
        self._with_talks = False
        self._moved: asyncio.Future[None] | None = None
        self._tasks = BackgroundTasks()

    @property
    def is_pending(self) -> bool:
        """True if a move has started and the caller is still connected."""
        return self._moved is not None

    def start_move(self, within_s: float, *, with_talks: bool) -> asyncio.Future[None]:
        """Move the caller at the next silence, or after `within_s` seconds.

        Args:
            within_s: Deadline for a caller who never falls silent.
            with_talks: Whether the deadline also ends a talk with a human.

        Returns:
            A future that is done when the caller's socket is closed.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + within_s
        if self._moved is None:
            self._moved = loop.create_future()
            self._deadline, self._with_talks = deadline, with_talks
            self._tasks.spawn(self._wait_and_ask(), own_context=True)
        else:
            self._deadline = min(self._deadline, deadline)
            self._with_talks = self._with_talks or with_talks
        return self._moved

    def end_move(self) -> None:
        """End the move: the socket was closed or replaced, or the session has ended."""
        moved, self._moved = self._moved, None
        self._tasks.cancel_all()
        if moved is not None and not moved.done():
            moved.set_result(None)

    async def _wait_and_ask(self) -> None:
        loop = asyncio.get_running_loop()
        spoke_at = waited_since = loop.time()
        while True:
            now, activity = loop.time(), self._activity()
            if activity is not Activity.SILENT:
                spoke_at = now
            if not self._awaits_human():
                waited_since = now
            is_due = now >= self._deadline or now - waited_since >= MAX_RINGING_S
            if self._may_go(activity, is_due=is_due, silent_s=now - spoke_at):
                self._ask()
                return
            await asyncio.sleep(CHECK_INTERVAL_S)

    def _may_go(self, activity: Activity, *, is_due: bool, silent_s: float) -> bool:
        match activity:
            case Activity.TALKING_WITH_HUMAN:
                return self._with_talks and is_due
            case Activity.WAITING_FOR_HUMAN:
                return True
        return is_due or silent_s >= SILENCE_S
