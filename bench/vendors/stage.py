"""State that all vendors of one process share: their delays, their clock, the script, and a log of their work."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from bench.harness.clock import Clock, LagProbe, Quantiles
from bench.harness.script import Delays

TtsCut = Literal["space", "eager"]
"""Condition for a complete sentence in live synthesis: white space after its end mark, or the end mark itself.

Deepgram documents that it buffers until it has enough or is flushed, not its rule. `eager` spares a client that sends
tokens as they come, with no trailing space, the wait for the next token.
"""


class ActivityLog:
    """Counts of what was served, and how late each answer left."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin again."""
        self._since, self._cpu_since = time.monotonic(), time.process_time()
        self.counts: Counter[str] = Counter()
        self._excess_ms: dict[str, list[float]] = defaultdict(list)

    def note_sent(self, what: str, due: float) -> None:
        """An answer has left just now that was due then."""
        self._excess_ms[what].append((time.monotonic() - due) * 1e3)

    def report(self, lag: LagProbe) -> dict[str, Any]:
        """Return the answer of `GET /stats`."""
        wall_s = time.monotonic() - self._since
        cpu_s = time.process_time() - self._cpu_since
        return {
            "cpu_share": round(cpu_s / max(wall_s, 1e-9), 4),
            "counts": dict(self.counts),
            "loop_lag_ms": asdict(Quantiles.of(lag.late_ms)),
            "excess_ms": {what: asdict(Quantiles.of(late)) for what, late in sorted(self._excess_ms.items())},
        }


@dataclass
class Stage:
    """Made inside the running loop; `tool` is whether the model calls a tool before it answers."""

    delays: Delays
    tts_cut: TtsCut
    clock: Clock
    activity: ActivityLog = field(default_factory=ActivityLog)
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    tool: bool = False

    def __post_init__(self) -> None:
        self.lag = LagProbe(self.clock)
        self._probe = asyncio.create_task(self.lag.run())

    async def close(self) -> None:
        """Stop looking at the loop."""
        self._probe.cancel()
        await asyncio.wait([self._probe])
        self.clock.close()
