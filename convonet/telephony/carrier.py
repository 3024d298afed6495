"""The port to whatever makes a desk ring and carries its audio: a telephone company, or a direct connection.

The hand-over's actor places and ends calls through it. Everything that happens to a call comes back as a `CallEvent`:
placed or not, its progress, its stream. Holding the caller and moving them to a colleague is done by the desk's own
telephone, which reports it as `CallerPassedOn`. `convonet.telephony.twilio` is the implementation by Twilio and SIP.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from convonet.core.errors import ConvonetError


class CarrierError(ConvonetError):
    """The carrier refused a request or did not answer in time. In the second case the call may exist."""

    spoken = "I can't reach our telephone line right now."


@dataclass(frozen=True, slots=True)
class CallRequest:
    """One call to a desk, named by hand-over and attempt. No two calls have the same name."""

    transfer_id: str
    attempt: int
    extension: str
    stream_key: str
    """Key that the stream of this call presents, once."""
    ring_s: float
    """Time to let it ring."""


class Carrier(Protocol):
    """Rings desks and connects their audio with our media legs."""

    is_set_up: bool
    """False where no desk can be called at all."""

    async def place_call(self, request: CallRequest) -> str:
        """Place the call, without a retry, and return its id. Raises `CarrierError`."""
        ...

    async def end_call(self, call_id: str) -> None:
        """End the call, whether it rings or is answered; ending it twice is allowed. Raises `CarrierError`."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


class NoCarrier:
    """The carrier of an installation without telephony."""

    is_set_up = False

    async def place_call(self, request: CallRequest) -> str:
        raise CarrierError("no telephone is set up")

    async def end_call(self, call_id: str) -> None:
        """Do nothing: no call exists."""

    async def close(self) -> None:
        """Do nothing: no connection exists."""
