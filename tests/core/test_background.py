"""Background tasks: their owner ends them, and a crash is logged."""

import asyncio
from contextvars import ContextVar

from structlog.testing import capture_logs

from convonet.core.background import BackgroundTasks

WHERE = ContextVar("where", default="nowhere")


async def test_a_crash_is_in_the_log_and_a_cancellation_is_not():
    async def crash() -> None:
        raise ValueError("a fault of ours")

    tasks = BackgroundTasks()
    with capture_logs() as logs:
        tasks.spawn(crash())
        cancelled = tasks.spawn(asyncio.sleep(30))
        await asyncio.sleep(0)
        cancelled.cancel()
        await tasks.wait_all()
        await asyncio.sleep(0)
    assert [(line["event"], type(line["exc_info"])) for line in logs] == [("background_task_crashed", ValueError)]
    assert not len(tasks)


async def test_work_may_have_a_context_of_its_own():
    seen = []

    async def look() -> None:
        seen.append(WHERE.get())

    WHERE.set("here")
    tasks = BackgroundTasks()
    await tasks.spawn(look())
    await tasks.spawn(look(), own_context=True)
    assert seen == ["here", "nowhere"]


async def test_the_owner_cancels_all_tasks_and_waits_for_their_end():
    ended = []

    async def run() -> None:
        try:
            await asyncio.sleep(30)
        finally:
            ended.append(True)

    tasks = BackgroundTasks()
    tasks.spawn(run())
    tasks.spawn(run())
    await asyncio.sleep(0)
    await tasks.cancel_and_wait()
    assert ended == [True, True]


async def test_a_task_that_ends_its_owner_does_not_wait_for_itself():
    tasks = BackgroundTasks()
    await asyncio.wait_for(tasks.spawn(tasks.wait_all()), timeout=1)
