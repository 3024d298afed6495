"""The utterance in progress of one caller."""

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
"""A browser makes four slices a second: the page learns once a second what has arrived."""


class Recording:
    """Collects slices until the caller stops. It is bounded; a recording that grew too long is refused whole.

    It outlives the socket: a client that comes back and names the same utterance goes on after `acknowledged`.
    """

    def __init__(self, start: StartRecording, *, began_at: float, max_bytes: int, min_bytes: int) -> None:
        """`began_at` is the Unix time in seconds, as `finish` takes it."""
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
        """Whether a slice was lost: recognizing the rest would make up a sentence that nobody said."""

    def acknowledged(self) -> AudioAck:
        """What has arrived."""
        return AudioAck(utterance_id=self.utterance_id, sequence=self._last_sequence)

    def resume(self) -> None:
        """The client comes back: it gives again what followed the last slice that has arrived."""
        self._was_resumed = True

    def add_chunk(self, chunk: AudioChunk) -> bool:
        """Append a base64 slice; returns whether the client should be told what has arrived.

        Raises `ProtocolError` bad_base64 or utterance_too_long.
        """
        if self._was_resumed:
            # until then nobody relies on the numbers: older clients give all their slices the same
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
        """Append a slice. Raises `ProtocolError` utterance_too_long, once; what comes after it is dropped."""
        if self._overflowed:
            return
        if len(self._audio) + len(audio) > self._max_bytes:
            self._overflowed = True
            self._audio.clear()
            raise _too_long()
        self._audio += audio

    def clear(self) -> None:
        """Drop what was recorded so far: the client begins anew, with the first slice."""
        self._audio.clear()
        self._last_sequence, self._was_resumed, self.has_gap, self._overflowed = -1, False, False, False

    def finish(self, ended_at: float) -> SpokenUtterance:
        """The whole utterance. Raises `ProtocolError` recording_too_short, utterance_too_long or bad_audio."""
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
