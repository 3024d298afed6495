"""The port to the audio stream at a desk's side of a talk, which a media leg connects with the caller.

`convonet.telephony.twilio` implements it for a telephone behind Twilio, `convonet.telephony.direct` for the desk's own
page. All audio that passes through the port is PCM16, 16 kHz, mono, little-endian.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StreamOpening:
    """What a stream presents to be admitted by the host of the hand-overs."""

    transfer_id: str
    attempt: int
    key: str
    call_sid: str
    desk: str = ""
    """Account of the person whose page opened the stream; empty for a stream of the telephone's."""


class DeskStream(Protocol):
    """One open stream. Whoever has opened it closes it, after its media leg has ended.

    Every coroutine raises `ConnectionError` when the stream is broken.
    """

    async def confirm_admission(self) -> None:
        """Tell the desk's side that the stream was admitted; called once."""
        ...

    def receive_audio(self) -> AsyncGenerator[bytes, None]:
        """Yield the desk's audio, until the desk's side has ended the call itself.

        Raises `ValueError` for something that the other side would not send.
        """
        ...

    def send_audio(self, pcm: bytes) -> None:
        """Queue live audio for the desk. The oldest is dropped when too much waits."""
        ...

    async def send_queued_audio(self) -> None:
        """Send what is queued, until cancelled."""
        ...

    async def watch(self) -> None:
        """Return when the stream gives no sign of life."""
        ...

    async def play_whisper(self, audio: bytes) -> None:
        """Play an audio file of any container format to the desk; return when it has been heard. Raises `BadAudio`."""
        ...

    async def stop_whisper(self) -> None:
        """Drop what is left of the whisper, whose `play_whisper` was cancelled."""
        ...
