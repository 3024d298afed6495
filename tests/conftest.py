"""What every test gets: the servers' fixtures, and the guard against real network."""

from __future__ import annotations

pytest_plugins = ["pytester", "tests.fixtures.network", "tests.fixtures.postgres", "tests.fixtures.redis"]
