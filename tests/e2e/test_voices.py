"""Everyday sentences in three synthetic voices, through microphone, browser, recogniser and agent into the database."""

import sqlite3

import pytest

TODOS = [
    "buy milk",
    "call mom",
    "pay the rent",
    "water the plants",
    "clean the kitchen",
    "walk the dog",
    "book a flight",
    "send the report",
    "fix the car",
    "go to the bank",
]
NEEDED = 9


@pytest.mark.timeout(400)
@pytest.mark.parametrize("voice", ["slt", "rms", "kal16"])
def test_nine_of_ten_sentences_end_in_the_right_row(product, chromium, voice):
    missed = []
    with chromium(product, says=[f"add {title} to my todo list" for title in TODOS], voice=voice) as caller:
        for number, title in enumerate(TODOS):
            mark = len(caller.frames)
            caller.hold_and_speak(number)
            caller.until("audio_chunk", after=mark, is_final=True)
            if newest(product) != title:
                missed.append(title)
    assert len(TODOS) - len(missed) >= NEEDED, f"{voice} missed {missed}"


def newest(product):
    with sqlite3.connect(product.database) as database:
        row = database.execute("SELECT title FROM todos_anthropic ORDER BY created_at DESC LIMIT 1").fetchone()
    return row[0].lower() if row else None
