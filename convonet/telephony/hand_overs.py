"""The host of the hand-overs as the other processes see it: sessions, media legs and Twilio's webhooks."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol

from convonet.core.errors import ConvonetError
from convonet.telephony.events import CallEvent
from convonet.telephony.messages import HandOverRequest, HandOverView, MediaLegRequest, MediaLegView, Spoken


class HandOversUnavailable(ConvonetError):
    """The host of the hand-overs can't be reached, or can't answer now."""

    retryable = True


class HandOvers(Protocol):
    """All hand-overs. `HandOverHost` owns them; `HostReplicas` reaches it from another process.

    Every method may be called again with the same arguments; only a transcript entry is then added twice.
    Each raises `HandOversUnavailable`. The host itself also raises `Fenced`, when another host has taken over and knows
    the answer.
    """

    async def begin_hand_over(self, request: HandOverRequest) -> None:
        """Begin a hand-over, unless it has begun already."""
        ...

    def follow_hand_over(self, transfer_id: str) -> AsyncGenerator[HandOverView, None]:
        """Follow a hand-over until it is over. An unknown one yields nothing."""
        ...

    async def leave_hand_over(self, transfer_id: str, *, hung_up: bool) -> None:
        """End a hand-over that its caller no longer wants."""
        ...

    async def request_call_back(self, request: HandOverRequest) -> None:
        """Note that the caller wants to be called back. Raises `StorageError`."""
        ...

    async def report_call_event(self, transfer_id: str, event: CallEvent) -> None:
        """Report an event of a call. A call that belongs to no hand-over is ended."""
        ...

    async def add_transcript_entry(self, transfer_id: str, spoken: Spoken) -> None:
        """Add a recognized sentence to the transcript of a talk."""
        ...

    async def exchange_stream_key(self, transfer_id: str, attempt: int, after: str) -> str | None:
        """Get a key for another stream of a call.

        Args:
            transfer_id: The hand-over.
            attempt: Number of the attempt that placed the call, from 0.
            after: Key of the stream that has ended.

        Returns:
            The new key, or None when the call should be hung up.
        """
        ...

    def open_media_leg(self, request: MediaLegRequest) -> AsyncGenerator[MediaLegView, None]:
        """Admit the stream of a call, and yield what its media leg has to do. A refused stream yields nothing."""
        ...
