"""Periodic metrics of a process: the lag of its event loop, and its gauges."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping

from convonet.metrics.definitions import LOOP_LAG, Metric
from convonet.metrics.recorder import Recorder

SAMPLE_DELAY_S = 1.0
"""Delay between two samples of the lag, each 0.1 ms of CPU: they find a loop that is late now and then within the ten
seconds between two of Ray's reports, and one that is blocked for a second at once."""

SAMPLES_PER_REPORT = 5
"""Samples until the gauges are set."""

REPORTED_PERIODS = 2
"""Periods of `SAMPLES_PER_REPORT` whose longest lag is reported: ten seconds."""

Read = Callable[[], Mapping[str, float]]
"""Returns a gauge's values by tag value; without a tag, by an empty string."""


class Watch:
    """Watches the event loop that it is created in, until that ends."""

    def __init__(self, recorder: Recorder, component: str, *, sample_delay_s: float = SAMPLE_DELAY_S) -> None:
        """`component` is a value of the tag `part`."""
        self._recorder = recorder
        self._component = component
        self._sample_delay_s = sample_delay_s
        self._gauges: list[tuple[Metric, Read]] = []
        self._loop = asyncio.get_running_loop()
        self._lags_s = deque([0.0], maxlen=REPORTED_PERIODS)
        self._samples = 0
        self._schedule(self._loop.time())

    @property
    def lag_ms(self) -> float:
        """Longest lag of the loop in the last ten seconds."""
        return 1000 * max(self._lags_s)

    def gauge(self, metric: Metric, read: Read) -> None:
        """Report this gauge, which has at most one tag, from now on."""
        self._gauges.append((metric, read))

    def _schedule(self, now: float) -> None:
        due = now + self._sample_delay_s
        self._loop.call_at(due, self._sample, due)

    def _sample(self, due: float) -> None:
        now = self._loop.time()
        self._schedule(now)
        self._lags_s[-1] = max(self._lags_s[-1], now - due)
        self._samples += 1
        if self._samples % SAMPLES_PER_REPORT == 0:
            self._recorder.set(LOOP_LAG, self.lag_ms, part=self._component)
            self._lags_s.append(0.0)
            for metric, read in self._gauges:
                self._set(metric, read)

    def _set(self, metric: Metric, read: Read) -> None:
        for value, amount in read().items():
            self._recorder.set(metric, amount, **{tag.name: value for tag in metric.tags})
