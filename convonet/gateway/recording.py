"""The utterance in progress on one socket."""

from __future__ import annotations

import base64
import binascii
import secrets

from convonet.errors import ErrorCode, ProtocolError
from convonet.protocol.client import AudioChunk, StartRecording
from convonet.sessions.messages import SpokenUtterance
from convonet.speech.base import Language


class Recording:
    """Collects slices until the caller stops. It is bounded; a recording that grew too long is refused whole."""

    def __init__(self, start: StartRecording, *, began_at: float, most_bytes: int, least_bytes: int) -> None:
        """`began_at` is the Unix time in seconds, as `finish` takes it."""
        self.utterance_id = start.utterance_id or secrets.token_hex(8)
        self._start = start
        self._began_at = began_at
        self._most = most_bytes
        self._least = least_bytes
        self._audio = bytearray()
        self._overflowed = False
        self.has_gap = False
        """Whether a slice was dropped: recognising the rest would make up a sentence that nobody said."""

    def add_chunk(self, chunk: AudioChunk) -> None:
        """Append a base64 slice. Raises `ProtocolError` bad_base64 or utterance_too_long."""
        try:
            audio = base64.b64decode(chunk.data_b64, validate=True)
        except (binascii.Error, ValueError):
            raise ProtocolError(ErrorCode.BAD_BASE64, "data_b64 is not base64; the slice was dropped.") from None
        self.add_bytes(audio)

    def add_bytes(self, audio: bytes) -> None:
        """Append a slice. Raises `ProtocolError` utterance_too_long, once; what comes after it is dropped."""
        if self._overflowed:
            return
        if len(self._audio) + len(audio) > self._most:
            self._overflowed = True
            self._audio.clear()
            raise _too_long()
        self._audio += audio

    def clear(self) -> None:
        """Drop what was recorded so far."""
        self._audio.clear()

    def finish(self, ended_at: float) -> SpokenUtterance:
        """The whole utterance. Raises `ProtocolError` recording_too_short, utterance_too_long or bad_audio."""
        if self._overflowed:
            raise _too_long()
        if self.has_gap:
            raise ProtocolError(ErrorCode.BAD_AUDIO, "Part of that recording was lost. Please say it again.")
        if len(self._audio) < self._least:
            message = "That recording was too short. Hold the button while you speak."
            raise ProtocolError(ErrorCode.RECORDING_TOO_SHORT, message)
        return SpokenUtterance(
            utterance_id=self.utterance_id,
            audio=bytes(self._audio),
            format=self._start.format,
            sample_rate=self._start.sample_rate,
            ended_at=ended_at,
            captured_s=max(0.0, ended_at - self._began_at),
            language=Language(self._start.language) if self._start.language else None,
        )


def _too_long() -> ProtocolError:
    return ProtocolError(ErrorCode.UTTERANCE_TOO_LONG, "That recording is too long. Please say it in parts.")
