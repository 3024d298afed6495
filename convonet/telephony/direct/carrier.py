"""The `Carrier` without a telephone company: the desk's page rings and carries the audio itself.

A direct call exists only in the snapshot of its hand-over. The page rings because its view has the call.
"""

from __future__ import annotations

from convonet.core.hand_over import CarrierKind
from convonet.telephony.carrier import CallRequest

STREAM_GRACE_S = 15.0
"""As long as for a desk's page: when that is reloaded, both are gone and come back together."""


def direct_call_id(transfer_id: str, attempt: int) -> str:
    """Return the id of the direct call of an attempt."""
    return f"direct-{transfer_id}-{attempt}"


class DirectCarrier:
    """See `Carrier`."""

    kind = CarrierKind.DIRECT
    reports_progress = False
    answer_margin_s = 0.0

    def __init__(self, *, stream_grace_s: float = STREAM_GRACE_S) -> None:
        self.stream_grace_s = stream_grace_s

    async def place_call(self, request: CallRequest) -> str:
        return direct_call_id(request.transfer_id, request.attempt)

    async def end_call(self, call_id: str) -> None:
        """Do nothing: the media leg and the page follow the hand-over."""

    async def close(self) -> None:
        """Do nothing: no connection exists."""
