"""Where the product's code counts, observes and sets: one recorder per process, made like a logger.

Until a process gives it a sink (`actors.metrics` has Ray's) all of it goes nowhere, so that code and tests need not
care. What was counted is also added up here, for who tells a process's own figures.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import product
from typing import Protocol

from convonet.metrics.definitions import OTHER, Metric, Tag

Tags = Mapping[str, str]


class Sink(Protocol):
    """Takes values that are checked already. Every method returns within microseconds and never fails."""

    def count(self, metric: Metric, value: float, tags: Tags) -> None:
        """Add to a counter; 0 only makes the series exist."""
        ...

    def observe(self, metric: Metric, value: float, tags: Tags) -> None:
        """Add one observation to a histogram."""
        ...

    def set(self, metric: Metric, value: float, tags: Tags) -> None:
        """Give a gauge its value."""
        ...


class NullSink:
    """`Sink` of a process that is not watched."""

    def count(self, metric: Metric, value: float, tags: Tags) -> None:
        """Forget it."""

    def observe(self, metric: Metric, value: float, tags: Tags) -> None:
        """Forget it."""

    def set(self, metric: Metric, value: float, tags: Tags) -> None:
        """Forget it."""


class Recorder:
    """Checks tags and hands on to the sink. Every tag of a metric must be given; an unknown value becomes `other`."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._learnt: dict[Tag, frozenset[str]] = {}
        self._checked: dict[tuple[str, ...], Tags] = {}
        self._totals: dict[Metric, float] = {}

    def use(self, sink: Sink) -> None:
        """Hand on to this sink from now on."""
        self._sink = sink

    def know(self, tag: Tag, values: Iterable[str]) -> None:
        """The values of a tag whose set is known only at run time; they add up."""
        self._learnt[tag] = self._learnt.get(tag, frozenset()) | frozenset(values)

    def begin(self, metric: Metric, **tags: Iterable[str]) -> None:
        """Let counters exist with 0, for every combination of these values; of a tag that is left out, all known.

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
        """All that this process has counted of it, whatever the tags."""
        return self._totals.get(metric, 0.0)

    def observe(self, metric: Metric, value: float, **tags: str) -> None:
        """Add one observation to a histogram; clocks that differ a little make no negative one."""
        self._sink.observe(metric, max(0.0, value), self._closed(metric, tags))

    def set(self, metric: Metric, value: float, **tags: str) -> None:
        """Give a gauge its value."""
        self._sink.set(metric, value, self._closed(metric, tags))

    def _closed(self, metric: Metric, tags: dict[str, str]) -> Tags:
        key = (metric.name, *tags.values())
        if (checked := self._checked.get(key)) is not None:
            return checked
        closed = {tag.name: _or_other(tags[tag.name], self._known(tag)) for tag in metric.tags}
        if closed == tags:
            # only closed values are kept, in the order in which their call site writes them: the table is bounded
            self._checked[key] = closed
        return closed

    def _known(self, tag: Tag) -> Iterable[str]:
        return tag.values or self._learnt.get(tag, frozenset())


def _or_other(value: str, known: Iterable[str]) -> str:
    return value if value in known else OTHER


metrics = Recorder(NullSink())
"""The recorder of this process."""
