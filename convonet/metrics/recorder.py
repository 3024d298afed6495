"""The recorder of a process, through which all code updates metrics, as it logs through a logger.

Until a process sets a sink (`deployments.ray_metrics` has Ray's) it discards everything, so that code and tests need
not care. It also adds up the counters, for reports of a process's own counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import product
from typing import Protocol

from convonet.metrics.definitions import OTHER, Metric, Tag

Tags = Mapping[str, str]


class Sink(Protocol):
    """Exports checked values. Every method returns within microseconds and never fails."""

    def count(self, metric: Metric, value: float, tags: Tags) -> None:
        """Add to a counter; 0 only creates the series."""
        ...

    def observe(self, metric: Metric, value: float, tags: Tags) -> None:
        """Add one observation to a histogram."""
        ...

    def set(self, metric: Metric, value: float, tags: Tags) -> None:
        """Set a gauge."""
        ...


class NullSink:
    """`Sink` of a process without metrics."""

    def count(self, metric: Metric, value: float, tags: Tags) -> None:
        """Do nothing."""

    def observe(self, metric: Metric, value: float, tags: Tags) -> None:
        """Do nothing."""

    def set(self, metric: Metric, value: float, tags: Tags) -> None:
        """Do nothing."""


class Recorder:
    """Checks tags and passes values to the sink. Every tag must be given; an unknown value becomes `other`."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._learned: dict[Tag, frozenset[str]] = {}
        self._checked: dict[tuple[str, ...], Tags] = {}
        self._totals: dict[Metric, float] = {}

    def set_sink(self, sink: Sink) -> None:
        """Pass values to this sink from now on."""
        self._sink = sink

    def add_tag_values(self, tag: Tag, values: Iterable[str]) -> None:
        """Extend the set of a tag whose values are known only at run time."""
        self._learned[tag] = self._learned.get(tag, frozenset()) | frozenset(values)

    def declare(self, metric: Metric, **tags: Iterable[str]) -> None:
        """Create counters at 0 for every combination of these tag values; a missing tag stands for all its values.

        Prometheus sees no increase in a series that appears with its first event.
        """
        values = [tags.get(tag.name, self._known(tag)) for tag in metric.tags]
        for combination in product(*values):
            named = {tag.name: value for tag, value in zip(metric.tags, combination, strict=True)}
            self._sink.count(metric, 0.0, self._closed(metric, named))

    def count(self, metric: Metric, value: float = 1.0, **tags: str) -> None:
        """Add to a counter."""
        if value > 0:
            self._totals[metric] = self.total(metric) + value
            self._sink.count(metric, value, self._closed(metric, tags))

    def total(self, metric: Metric) -> float:
        """Return the sum of a counter in this process, over all tags."""
        return self._totals.get(metric, 0.0)

    def observe(self, metric: Metric, value: float, **tags: str) -> None:
        """Add one observation to a histogram; a negative one, by slightly different clocks, counts as 0."""
        self._sink.observe(metric, max(0.0, value), self._closed(metric, tags))

    def set(self, metric: Metric, value: float, **tags: str) -> None:
        """Set a gauge."""
        self._sink.set(metric, value, self._closed(metric, tags))

    def _closed(self, metric: Metric, tags: dict[str, str]) -> Tags:
        key = (metric.name, *tags.values())
        if (checked := self._checked.get(key)) is not None:
            return checked
        closed = {tag.name: _or_other(tags[tag.name], self._known(tag)) for tag in metric.tags}
        if closed == tags:
            # only values of the closed set are cached, so the cache is bounded
            self._checked[key] = closed
        return closed

    def _known(self, tag: Tag) -> Iterable[str]:
        return tag.values or self._learned.get(tag, frozenset())


def _or_other(value: str, known: Iterable[str]) -> str:
    return value if value in known else OTHER


metrics = Recorder(NullSink())
"""The recorder of this process."""
