"""The benchmark's vendors in this process, answering quickly."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from bench.harness.script import Delays
from bench.vendors.__main__ import application
from tests.fixtures.ports import free_port

QUICK = Delays(stt_final_ms=20.0, llm_ttft_ms=20.0, llm_token_ms=1.0, tts_ttfb_ms=20.0, tts_speed=50.0, ms_per_char=0.1)


@pytest.fixture
async def vendors() -> AsyncIterator[str]:
    """Their address."""
    runner = web.AppRunner(application(QUICK, "space"))
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield f"http://127.0.0.1:{port}"
    await runner.cleanup()
