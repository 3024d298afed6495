"""What every test gets: a clean environment, the guard against real network, and the servers when asked for."""

from __future__ import annotations

pytest_plugins = [
    "pytester",
    "tests.fixtures.environment",
    "tests.fixtures.network",
    "tests.fixtures.postgres",
    "tests.fixtures.redis",
    "tests.fixtures.sqlite",
]
