"""Whether the things that a turn needs are there, each by name, with its state and since when.

Probes ask every second and so do people: what was found a moment ago is told again, and questions that come while one
is being answered share its answer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypedDict

import structlog

from convonet.core.background import BackgroundTasks
from convonet.core.errors import ConvonetError

log = structlog.get_logger(__name__)

OK = "ok"

ANSWER_S = 2.0
"""A thing that is there answers within milliseconds; one that hangs must not hold up a probe for longer."""

FRESH_S = 1.0
"""How long a good state is told again without looking."""

FRESH_WHEN_BAD_S = 0.2
"""How long a bad one is: whoever waits for a start wants to know of its end."""


class PartHealth(TypedDict):
    """One thing. `since` is the time at which `state` began, as this process saw it; ISO 8601."""

    ok: bool
    needed: bool
    state: str
    since: str


@dataclass(frozen=True, slots=True)
class Check:
    """Looks at one thing; returns its state, `ok` or what is wrong with it in a word or two, or raises."""

    look: Callable[[], Awaitable[str]]
    needed: bool = True
    """Whether no turn can be served without it."""


class Health:
    """The state of all things that this process looks at."""

    def __init__(self, checks: Mapping[str, Check], clock: Callable[[], float] = time.time) -> None:
        self._checks = checks
        self._clock = clock
        self._told: dict[str, PartHealth] = {}
        self._tasks = BackgroundTasks()
        self._looking: asyncio.Task[None] | None = None
        self._looked_at = 0.0

    async def parts(self) -> dict[str, PartHealth]:
        """Every thing's state, at most a second old."""
        if not self._is_fresh():
            if self._looking is None or self._looking.done():
                self._looking = self._tasks.spawn(self._look(), own_context=True)
            # one who asks and goes away must not end it for the others
            await asyncio.shield(self._looking)
        return self._told

    def _is_fresh(self) -> bool:
        good = all(part["ok"] for part in self._told.values())
        return bool(self._told) and self._clock() - self._looked_at < (FRESH_S if good else FRESH_WHEN_BAD_S)

    async def _look(self) -> None:
        states = await asyncio.gather(*(_state(check) for check in self._checks.values()))
        now = self._clock()
        self._told = {
            name: self._health(name, check, state, now)
            for (name, check), state in zip(self._checks.items(), states, strict=True)
        }
        self._looked_at = now

    def _health(self, name: str, check: Check, state: str, now: float) -> PartHealth:
        before = self._told.get(name)
        since = before["since"] if before is not None and before["state"] == state else moment(now)
        return PartHealth(ok=state == OK, needed=check.needed, state=state, since=since)


def can_serve(parts: Mapping[str, PartHealth]) -> bool:
    """Whether a turn would be served."""
    return all(part["ok"] for part in parts.values() if part["needed"])


def moment(unix: float) -> str:
    """A time as people and programs read it."""
    return datetime.fromtimestamp(unix, UTC).isoformat(timespec="seconds")


async def _state(check: Check) -> str:
    try:
        async with asyncio.timeout(ANSWER_S):
            return await check.look()
    except TimeoutError:
        return "no answer"
    except ConvonetError:
        return "away"
    except Exception:
        # one fault of ours must not hide how the other parts are
        log.exception("health_check_crashed")
        return "failed"
