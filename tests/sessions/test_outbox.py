"""The output of a session that its client may not have received."""

import asyncio
from contextlib import aclosing

import pytest

from convonet.sessions.messages import BinaryFrame, MediaLegChanged, ToClient
from convonet.sessions.outbox import MAX_SENT, Outbox, SlowReader
from tests.virtual_time import virtual_time


async def read(outbox, last_seq, count):
    async with aclosing(outbox.read(last_seq)) as entries:
        return [entry async for entry in _first(entries, count)]


async def _first(entries, count):
    while count:
        yield await anext(entries)
        count -= 1


def filled(count):
    outbox = Outbox()
    for seq in range(1, count + 1):
        outbox.write(ToClient(seq, f"message {seq}"))
    return outbox


@virtual_time
async def test_a_reader_gets_what_its_client_lacks_and_then_new_entries():
    outbox = filled(3)
    async with aclosing(outbox.read(1)) as entries:
        assert [(await anext(entries)).seq for _ in range(2)] == [2, 3]
        outbox.write(BinaryFrame(4, b"sound"))
        assert (await anext(entries)).seq == 4


@virtual_time
async def test_what_was_not_acknowledged_is_read_again():
    outbox = filled(3)
    await read(outbox, 0, 3)
    outbox.acknowledge(2)
    assert [entry.seq for entry in await read(outbox, 2, 1)] == [3]


@virtual_time
async def test_a_second_reader_ends_the_first():
    outbox = filled(1)
    async with aclosing(outbox.read(0)) as first, aclosing(outbox.read(0)) as second:
        assert (await anext(first)).seq == 1
        waiting = asyncio.create_task(anext(first, None))
        assert (await anext(second)).seq == 1
        assert await waiting is None
        assert outbox.has_reader
    assert not outbox.has_reader


@virtual_time
async def test_a_closed_outbox_is_read_to_its_end():
    outbox = filled(2)
    outbox.close()
    assert [entry.seq async for entry in outbox.read(0)] == [1, 2]


@virtual_time
async def test_the_oldest_entries_are_dropped_when_there_are_too_many_bytes():
    outbox = Outbox(max_bytes=100)
    for seq in range(1, 21):
        outbox.write(BinaryFrame(seq, bytes(10)))
    assert [entry.seq for entry in await read(outbox, 0, 10)] == list(range(11, 21))


@virtual_time
async def test_a_reader_that_reads_nothing_is_given_up_and_its_memory_is_bounded():
    outbox = Outbox(max_bytes=100)
    async with aclosing(outbox.read(0)) as entries:
        outbox.write(BinaryFrame(1, bytes(10)))
        await anext(entries)
        for seq in range(2, 1_000):
            outbox.write(BinaryFrame(seq, bytes(10)))
        assert len(outbox) <= 10
        assert not outbox._reader.unread
        with pytest.raises(SlowReader):
            await anext(entries)


@virtual_time
async def test_sent_audio_is_dropped_at_the_next_turn_and_the_last_messages_are_kept():
    outbox = Outbox()
    async with aclosing(outbox.read(0)) as entries:
        for seq in range(1, 2 * MAX_SENT + 1):
            outbox.write(ToClient(seq, "text") if seq % 2 else BinaryFrame(seq, b"sound"))
            await anext(entries)
        outbox.drop_sent_audio()
        outbox.write(MediaLegChanged(None))
    kept = await read(outbox, 0, MAX_SENT + 1)
    assert [type(entry) for entry in kept] == [ToClient] * MAX_SENT + [MediaLegChanged]


@virtual_time
async def test_unsent_audio_is_kept():
    outbox = Outbox()
    outbox.write(BinaryFrame(1, b"sound"))
    outbox.drop_sent_audio()
    assert len(outbox) == 1
