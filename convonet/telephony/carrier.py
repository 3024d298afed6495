"""The port to the carrier, which makes a desk ring and carries its audio.

The hand-over's actor places and ends calls through it. Everything that happens to a call comes back as a `CallEvent`:
placed or not, its progress, its stream. The desk's own telephone holds callers and transfers them to colleagues; a
transfer is reported as `CallerPassedOn`. `convonet.telephony.twilio` implements the port with Twilio and SIP.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from convonet.core.errors import ConvonetError


class CarrierError(ConvonetError):
    """The carrier refused a request or did not answer in time. After a timeout the call may exist."""

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
    """False in an installation that can't call any desk."""

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
