"""Pacing of the audio to a telephone: frames are sent no faster than they are played, and no later than needed.

Twilio queues whatever it is sent and plays it in order. Audio that is sent early, or that piled up once because the
network was slow, would delay the caller's voice for the rest of the call. So frames that only add delay are dropped.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

FRAME_S = 0.02
FRAME_BYTES = 160
"""Mu-law, 8 kHz."""

LEAD_S = 0.06
"""How far audio is sent ahead of its playout; network jitter up to this leaves no gap."""

MAX_WAITING = 10
"""Frames; older ones are dropped, since late words are worse than lost ones."""

REVIEW_S = 0.5
"""A delay counts only if it lasts this long without a break, so that a burst of words is not cut."""

CUSHION_S = 0.02
"""Lasting delay that is tolerated."""

_ROUNDING = 1e-6


class Pacer:
    """Paces one direction of one call, by a clock in seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._rest = b""
        self._waiting: deque[bytes] = deque(maxlen=MAX_WAITING)
        self._played_until = 0.0
        self._least_delay_s = float("inf")
        self._review_at = 0.0
        self._skip = 0
        self.dropped = 0
        """Number of dropped frames."""

    def add_audio(self, code: bytes) -> None:
        """Queue mu-law audio of any length."""
        self._review()
        self._rest += code
        whole = len(self._rest) // FRAME_BYTES * FRAME_BYTES
        for start in range(0, whole, FRAME_BYTES):
            if self._skip:
                self._skip -= 1
                self.dropped += 1
                continue
            self.dropped += len(self._waiting) == MAX_WAITING
            self._waiting.append(self._rest[start : start + FRAME_BYTES])
        self._rest = self._rest[whole:]

    def due_frames(self) -> list[bytes]:
        """Take the frames that have to be sent now."""
        now = self._clock()
        # after a pause Twilio plays at once
        self._played_until = max(self._played_until, now)
        frames = []
        while self._waiting and self._played_until - now < LEAD_S - _ROUNDING:
            frames.append(self._waiting.popleft())
            self._played_until += FRAME_S
        return frames

    def wait_s(self) -> float | None:
        """Return the seconds until the next queued frame is due; None when the queue is empty."""
        if not self._waiting:
            return None
        return max(0.0, self._played_until - self._clock() - LEAD_S)

    @property
    def delay_s(self) -> float:
        """Delay of audio that is added now."""
        return max(0.0, self._played_until - self._clock()) + FRAME_S * len(self._waiting)

    def _review(self) -> None:
        """Skip as much audio as the smallest delay since the last review, less `CUSHION_S`."""
        now = self._clock()
        self._least_delay_s = min(self._least_delay_s, self.delay_s)
        if now < self._review_at:
            return
        self._skip = max(0, int((self._least_delay_s - CUSHION_S + _ROUNDING) / FRAME_S))
        self._least_delay_s, self._review_at = float("inf"), now + REVIEW_S
