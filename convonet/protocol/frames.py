"""The header of binary frames: kind of audio, turn and position.

Clients that authenticated with `audio: "stream"` send and receive it; the others exchange audio without a header.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

_LAYOUT = struct.Struct("<BBHIQ")

HEADER_BYTES = _LAYOUT.size
"""16 bytes, little-endian: kind, flags, turn number, first sample, seq."""

LAST = 1
"""Flag: the last frame of its utterance, answer or talk; it may have no audio."""


class SoundKind(IntEnum):
    """Kind of audio after the header."""

    CALLER_PCM16 = 1
    """The caller's utterance: PCM16, 16 kHz, mono."""
    ANSWER_PCM16 = 2
    """An answer: PCM16, 24 kHz, mono."""
    ANSWER_OPUS = 3
    TALK_PCM16 = 4
    """A talk with a human, in both directions: PCM16, 16 kHz, mono."""


@dataclass(frozen=True, slots=True)
class FrameHeader:
    """The first 16 bytes of a binary frame.

    Args:
        turn_number: Number from `processing_start`, modulo 2**16.
        first_sample: Position of the frame's first sample in its utterance or answer.
        seq: The session's `seq`, as in text messages; 0 for frames that are never sent again.
    """

    kind: SoundKind
    turn_number: int = 0
    first_sample: int = 0
    seq: int = 0
    is_last: bool = False

    def pack(self) -> bytes:
        """Serialize the header."""
        flags = LAST if self.is_last else 0
        return _LAYOUT.pack(self.kind, flags, self.turn_number & 0xFFFF, self.first_sample & 0xFFFFFFFF, self.seq)

    @classmethod
    def unpack(cls, frame: bytes) -> FrameHeader:
        """Read the header of a frame. Raises `ValueError` for a frame that is too short or of an unknown kind."""
        if len(frame) < HEADER_BYTES:
            raise ValueError("a frame is shorter than its header")
        kind, flags, turn_number, first_sample, seq = _LAYOUT.unpack_from(frame)
        return cls(SoundKind(kind), turn_number, first_sample, seq, is_last=bool(flags & LAST))
