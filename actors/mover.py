"""Moves one caller to another connection at a moment when nobody speaks: their page is asked to connect anew.

One mechanism serves an operator's drain, a replica that stops, the end of a socket's life and a cluster that was
replaced. Where the caller comes back to, the session is found again.

    state    event                            next     what happens
    -------  -------------------------------  -------  --------------------------------------------------
    RESTING  begin                            WAITING  it looks again and again whether somebody speaks
    WAITING  begin                            WAITING  the sooner deadline counts
    WAITING  silence, or the deadline         ASKED    the page is asked to connect anew
    any      another socket, none, or the end RESTING  whoever waits for the move goes on
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import StrEnum

from convonet.core.background import BackgroundTasks

SILENCE_S = 0.4
"""A silence is so long: less is the breath between an answer and what the caller says to it."""

CHECK_INTERVAL_S = 0.1

MAX_RINGING_S = 5.0
"""Of a caller for whom a desk may ring at any moment: a hand-over that nobody follows for 15 s is over."""


class Activity(StrEnum):
    """What a caller's session does now."""

    SILENT = "silent"
    SPEAKING = "speaking"
    """The caller speaks, is answered, or still hears the answer."""
    WAITING_FOR_HUMAN = "waiting_for_human"
    """No turn is in progress, and a desk is to ring or rings."""
    TALKING_WITH_HUMAN = "talking_with_human"


class Mover:
    """The move of one session's caller; every method returns at once."""

    def __init__(
        self, *, activity: Callable[[], Activity], awaits_human: Callable[[], bool], ask: Callable[[], None]
    ) -> None:
        """`ask` sends the page away; `awaits_human` tells whether a desk may ring for this caller."""
        self._activity = activity
        self._is_waited_for = awaits_human
        self._ask = ask
        self._deadline = 0.0
        self._with_talks = False
        self._moved: asyncio.Future[None] | None = None
        self._tasks = BackgroundTasks()

    @property
    def is_pending(self) -> bool:
        """Whether the caller is to be moved and has not gone yet."""
        return self._moved is not None

    def start_move(self, within_s: float, *, with_talks: bool) -> asyncio.Future[None]:
        """Move the caller at the next silence, after `within_s` seconds in any case.

        Args:
            within_s: How long a caller who never falls silent may stay.
            with_talks: Whether that holds for a talk with a human too, which is left alone otherwise.

        Returns:
            What is done when the caller's socket has gone.
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
        """The caller's socket has gone, another one is attached, or the session has ended."""
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
            if not self._is_waited_for():
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
