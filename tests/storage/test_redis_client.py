"""Errors of scripts on a real Redis, which may be down for a while or refuse one call for good."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from redis.exceptions import ResponseError

from convonet.core.errors import StorageError, StorageRefused
from convonet.storage.redis_client import ScriptRunner, _failure, redis_client

PUSH = "return redis.call('LPUSH', KEYS[1], 'a')"


@asynccontextmanager
async def set_to(redis, **options):
    """These options of the server, and those from before afterwards."""
    names = {name: name.replace("_", "-") for name in options}
    before = {name: (await redis.config_get(names[name]))[names[name]] for name in options}
    for name, value in options.items():
        await redis.config_set(names[name], value)
    yield
    for name, value in before.items():
        await redis.config_set(names[name], value)


async def failure_of(run):
    with pytest.raises(StorageError) as failed:
        await run(["list"], [])
    return failed.value


async def test_a_permanent_refusal_by_redis_differs_from_an_unreachable_redis(redis_server, redis_url):
    run = ScriptRunner(redis_url).register(PUSH)
    await redis_client(redis_url).set("list", "none")
    refused = await failure_of(run)
    assert isinstance(refused, StorageRefused)
    assert not refused.retryable
    redis_server.kill()
    away = await failure_of(run)
    assert not isinstance(away, StorageRefused)
    assert away.retryable


async def test_an_argument_that_redis_cannot_take_is_refused(redis_url):
    run = ScriptRunner(redis_url).register(PUSH)
    with pytest.raises(StorageRefused):
        await run(["list"], [None])


async def test_a_redis_that_accepts_no_writes_counts_as_down(redis_url):
    redis = redis_client(redis_url)
    run = ScriptRunner(redis_url).register(PUSH)
    async with set_to(redis, maxmemory=1):
        assert not isinstance(await failure_of(run), StorageRefused)
    async with set_to(redis, min_replicas_to_write=1):
        assert not isinstance(await failure_of(run), StorageRefused)
    await redis.replicaof("127.0.0.1", 1)
    assert not isinstance(await failure_of(run), StorageRefused)
    async with set_to(redis, replica_serve_stale_data="no"):
        assert not isinstance(await failure_of(run), StorageRefused)
    await redis.replicaof("NO", "ONE")
    assert await run(["list"], []) == 1


async def test_a_redis_that_is_busy_with_a_script_counts_as_down(redis_url):
    redis = redis_client(redis_url)
    run = ScriptRunner(redis_url).register(PUSH)
    async with set_to(redis, lua_time_limit=10):
        endless = asyncio.create_task(redis.eval("while true do end", 0))
        await asyncio.sleep(0.2)
        assert not isinstance(await failure_of(run), StorageRefused)
        await redis.execute_command("SCRIPT", "KILL")
        with pytest.raises(ResponseError):
            await endless


def test_the_errors_of_redis_6_about_a_command_in_a_script_are_distinguished_too():
    said = "Error running script (call to f_1): @user_script:1: {}"
    wrong = ResponseError(said.format("WRONGTYPE Operation against a key"), status_code="ERR")
    assert isinstance(_failure(wrong), StorageRefused)
    passing = ResponseError(said.format("-READONLY You can't write"), status_code="ERR")
    assert not isinstance(_failure(passing), StorageRefused)
