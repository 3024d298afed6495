"""What a hand-over needs of whoever makes telephones ring: Twilio does it, a conference bridge could as well."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from convonet.core.errors import ConvonetError


class BridgeError(ConvonetError):
    """The call was refused, or nobody answered in time; in the second case it may exist all the same."""

    spoken = "I can't reach our telephone line right now."


@dataclass(frozen=True, slots=True)
class CallOrder:
    """One call to a desk. Together, transfer and attempt name it: there is never a second one of the same name."""

    transfer_id: str
    attempt: int
    extension: str
    stream_key: str
    """What the stream of this call has to show, once."""
    ring_s: float


class Bridge(Protocol):
    """Makes a desk ring and connects its line with our media socket."""

    is_set_up: bool
    """Without it nobody can be rung at all."""

    async def place(self, order: CallOrder) -> str:
        """Place the call, once, and return its id. Raises `BridgeError`."""
        ...

    async def end(self, call_id: str) -> None:
        """End the call, whether it rings or somebody talks; one that is over stays so. Raises `BridgeError`."""
        ...

    async def close(self) -> None:
        """Give back connections."""
        ...


class NoTelephone:
    """See `Bridge`: none is set up here."""

    is_set_up = False

    async def place(self, order: CallOrder) -> str:
        """See `Bridge.place`."""
        raise BridgeError("no telephone is set up")

    async def end(self, call_id: str) -> None:
        """There is nothing to end."""

    async def close(self) -> None:
        """There is nothing to close."""
