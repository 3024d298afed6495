"""The fixtures themselves: a server that a test kills comes back, and the network guard can't be silenced."""

from __future__ import annotations

import contextlib
import socket

import asyncpg
import pytest
import redis

from tests.fixtures.network import RealNetworkError, _attempts
from tests.fixtures.redis import RedisServer


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1"])
def test_a_connection_to_another_machine_is_refused_and_noted(host: str) -> None:
    with pytest.raises(RealNetworkError):
        socket.create_connection((host, 80), timeout=0.1)
    assert _attempts
    _attempts.clear()


def test_a_name_of_another_machine_is_not_even_looked_up() -> None:
    with pytest.raises(RealNetworkError):
        socket.getaddrinfo("example.com", 443)
    _attempts.clear()


def test_a_datagram_to_another_machine_is_refused() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock, pytest.raises(RealNetworkError):
        sock.sendto(b"x", ("192.0.2.1", 53))
    _attempts.clear()


def test_loopback_is_allowed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname()).close()
        socket.create_connection(("localhost", server.getsockname()[1])).close()


def test_swallowing_the_error_still_fails_the_test(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(request.config.rootpath))
    pytester.makeconftest("pytest_plugins = ['tests.fixtures.network']")
    pytester.makepyfile(
        """
        import contextlib, socket

        def test_it():
            with contextlib.suppress(Exception):
                socket.create_connection(("192.0.2.1", 80))
        """
    )
    pytester.runpytest_subprocess().assert_outcomes(passed=1, errors=1)


async def test_each_database_is_new_and_empty(fresh_database: str) -> None:
    connection = await asyncpg.connect(fresh_database)
    try:
        assert await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
        assert await connection.fetchval("SHOW fsync") == "off"
    finally:
        await connection.close()


def test_a_killed_redis_can_be_restarted(redis_server: RedisServer) -> None:
    with contextlib.closing(redis.Redis.from_url(redis_server.url, retry=None)) as client:
        client.set("a", 1)
        redis_server.kill()
        with pytest.raises(redis.ConnectionError):
            client.ping()
        redis_server.restart()
        assert client.get("a") is None


def test_a_paused_redis_hangs_until_it_is_resumed(redis_server: RedisServer) -> None:
    with contextlib.closing(redis.Redis.from_url(redis_server.url, socket_timeout=0.2, retry=None)) as client:
        redis_server.pause()
        with pytest.raises(redis.TimeoutError):
            client.ping()
        redis_server.resume()
        assert client.ping()
