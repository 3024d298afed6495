"""Everyday sentences in three synthetic voices, through microphone, browser, recognizer and agent into the database."""

import sqlite3

import pytest

pytestmark = pytest.mark.spoken_set

VOICES = ("slt", "rms", "kal16")
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
NEEDED = 0.9


def test_nine_of_ten_sentences_end_in_the_right_row(product, chromium):
    before = rows(product)
    added = {voice: say_all(product, chromium, voice) for voice in VOICES}
    right = sum(map(len, added.values()))
    assert right >= NEEDED * len(TODOS) * len(VOICES), added
    for title in TODOS:
        assert rows(product).count(title) - before.count(title) == sum(title in titles for titles in added.values())


def say_all(product, chromium, voice):
    """What the agent says that it has added for a caller with this voice."""
    says = [f"add {title} to my todo list" for title in TODOS]
    added = []
    with chromium(product, says=says, voice=voice) as caller:
        for number, title in enumerate(TODOS):
            mark = len(caller.frames)
            caller.hold_and_speak(number)
            if caller.answer(after=mark)[0] == f"I added {title} to your list.":
                added.append(title)
    return added


def rows(product):
    with sqlite3.connect(product.database) as database:
        return [title.lower() for (title,) in database.execute("SELECT title FROM todos_anthropic")]
