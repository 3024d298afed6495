"""Sends audio to a telephone line no faster than it is played there, and no later than it must be.

Twilio keeps all that it is sent and plays it in order. So audio that is sent too early, or that has waited once because
the network was slow, would make the caller's voice late for the rest of the call: what is only delay is left out.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

FRAME_S = 0.02
"""What one frame lasts; a frame of mu-law has 160 bytes."""

FRAME_BYTES = 160

LEAD_S = 0.06
"""How far ahead of its playing audio may be sent: as much as the network may be late without a gap."""

MAX_WAITING = 10
"""Frames that wait; what is older is dropped, since late words are worse than lost ones."""

REVIEW_S = 0.5
"""How long a delay must stand until it counts as one: words that came in a bunch are not cut for it."""

CUSHION_S = 0.02
"""Standing delay that is left alone."""

_ROUNDING = 1e-6


class Pacer:
    """One direction of one call. `clock` counts seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._rest = b""
        self._waiting: deque[bytes] = deque(maxlen=MAX_WAITING)
        self._played_until = 0.0
        self._least_delay_s = float("inf")
        self._review_at = 0.0
        self._skip = 0
        self.dropped = 0
        """Frames that were left out."""

    def add(self, code: bytes) -> None:
        """Add mu-law audio of any length."""
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

    def due(self) -> list[bytes]:
        """The frames to send now."""
        now = self._clock()
        # after a pause the line plays at once what it gets
        self._played_until = max(self._played_until, now)
        frames = []
        while self._waiting and self._played_until - now < LEAD_S - _ROUNDING:
            frames.append(self._waiting.popleft())
            self._played_until += FRAME_S
        return frames

    def wait_s(self) -> float | None:
        """Seconds until a frame is due that waits now; None when none does."""
        if not self._waiting:
            return None
        return max(0.0, self._played_until - self._clock() - LEAD_S)

    def clear(self) -> None:
        """Forget what waits, and that anything is still to be played: the line was told to forget it too."""
        self._waiting.clear()
        self._rest = b""
        self._played_until = 0.0

    @property
    def delay_s(self) -> float:
        """How late a word will be heard that comes now."""
        return max(0.0, self._played_until - self._clock()) + FRAME_S * len(self._waiting)

    def _review(self) -> None:
        """A delay that has never gone away since the last review is made up for."""
        now = self._clock()
        self._least_delay_s = min(self._least_delay_s, self.delay_s)
        if now < self._review_at:
            return
        self._skip = max(0, int((self._least_delay_s - CUSHION_S + _ROUNDING) / FRAME_S))
        self._least_delay_s, self._review_at = float("inf"), now + REVIEW_S
