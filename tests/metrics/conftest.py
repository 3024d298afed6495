"""Recorders whose values a test can read."""

import pytest

from convonet.metrics.recorder import NullSink, metrics
from tests.metrics.kept import Kept


@pytest.fixture
def kept():
    """The values of a recorder for this test, `kept.recorder`."""
    return Kept()


@pytest.fixture
def counted():
    """The values that the product's own code records during the test."""
    kept = Kept()
    metrics.set_sink(kept)
    yield kept
    metrics.set_sink(NullSink())
