"""The metrics of a process on Ray's Prometheus endpoint.

`ray.serve.metrics` adds the tags `deployment`, `replica` and `application` inside a replica, and nothing in any other
actor. A process reports to its node's agent every ten seconds; recording is a call into Ray's C++ core.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ray.serve import metrics as serve_metrics

from convonet.metrics.definitions import METRICS, Metric
from convonet.metrics.recorder import Tags


class RaySink:
    """`Sink` on Ray's metrics, all made at once: make one when a process starts."""

    def __init__(self, definitions: Sequence[Metric] = METRICS) -> None:
        self._counters: dict[Metric, _Counter] = {}
        self._gauges: dict[Metric, serve_metrics.Gauge] = {}
        self._histograms: dict[Metric, serve_metrics.Histogram] = {}
        for metric in definitions:
            name, description = metric.name, metric.description
            tags: Any = tuple(tag.name for tag in metric.tags)
            match metric.kind:
                case "counter":
                    self._counters[metric] = _Counter(name, description, tags)
                case "gauge":
                    self._gauges[metric] = serve_metrics.Gauge(name, description, tags)
                case "histogram":
                    self._histograms[metric] = serve_metrics.Histogram(name, description, list(metric.buckets), tags)

    def count(self, metric: Metric, value: float, tags: Tags) -> None:
        """See `Sink.count`."""
        self._counters[metric].add(value, dict(tags))

    def observe(self, metric: Metric, value: float, tags: Tags) -> None:
        """See `Sink.observe`."""
        self._histograms[metric].observe(value, dict(tags))

    def set(self, metric: Metric, value: float, tags: Tags) -> None:
        """See `Sink.set`."""
        self._gauges[metric].set(value, dict(tags))


class _Counter(serve_metrics.Counter):
    def add(self, value: float, tags: dict[str, str]) -> None:
        """Like `inc`, which refuses the 0 that lets a series exist."""
        self._record(value, tags)
