"""Virtual time, and the ledger of PIN attempts in memory behind the interface of the one in Redis."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from convonet.auth.attempt_limits import AttemptLimits
from convonet.auth.attempts import AttemptLedger
from convonet.errors import AuthThrottled


@dataclass
class VirtualClock:
    now: float = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Ledger(Protocol):
    async def check(self, session_id: str, address: str) -> None: ...

    async def failed(self, session_id: str, address: str) -> None: ...

    async def succeeded(self, session_id: str, address: str) -> None: ...


class InMemory:
    """The plain ledger behind the asynchronous interface."""

    def __init__(self, ledger: AttemptLedger) -> None:
        self._ledger = ledger

    async def check(self, session_id: str, address: str) -> None:
        self._ledger.check(session_id, address)

    async def failed(self, session_id: str, address: str) -> None:
        self._ledger.failed(session_id, address)

    async def succeeded(self, session_id: str, address: str) -> None:
        self._ledger.succeeded(session_id, address)


MakeLedger = Callable[[AttemptLimits, VirtualClock], Awaitable[Ledger]]


async def memory_ledger(limits: AttemptLimits, clock: VirtualClock) -> Ledger:
    return InMemory(AttemptLedger(limits, clock))


async def wait_of(ledger: Ledger, session_id: str, address: str) -> int:
    """Milliseconds to wait that `check` names; 0 when it lets the attempt through."""
    try:
        await ledger.check(session_id, address)
    except AuthThrottled as refusal:
        return max(refusal.retry_after_ms, 1)
    return 0
