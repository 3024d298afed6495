"""What a hand-over needs of whoever makes telephones ring: Twilio does it, a conference bridge could as well."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from convonet.core.errors import ConvonetError


class CarrierError(ConvonetError):
    """The call was refused, or nobody answered in time; in the second case it may exist all the same."""

    spoken = "I can't reach our telephone line right now."


@dataclass(frozen=True, slots=True)
class CallRequest:
    """One call to a desk. Together, transfer and attempt name it: there is never a second one of the same name."""

    transfer_id: str
    attempt: int
    extension: str
    stream_key: str
    """What the stream of this call has to show, once."""
    ring_s: float


class Carrier(Protocol):
    """Makes a desk ring and connects its line with our media socket."""

    is_set_up: bool
    """Without it nobody can be rung at all."""

    async def place(self, order: CallRequest) -> str:
        """Place the call, once, and return its id. Raises `CarrierError`."""
        ...

    async def end(self, call_id: str) -> None:
        """End the call, whether it rings or somebody talks; one that is over stays so. Raises `CarrierError`."""
        ...

    async def close(self) -> None:
        """Give back connections."""
        ...


class NoCarrier:
    """See `Carrier`: none is set up here."""

    is_set_up = False

    async def place(self, order: CallRequest) -> str:
        """See `Carrier.place`."""
        raise CarrierError("no telephone is set up")

    async def end(self, call_id: str) -> None:
        """There is nothing to end."""

    async def close(self) -> None:
        """There is nothing to close."""
