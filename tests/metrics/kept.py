"""A sink in memory."""

from convonet.metrics.recorder import Recorder


class Kept:
    """Keeps everything: sums of counters, values of gauges, lists of observations."""

    def __init__(self):
        self.recorder = Recorder(self)
        self._series = {}

    def count(self, metric, value, tags):
        series = self.all_of(metric)
        series[_key(tags)] = series.get(_key(tags), 0) + value

    def observe(self, metric, value, tags):
        self.all_of(metric).setdefault(_key(tags), []).append(value)

    def set(self, metric, value, tags):
        self.all_of(metric)[_key(tags)] = value

    def of(self, metric, **tags):
        """The value of one series; None while it does not exist."""
        return self.all_of(metric).get(_key(tags))

    def all_of(self, metric):
        """All series of a metric."""
        return self._series.setdefault(metric, {})


def _key(tags):
    return frozenset(tags.items())
