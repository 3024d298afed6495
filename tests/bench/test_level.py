"""One level of load: the real callers, the real vendors, and the bare server between them."""

from __future__ import annotations

import asyncio
import socket
import sys

import aiohttp
import pytest

from bench.harness.adapters import RawPcm
from bench.harness.callers import Behavior
from bench.harness.level import Load, Target, run_level
from bench.harness.meter import MARK
from deployments.launch.product import ROOT
from tests.fixtures.ports import free_port

BEHAVIOR = Behavior("pcm20", speech_s=0.2, think_s=0.1)


@pytest.fixture
async def bare(vendors):
    """A bare server in a process of its own, which carries a mark."""
    port = free_port()
    command = [sys.executable, "-m", "bench.peers.bare_server", "--port", str(port), "--vendors", vendors]
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env={MARK: "test-level"})
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        await asyncio.sleep(0.05)
    yield Target("bare", f"http://127.0.0.1:{port}/ws", RawPcm, BEHAVIOR, "test-level", (0,), vendors, "?tool=1")
    process.terminate()
    await process.wait()


@pytest.mark.parametrize("tool", [False, True])
async def test_each_turn_is_measured_against_the_critical_path(bare, tool):
    result = await run_level(bare, Load(3, 3.0, tool=tool))
    assert result.failures == []
    assert result.is_clean
    assert result.critical_path_ms == pytest.approx(88 if tool else 67)
    assert all(turn.audio_ms == 1800 for turn in result.records)
    assert result.added_ms.p50 > 0
    assert result.use.server_cpu > 0
    assert result.use.pss_mib > 5
    assert result.use.vendors["counts"].get("tool_calls", 0) >= (result.turns if tool else 0)


async def test_a_turn_without_an_answer_counts_with_the_callers_timeout(vendors):
    """A server that is ready and then says nothing."""

    async def serve(request: aiohttp.web.Request) -> aiohttp.web.WebSocketResponse:
        caller = aiohttp.web.WebSocketResponse()
        await caller.prepare(request)
        await caller.send_str('{"type":"ready"}')
        async for _ in caller:
            pass
        return caller

    app = aiohttp.web.Application()
    app.add_routes([aiohttp.web.get("/ws", serve)])
    runner = aiohttp.web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await aiohttp.web.TCPSite(runner, "127.0.0.1", port).start()
    behavior = Behavior("pcm20", speech_s=0.1, think_s=0.1, timeout_s=0.5)
    target = Target("mute", f"http://127.0.0.1:{port}/ws", RawPcm, behavior, "nobody", (0,), vendors)
    result = await run_level(target, Load(2, 2.0))
    await runner.cleanup()
    assert result.failed_turns == result.turns > 0
    assert result.added_ms.p50 == 500
    assert result.failures == ["timeout"]
