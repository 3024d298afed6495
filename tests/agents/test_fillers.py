"""The time at which a waiting caller must hear something."""

import asyncio
import itertools

import pytest

from convonet.agents.fillers import CHARACTERS_PER_S, FILLERS, FillerTimer


async def test_words_put_it_off_until_they_have_been_spoken():
    timer = FillerTimer(1.4)
    now = asyncio.get_running_loop().time()
    timer.note_text("Let me see. ")
    timer.note_text("There is one thing. And")
    assert timer.due_at == pytest.approx(now + 1.4 + len("Let me see.There is one thing.") / CHARACTERS_PER_S, abs=0.1)


async def test_half_a_sentence_is_not_spoken_yet_but_flows():
    timer = FillerTimer(1.4)
    await asyncio.sleep(0.2)
    timer.note_text("Let me")
    assert timer.due_at == pytest.approx(asyncio.get_running_loop().time() + 1.4, abs=0.1)


async def test_white_space_is_no_word():
    timer = FillerTimer(1.4)
    before = timer.due_at
    await asyncio.sleep(0.01)
    timer.note_text("\n\n")
    assert timer.due_at == before


async def test_no_sentence_is_said_twice_in_a_row():
    timer = FillerTimer(1.4)
    said = [timer.next_filler() for _ in range(2 * len(FILLERS))]
    assert all(one != next_one for one, next_one in itertools.pairwise(said))
    assert set(said) == set(FILLERS)
