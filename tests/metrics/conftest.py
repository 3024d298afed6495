"""Recorders whose values a test can read."""

import pytest

from convonet.metrics.recorder import NullSink, metrics
from tests.metrics.kept import Kept


@pytest.fixture
def kept():
    """What a recorder of the test's own has taken; `kept.recorder` is it."""
    return Kept()


@pytest.fixture
def counted():
    """What the product's own code counts during the test."""
    kept = Kept()
    metrics.set_sink(kept)
    yield kept
    metrics.set_sink(NullSink())
