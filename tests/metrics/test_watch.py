"""A process reports the lag of its event loop and its gauges."""

import asyncio
import time

from convonet.metrics import definitions as d
from convonet.metrics.watch import SAMPLE_DELAY_S, SAMPLES_PER_REPORT, Watch
from tests.virtual_time import virtual_time


async def test_a_block_of_the_loop_is_seen(kept):
    Watch(kept.recorder, "agent", sample_delay_s=0.01)
    await asyncio.sleep(0.02)
    time.sleep(0.1)  # noqa: ASYNC251 -- this is the block
    await asyncio.sleep(0.06)
    assert kept.of(d.LOOP_LAG, part="agent") > 50


@virtual_time
async def test_gauges_are_set_with_what_they_are_now(kept):
    desks = {"ready": 1, "on_call": 2}
    watch = Watch(kept.recorder, "call_center")
    watch.gauge(d.DESKS, lambda: desks)
    watch.gauge(d.SESSIONS, lambda: {"": 7})
    await asyncio.sleep(SAMPLE_DELAY_S * SAMPLES_PER_REPORT + 0.01)
    assert kept.of(d.DESKS, state="on_call") == 2
    assert kept.of(d.SESSIONS) == 7
    desks["on_call"] = 0
    await asyncio.sleep(SAMPLE_DELAY_S * SAMPLES_PER_REPORT)
    assert kept.of(d.DESKS, state="on_call") == 0


@virtual_time
async def test_a_gauge_that_fails_does_not_end_the_watch(kept):
    watch = Watch(kept.recorder, "agent")
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    watch.gauge(d.SESSIONS, lambda: 1 / 0)
    await asyncio.sleep(3 * SAMPLE_DELAY_S * SAMPLES_PER_REPORT)
    assert kept.of(d.LOOP_LAG, part="agent") == 0
