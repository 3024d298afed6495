"""Tasks whose result nobody waits for."""

import asyncio
from contextvars import ContextVar

from structlog.testing import capture_logs

from convonet.core.background import in_background

WHERE = ContextVar("where", default="nowhere")


async def test_a_crash_is_in_the_log_and_a_cancellation_is_not():
    async def crash():
        raise ValueError("a fault of ours")

    with capture_logs() as logs:
        crashed, cancelled = in_background(crash()), in_background(asyncio.sleep(30))
        await asyncio.sleep(0)
        cancelled.cancel()
        await asyncio.wait([crashed, cancelled])
        await asyncio.sleep(0)
    assert [(line["event"], type(line["exc_info"])) for line in logs] == [("background_task_crashed", ValueError)]


async def test_work_may_have_a_context_of_its_own():
    seen = []

    async def look():
        seen.append(WHERE.get())

    WHERE.set("here")
    await in_background(look())
    await in_background(look(), own_context=True)
    assert seen == ["here", "nowhere"]
