"""The times at which pieces of an answer leave the agent."""

import asyncio

from convonet.agents.fillers import FILLERS, FillerTimer
from convonet.agents.writing import HOLD_S, AnswerWriter
from tests.virtual_time import virtual_time

TOKEN_S = 0.02
FIRST = "You have two things on your list."


class Reader:
    """Notes what leaves, and when."""

    def __init__(self, spoken="", *, filler_delay_s=60.0):
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self.pieces = []
        self.writer = AnswerWriter(spoken, spoken, FillerTimer(filler_delay_s), self._note)

    def _note(self, event):
        self.pieces.append((round(self._loop.time() - self._began, 3), event.text))

    @property
    def timers(self):
        return [timer for timer in self._loop._scheduled if not timer.cancelled()]


def tokens(text):
    """Words, each with the white space before it, as models cut them."""
    return [word if number == 0 else f" {word}" for number, word in enumerate(text.split(" "))]


async def write(writer, text):
    for token in tokens(text):
        writer.write(token)
        await asyncio.sleep(TOKEN_S)


@virtual_time
async def test_a_sentence_leaves_with_its_mark_without_waiting_for_the_next_word():
    reader = Reader()
    with reader.writer as writer:
        for token in tokens(FIRST):
            writer.write(token)
        assert reader.pieces == [(0, FIRST)]


@virtual_time
async def test_a_sentence_that_is_not_whole_leaves_in_steps_and_no_word_waits_longer():
    reader = Reader()
    with reader.writer as writer:
        await write(writer, "one two three four five six seven eight nine ten eleven twelve")
    assert "".join(text for _, text in reader.pieces).endswith("eleven twelve")
    assert [at for at, _ in reader.pieces] == [HOLD_S, 2 * HOLD_S, 12 * TOKEN_S]


@virtual_time
async def test_messages_are_few_however_fast_a_model_is():
    reader = Reader()
    with reader.writer as writer:
        for _ in range(3):
            await write(writer, FIRST + " ")
    assert "".join(text for _, text in reader.pieces) == (FIRST + " ") * 3
    assert len(reader.pieces) <= 3 * 2 + 1


@virtual_time
async def test_held_text_leaves_at_the_end_of_the_node_and_no_timer_is_left():
    reader = Reader()
    with reader.writer as writer:
        writer.write("Let me")
        assert reader.pieces == []
    assert reader.pieces == [(0, "Let me")]
    assert reader.timers == []


@virtual_time
async def test_nothing_leaves_and_no_timer_is_left_when_the_turn_is_cancelled():
    reader = Reader()
    turn = asyncio.create_task(_wait_for_more(reader.writer))
    await asyncio.sleep(HOLD_S / 2)
    turn.cancel()
    await asyncio.gather(turn, return_exceptions=True)
    assert reader.pieces == []
    assert reader.timers == []


async def _wait_for_more(writer):
    with writer:
        writer.write("Let me")
        await asyncio.sleep(60)


@virtual_time
async def test_a_filler_leaves_at_once_after_held_text():
    reader = Reader(filler_delay_s=HOLD_S / 2)
    with reader.writer as writer:
        writer.write("Let me see")
        await asyncio.sleep(HOLD_S / 2)
        assert reader.pieces == [(HOLD_S / 2, f"Let me see… {FILLERS[0]} ")]
    assert writer.content == "Let me see"
    assert writer.spoken == f"Let me see… {FILLERS[0]} "


@virtual_time
async def test_words_of_two_nodes_are_separated():
    reader = Reader("Let me see.")
    with reader.writer as writer:
        writer.write("It is on your list.")
    assert [text for _, text in reader.pieces] == [" It is on your list."]
