"""The health check of each deployment fails for what its replica can't work without."""

import asyncio
import importlib
import inspect
import time

import pytest
import yaml

from actors.session_registry import CONFIRM_TIMEOUT_S
from convonet.core.errors import SpeechUnavailable, StorageError
from convonet.rpc.server import RpcServer
from convonet.settings.speech import SpeechSettings
from convonet.speech.local.service import LocalSpeech
from deployments.health_checks import EventLoopLate, check_event_loop
from deployments.launch.steps import ROOT
from tests.sessions.doubles import World
from tests.virtual_time import virtual_time

CONFIG = yaml.safe_load((ROOT / "serve_config.yaml").read_text())
DEPLOYMENTS = [
    (application["import_path"].partition(":")[0], deployment["name"])
    for application in CONFIG["applications"]
    for deployment in application["deployments"]
]


@pytest.mark.parametrize(("module", "name"), DEPLOYMENTS)
def test_every_deployment_has_a_health_check_that_looks_at_the_event_loop_and_more(module, name):
    found = getattr(importlib.import_module(module), name)
    check = getattr(found, "func_or_class", found).check_health
    assert inspect.iscoroutinefunction(check), "Serve runs other ones outside the event loop"
    body = inspect.getsource(check)
    assert "await check_event_loop()" in body
    assert body.count("check") > 2, "it must also look at what the replica can't work without"


async def test_an_event_loop_that_is_late_fails():
    asyncio.get_running_loop().call_soon(time.sleep, 0.05)
    with pytest.raises(EventLoopLate, match="for one turn"):
        await check_event_loop(max_lag_s=0.02)
    await check_event_loop(max_lag_s=0.02)


async def test_a_port_that_is_closed_fails():
    server = RpcServer(None, stop_timeout_s=1)
    with pytest.raises(RuntimeError, match="closed"):
        server.check_listening()
    await server.start("127.0.0.1")
    server.check_listening()
    await server.stop()
    with pytest.raises(RuntimeError, match="closed"):
        server.check_listening()


async def test_a_speech_worker_that_can_not_be_started_fails(tmp_path):
    speech = LocalSpeech(SpeechSettings(CONVONET_LOCAL_VOICE="nobody"), tmp_path)
    speech.check_workers()
    with pytest.raises(SpeechUnavailable, match="does not start"):
        await speech.synthesize_pcm("hello")
    with pytest.raises(SpeechUnavailable, match="does not start"):
        speech.check_workers()
    speech.close()


class SilentStore:
    """A checkpoint store that takes no notice of one process."""

    async def hold(self, *_):
        await asyncio.Event().wait()


@virtual_time
async def test_sessions_that_the_store_does_not_confirm_fail_and_a_store_that_is_down_does_not():
    world = World(replicas=1)
    (replica,) = world.replicas.values()
    async with world.caller():
        replica.store_is_cut = True
        await asyncio.sleep(2 * CONFIRM_TIMEOUT_S)
        replica.registry.check_confirming()
        replica.store_is_cut = False
        replica.registry._checkpoints = SilentStore()
        await asyncio.sleep(CONFIRM_TIMEOUT_S - 5)
        replica.registry.check_confirming()
        await asyncio.sleep(10)
        with pytest.raises(StorageError, match="not confirmed"):
            replica.registry.check_confirming()
        replica.registry._checkpoints = replica
    await world.end()
