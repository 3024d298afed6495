"""The port to the carriers, which make a desk ring and carry its audio.

The hand-over's actor places and ends calls through it. Everything that happens to a call comes back as a `CallEvent`:
placed or not, its progress, its stream. `convonet.telephony.twilio` implements the port with Twilio and SIP, where the
desk's own telephone holds callers and transfers them; `convonet.telephony.direct` with nothing but the desk's page.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from convonet.core.errors import ConvonetError
from convonet.core.hand_over import CarrierKind


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
    """Key that the stream of this call presents, once. A desk's page gets its own key in its view."""
    ring_s: float
    """Time to let it ring."""


class Carrier(Protocol):
    """Rings desks and connects their audio with our media legs."""

    kind: CarrierKind

    reports_progress: bool
    """True if calls exist outside, and the carrier reports what happens to them.

    False if a call is only our own record: it rings as soon as it is placed, may be placed again, and ends with its
    stream.
    """

    answer_margin_s: float
    """Time for placing and answering a call, beyond its ringing."""

    stream_grace_s: float
    """Time that a talk goes on without the stream of its call, while that may be replaced."""

    async def place_call(self, request: CallRequest) -> str:
        """Place the call, without a retry, and return its id. Raises `CarrierError`."""
        ...

    async def end_call(self, call_id: str) -> None:
        """End the call, whether it rings or is answered; ending it twice is allowed. Raises `CarrierError`."""
        ...

    async def close(self) -> None:
        """Close all connections."""
        ...


@dataclass(frozen=True, slots=True)
class Carriers:
    """The carriers of an installation, and which of them carries a call."""

    direct: Carrier
    telephone: Carrier | None = None
    """None without a telephone company and a PBX."""
    direct_departments: frozenset[str] = frozenset()
    """Departments whose desks answer in their page even if they have a telephone."""

    def of(self, kind: CarrierKind) -> Carrier:
        """Return the carrier of a call. Calls of a telephone that is no longer set up can't be ended by anyone."""
        return self.telephone if kind is CarrierKind.TELEPHONE and self.telephone is not None else self.direct

    def choose(self, department: str, *, has_telephone: bool) -> Carrier:
        """Choose the carrier for a call of this department to a desk with or without a telephone."""
        if has_telephone and department not in self.direct_departments:
            return self.of(CarrierKind.TELEPHONE)
        return self.direct
