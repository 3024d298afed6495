"""What every test gets: a clean environment, the guard against real network, and the servers when asked for."""

from __future__ import annotations

import os

# tests run side by side: numpy's own threads beside them would only wait for each other
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

pytest_plugins = [
    "pytester",
    "tests.fixtures.collector",
    "tests.fixtures.environment",
    "tests.fixtures.network",
    "tests.fixtures.postgres",
    "tests.fixtures.redis",
    "tests.fixtures.sqlite",
]
