"""What a process looks at by itself all the time: how late its event loop is, and the gauges of its parts."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping

from convonet.metrics.definitions import LOOP_LAG, Metric
from convonet.metrics.recorder import Recorder

BEAT_S = 1.0
"""How often the loop's lag is looked at, at 0.1 ms of CPU: a loop that is late now and then is found out in the ten
seconds that Ray takes between two reports, a block of a second or longer at once."""

BEATS = 5
"""Beats until the gauges are set."""

SPANS = 2
"""The lag is the longest of so many times `BEATS`: ten seconds."""

Read = Callable[[], Mapping[str, float]]
"""Values by tag value; of a gauge without a tag, by an empty string."""


class Watch:
    """Of one process and its event loop; it lives as long as the loop does."""

    def __init__(self, recorder: Recorder, part: str) -> None:
        """`part` is a value of the tag `part`."""
        self._recorder = recorder
        self._part = part
        self._gauges: list[tuple[Metric, Read]] = []
        self._loop = asyncio.get_running_loop()
        self._lags_s = deque([0.0], maxlen=SPANS)
        self._beats = 0
        self._next(self._loop.time())

    @property
    def lag_ms(self) -> float:
        """The longest that the loop was late in the last ten seconds."""
        return 1000 * max(self._lags_s)

    def gauge(self, metric: Metric, read: Read) -> None:
        """Set this gauge, with at most one tag, from now on."""
        self._gauges.append((metric, read))

    def _next(self, now: float) -> None:
        due = now + BEAT_S
        self._loop.call_at(due, self._beat, due)

    def _beat(self, due: float) -> None:
        now = self._loop.time()
        self._next(now)
        self._lags_s[-1] = max(self._lags_s[-1], now - due)
        self._beats += 1
        if self._beats % BEATS == 0:
            self._recorder.set(LOOP_LAG, self.lag_ms, part=self._part)
            self._lags_s.append(0.0)
            for metric, read in self._gauges:
                self._set(metric, read)

    def _set(self, metric: Metric, read: Read) -> None:
        for value, amount in read().items():
            self._recorder.set(metric, amount, **{tag.name: value for tag in metric.tags})
