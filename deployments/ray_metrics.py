"""The metrics of a replica on Ray's Prometheus endpoint; `deployments/measuring.py` makes the sink.

`ray.serve.metrics` adds the tags `deployment`, `replica` and `application` inside a replica, and nothing in any other
process. A process reports to its node's agent every ten seconds; recording is a call into Ray's C++ core.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ray.serve.metrics import Counter, Gauge, Histogram

from convonet.metrics.definitions import METRICS, Metric
from convonet.metrics.recorder import Tags
from deployments import ray_compat


class RaySink:
    """`Sink` on Ray's metrics, which are all created at once."""

    def __init__(self, definitions: Sequence[Metric] = METRICS) -> None:
        self._counters: dict[Metric, Counter] = {}
        self._gauges: dict[Metric, Gauge] = {}
        self._histograms: dict[Metric, Histogram] = {}
        for metric in definitions:
            name, description = metric.name, metric.description
            tags: Any = tuple(tag.name for tag in metric.tags)
            match metric.kind:
                case "counter":
                    self._counters[metric] = Counter(name, description, tags)
                case "gauge":
                    self._gauges[metric] = Gauge(name, description, tags)
                case "histogram":
                    self._histograms[metric] = Histogram(name, description, list(metric.buckets), tags)

    def count(self, metric: Metric, value: float, tags: Tags) -> None:
        """See `Sink.count`."""
        ray_compat.count(self._counters[metric], value, dict(tags))

    def observe(self, metric: Metric, value: float, tags: Tags) -> None:
        """See `Sink.observe`."""
        self._histograms[metric].observe(value, dict(tags))

    def set(self, metric: Metric, value: float, tags: Tags) -> None:
        """See `Sink.set`."""
        self._gauges[metric].set(value, dict(tags))
