"""Health of the components that a turn needs, by name, with each one's state and the time since it has it.

/ready and the pages ask for it. Load balancers ask every second and so do people: a recent result is returned again,
and requests that come during a check share its result.
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

CHECK_TIMEOUT_S = 2.0
"""A working component answers within milliseconds; one that hangs must not hold up a probe for longer."""

HEALTHY_TTL_S = 1.0
"""Time for which a good result is returned again without another check."""

UNHEALTHY_TTL_S = 0.2
"""The same for a bad result; it is short because whoever waits for a start wants to know of its end."""


class ComponentHealth(TypedDict):
    """State of one component. `since` is the time at which `state` began, as this process saw it; ISO 8601."""

    ok: bool
    needed: bool
    state: str
    since: str


@dataclass(frozen=True, slots=True)
class Check:
    """A check of one component."""

    look: Callable[[], Awaitable[str]]
    """Returns `ok`, or the fault in a word or two; may raise too."""
    needed: bool = True
    """Whether turns can't be served without it."""


class Health:
    """Health of all components that this process checks."""

    def __init__(self, checks: Mapping[str, Check], clock: Callable[[], float] = time.time) -> None:
        self._checks = checks
        self._clock = clock
        self._components: dict[str, ComponentHealth] = {}
        self._tasks = BackgroundTasks()
        self._looking: asyncio.Task[None] | None = None
        self._looked_at = 0.0

    async def components(self) -> dict[str, ComponentHealth]:
        """Return each component's state, at most a second old."""
        if not self._is_fresh():
            if self._looking is None or self._looking.done():
                self._looking = self._tasks.spawn(self._look(), own_context=True)
            # a request that is cancelled must not end the check for the others
            await asyncio.shield(self._looking)
        return self._components

    def _is_fresh(self) -> bool:
        healthy = all(component["ok"] for component in self._components.values())
        ttl_s = HEALTHY_TTL_S if healthy else UNHEALTHY_TTL_S
        return bool(self._components) and self._clock() - self._looked_at < ttl_s

    async def _look(self) -> None:
        states = await asyncio.gather(*(_state(check) for check in self._checks.values()))
        now = self._clock()
        self._components = {
            name: self._health(name, check, state, now)
            for (name, check), state in zip(self._checks.items(), states, strict=True)
        }
        self._looked_at = now

    def _health(self, name: str, check: Check, state: str, now: float) -> ComponentHealth:
        before = self._components.get(name)
        since = before["since"] if before is not None and before["state"] == state else iso_time(now)
        return ComponentHealth(ok=state == OK, needed=check.needed, state=state, since=since)


def can_serve(components: Mapping[str, ComponentHealth]) -> bool:
    """Return whether turns can be served: all needed components are healthy."""
    return all(component["ok"] for component in components.values() if component["needed"])


def iso_time(unix: float) -> str:
    """Format a Unix time as ISO 8601 in UTC."""
    return datetime.fromtimestamp(unix, UTC).isoformat(timespec="seconds")


async def _state(check: Check) -> str:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            return await check.look()
    except TimeoutError:
        return "no answer"
    except ConvonetError:
        return "away"
    except Exception:
        # a fault of ours must not hide the state of the other components
        log.exception("health_check_crashed")
        return "failed"
