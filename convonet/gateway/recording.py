"""The utterance that a caller is recording, filled by the connection and held by the session."""

from __future__ import annotations

import base64
import binascii
import secrets

from convonet.core.errors import ErrorCode, ProtocolError
from convonet.protocol.client import AudioChunk, StartRecording
from convonet.protocol.server import AudioAck
from convonet.sessions.messages import SpokenUtterance
from convonet.speech.base import AudioFormat, Language

SLICES_PER_ACK = 4
"""A browser sends four slices a second, so the page gets one acknowledgment a second."""


class Recording:
    """Collects slices until the caller stops. A recording that gets too long is refused as a whole.

    It outlives the socket: a client that reconnects and names the same utterance continues after `acknowledged`.
    """

    def __init__(self, start: StartRecording, *, began_at: float, max_bytes: int, min_bytes: int) -> None:
        """`began_at` is the Unix time in seconds."""
        self.utterance_id = start.utterance_id or secrets.token_hex(8)
        self.is_named_by_client = start.utterance_id is not None
        self.format: AudioFormat = start.format
        self._start = start
        self._began_at = began_at
        self._max_bytes = max_bytes
        self._min_bytes = min_bytes
        self._audio = bytearray()
        self._overflowed = False
        self._last_sequence = -1
        self._was_resumed = False
        self.has_gap = False
        """True if a slice was lost; recognizing the rest would produce a sentence that nobody said."""

    def acknowledged(self) -> AudioAck:
        """Build the acknowledgment of the slices that have arrived."""
        return AudioAck(utterance_id=self.utterance_id, sequence=self._last_sequence)

    def resume(self) -> None:
        """Continue after a reconnect: the client repeats the slices after the last acknowledged one."""
        self._was_resumed = True

    def add_chunk(self, chunk: AudioChunk) -> bool:
        """Append a base64 slice. Returns whether an acknowledgment is due.

        Raises `ProtocolError` bad_base64 or utterance_too_long.
        """
        if self._was_resumed:
            # checked only then: older clients number all their slices the same
            if chunk.sequence <= self._last_sequence:
                return False
            self.has_gap = self.has_gap or chunk.sequence > self._last_sequence + 1
        try:
            audio = base64.b64decode(chunk.data_b64, validate=True)
        except (binascii.Error, ValueError):
            raise ProtocolError(ErrorCode.BAD_BASE64, "data_b64 is not base64; the slice was dropped.") from None
        self.add_bytes(audio)
        self._last_sequence = chunk.sequence
        return self.is_named_by_client and chunk.sequence % SLICES_PER_ACK == SLICES_PER_ACK - 1

    def add_bytes(self, audio: bytes) -> None:
        """Append a slice. Raises `ProtocolError` utterance_too_long once, and drops later slices."""
        if self._overflowed:
            return
        if len(self._audio) + len(audio) > self._max_bytes:
            self._overflowed = True
            self._audio.clear()
            raise _too_long()
        self._audio += audio

    def clear(self) -> None:
        """Drop the slices so far: the client starts again with the first one."""
        self._audio.clear()
        self._last_sequence, self._was_resumed, self.has_gap, self._overflowed = -1, False, False, False

    def finish(self, ended_at: float) -> SpokenUtterance:
        """Build the finished utterance. Raises `ProtocolError` recording_too_short, utterance_too_long or bad_audio."""
        if self._overflowed:
            raise _too_long()
        if self.has_gap:
            raise ProtocolError(ErrorCode.BAD_AUDIO, "Part of that recording was lost. Please say it again.")
        if len(self._audio) < self._min_bytes:
            message = "That recording was too short. Hold the button while you speak."
            raise ProtocolError(ErrorCode.RECORDING_TOO_SHORT, message)
        return SpokenUtterance(
            utterance_id=self.utterance_id,
            audio=bytes(self._audio),
            format=self.format,
            sample_rate=self._start.sample_rate,
            ended_at=ended_at,
            captured_s=max(0.0, ended_at - self._began_at),
            language=Language(self._start.language) if self._start.language else None,
            is_named_by_client=self.is_named_by_client,
        )


def _too_long() -> ProtocolError:
    return ProtocolError(ErrorCode.UTTERANCE_TOO_LONG, "That recording is too long. Please say it in parts.")
