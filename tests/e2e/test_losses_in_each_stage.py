"""The caller's voice replica dies, or stands still, before, in and after each stage of a turn: no turn is lost, none is
done twice."""

import asyncio
import os
import signal
import sqlite3
import time

import pytest

from tests.e2e.page_caller import PageCaller
from tests.vendors.chat import Reply

pytestmark = pytest.mark.kills

RESUMED_WITHIN_S = 2.0
SAID = "put the kettle on my list please"
TOLD = "I put it on your list. Is there anything else that I can do for you today?"
SOUND_S = 4.0


@pytest.fixture
def titled(hosted):
    """The product, whose model puts a todo of a new title on the list, slowly; the title."""
    # first: a turn of the test before may still be repeated, and must not find this one's title
    hosted.wait_for_replicas("Voice", 2)
    title = f"kettle {time.monotonic_ns()}"
    # a turn that is lost is given up by its agent: its repetition begins with the tool again
    hosted.vendors.chat.replies = [Reply("", calls=(("create_todo", {"title": title}),), delay_s=0.3)]
    hosted.vendors.chat.after_a_tool = Reply(TOLD, delay_s=0.8, pace_s=0.12)
    hosted.vendors.speech.transcripts = [SAID]
    hosted.vendors.speech.stt_ms = 800
    hosted.vendors.speech.ms_per_character = 1000 * SOUND_S / len(TOLD)
    hosted.vendors.speech.speed = 2.0
    yield hosted, title
    hosted.vendors.chat.after_a_tool = None
    hosted.vendors.speech.stt_ms = 0
    hosted.vendors.speech.speed = 0.0


def rows(product, title):
    with sqlite3.connect(product.database) as database:
        return database.execute("SELECT count(*) FROM todos_anthropic WHERE title = ?", (title,)).fetchone()[0]


async def before_it(caller):
    return None


async def while_it_is_recorded(caller):
    await caller.send("start_recording", utterance_id="u-unfinished")
    await caller.send("audio_chunk", sequence=0, data_b64="AAAA" * 500)
    await caller.until("audio_ack")


async def while_it_is_recognized(caller):
    await caller.until("processing_start")
    await asyncio.sleep(0.3)


async def before_the_model_says_a_word(caller):
    await caller.until("transcript_final")


async def after_the_tool(caller):
    await caller.until("tool_event", phase="finished")


async def while_it_is_answered(caller):
    await caller.until("agent_stream_chunk")


async def while_it_is_spoken(caller):
    await caller.until("agent_final")
    await caller.until("sound", is_last=False)


async def after_it(caller):
    await caller.until("sound", is_last=True)


STAGES = [
    before_it,
    while_it_is_recorded,
    while_it_is_recognized,
    before_the_model_says_a_word,
    after_the_tool,
    while_it_is_answered,
    while_it_is_spoken,
    after_it,
]


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.__name__)
async def test_a_voice_replica_killed_in_any_stage_loses_no_turn_and_does_none_twice(titled, stage):
    product, title = titled
    async with PageCaller.calling(product) as caller:
        said_first = None if stage in (before_it, while_it_is_recorded) else await caller.speak()
        await stage(caller)
        replica = await asyncio.to_thread(product.voice_replica_of, caller.session_id)
        os.kill(replica, signal.SIGKILL)
        killed_at = time.monotonic()
        resumed = await caller.until("auth_ok", resumed=True)
        assert resumed["at"] - killed_at < RESUMED_WITHIN_S
        said = said_first or await caller.speak()
        assert (await caller.answer_to(said))["text"].strip() == TOLD
        assert caller.errors == []
    assert rows(product, title) == 1


async def test_a_replica_that_stands_still_and_wakes_up_does_nothing_more(titled):
    product, title = titled
    async with PageCaller.calling(product) as caller:
        said = await caller.speak()
        await caller.until("transcript_final")
        replica = await asyncio.to_thread(product.voice_replica_of, caller.session_id)
        os.kill(replica, signal.SIGSTOP)
        try:
            assert (await caller.answer_to(said))["text"].strip() == TOLD
            elsewhere = await asyncio.to_thread(product.voice_replica_of, caller.session_id)
            assert elsewhere != replica
        finally:
            os.kill(replica, signal.SIGCONT)
        async with asyncio.timeout(20):
            while not await asyncio.to_thread(product.has_said, "session_fenced", caller.session_id):
                await asyncio.sleep(0.2)
        assert await caller.answer_to(await caller.type("thank you"))
        assert caller.errors == []
    assert rows(product, title) == 1


async def test_a_lost_socket_that_comes_back_at_another_replica_while_the_old_one_lives(titled):
    product, title = titled
    async with PageCaller.calling(product) as caller:
        said = await caller.speak()
        await caller.until("tool_event", phase="started")
        first = await asyncio.to_thread(product.voice_replica_of, caller.session_id)
        async with asyncio.timeout(30):
            # HAProxy decides where it lands
            while await asyncio.to_thread(product.voice_replica_of, caller.session_id) == first:
                mark = len(caller.messages)
                caller.lose_socket()
                await caller.until("auth_ok", after=mark, resumed=True)
        assert (await caller.answer_to(said))["text"].strip() == TOLD
        assert caller.errors == []
    assert rows(product, title) == 1


async def test_both_voice_replicas_at_once(titled):
    product, title = titled
    async with PageCaller.calling(product) as caller:
        said = await caller.speak()
        await caller.until("transcript_final")
        for replica in await asyncio.to_thread(product.running, "Voice"):
            os.kill(replica, signal.SIGKILL)
        assert (await caller.answer_to(said, wait_s=120))["text"].strip() == TOLD
    assert rows(product, title) == 1
