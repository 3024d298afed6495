"""Sentences of callers, with the rows that must be in the database afterwards: the rules on real tools."""

import pytest
import pytest_asyncio

from convonet.core.hand_over import HandOverDecision
from tests.agents.conftest import running_world

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIST = ("buy milk", "call the dentist | 2026-11-20T09:00", "pay the rent | 2026-11-30 | high", "water the plants")
KEPT = frozenset(
    {"buy milk", "call the dentist | 2026-11-20T09:00", "pay the rent | 2026-11-30 | high", "water the plants"}
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory):
    async with running_world(f"sqlite+aiosqlite:///{tmp_path_factory.mktemp('sentences') / 'test.db'}") as world:
        yield world


ADDED = [
    ("add buy bread to my todo list", "buy bread"),
    ("Add buy bread to my to-do list.", "buy bread"),
    ("please add buy bread to my list", "buy bread"),
    ("um, could you please add uh buy bread to my to do list please", "buy bread"),
    ("put buy bread on my list", "buy bread"),
    ("add buy bread", "buy bread"),
    ("add buy bread to list", "buy bread"),
    ("at buy bread to my two do list", "buy bread"),
    ("buy bread to my todo list", "buy bread"),
    ("and by bread to my todo list", "by bread"),
    ("bed buy bread to my todo list", "buy bread"),
    ("then buy bread to my list", "buy bread"),
    ("add a task to buy bread", "buy bread"),
    ("create a new task called buy bread", "buy bread"),
    ("make a todo buy bread", "buy bread"),
    ("new todo buy bread", "buy bread"),
    ("remind me to buy bread", "buy bread"),
    ("Can you remind me to buy bread?", "buy bread"),
    ("set a reminder to buy bread", "buy bread"),
    ("don't let me forget to buy bread", "buy bread"),
    ("i need to buy bread", "buy bread"),
    ("i have to buy bread tomorrow", "buy bread | 2026-11-19"),
    ('Add "send invoice" to the list, please, with high priority', "send invoice | high"),
    ("create a high priority task finish the report", "finish the report | high"),
    ("add an urgent todo to renew the passport by december 5th", "renew the passport | 2026-12-05 | urgent"),
    ("add buy bread to my list as low priority", "buy bread | low"),
    ("remind me to call mom tomorrow at five", "call mom | 2026-11-19T17:00"),
    ("remind me tomorrow at five to call mom", "call mom | 2026-11-19T17:00"),
    ("remind me at 6:30 pm to take the medicine", "take the medicine | 2026-11-18T18:30"),
    ("put go to the gym on my list tomorrow at half past seven in the morning", "go to the gym | 2026-11-19T07:30"),
    ("add pay the bills due friday to my list", "pay the bills | 2026-11-20"),
    ("add pay the bills to my list for next monday", "pay the bills | 2026-11-23"),
    ("remind me to pay the bills on the 1st", "pay the bills | 2026-12-01"),
    ("remind me in 20 minutes to check the oven", "check the oven | 2026-11-18T14:50"),
    ("add book a table for two to my list", "book a table for two"),
    ("add walk the dog every day to my list", "walk the dog every day"),
    ("add talk to a person about insurance to my list", "talk to a person about insurance"),
]

CHANGED = [
    ("mark buy milk as done", "buy milk", "buy milk | done"),
    ("Mark the milk as complete.", "buy milk", "buy milk | done"),
    ("mark by milk as done", "buy milk", "buy milk | done"),
    ("i finished watering the plants", "water the plants", "water the plants | done"),
    ("I paid the rent", "pay the rent | 2026-11-30 | high", "pay the rent | 2026-11-30 | high | done"),
    ("i've already bought the milk", "buy milk", "buy milk | done"),
    ("i'm done with the plants", "water the plants", "water the plants | done"),
    ("check off buy milk", "buy milk", "buy milk | done"),
    ("cross buy milk off my list", "buy milk", "buy milk | done"),
    ("buy milk is done", "buy milk", "buy milk | done"),
    ("complete the first one", "call the dentist | 2026-11-20T09:00", "call the dentist | 2026-11-20T09:00 | done"),
    ("rename buy milk to buy oat milk", "buy milk", "buy oat milk"),
    ("change buy milk to buy bread", "buy milk", "buy bread"),
    ("change the name of buy milk to go to the market", "buy milk", "go to the market"),
    ("change buy milk to tomorrow at noon", "buy milk", "buy milk | 2026-11-19T12:00"),
    ("move the dentist to next friday", "call the dentist | 2026-11-20T09:00", "call the dentist | 2026-11-27"),
    ("postpone the rent until december third", "pay the rent | 2026-11-30 | high", "pay the rent | 2026-12-03 | high"),
    ("set the due date of buy milk to friday at five", "buy milk", "buy milk | 2026-11-20T17:00"),
    ("buy milk is due on saturday", "buy milk", "buy milk | 2026-11-21"),
    ("make buy milk urgent", "buy milk", "buy milk | urgent"),
    ("set the priority of the rent to low", "pay the rent | 2026-11-30 | high", "pay the rent | 2026-11-30 | low"),
    ("buy milk is important", "buy milk", "buy milk | high"),
]

DELETED = [
    ("delete buy milk", "buy milk"),
    ("remove the plants from my list", "water the plants"),
    ("take buy milk off my list", "buy milk"),
    ("please delete the second one", "pay the rent | 2026-11-30 | high"),
    ("get rid of the milk one", "buy milk"),
]

ASKED = [
    (
        "what's on my list",
        "You have 4 things on your list: call the dentist, pay the rent, water the plants and buy milk.",
    ),
    ("What are my todos?", "4 things"),
    ("read my list to me", "4 things"),
    ("show me what is on my list", "4 things"),
    ("tell me everything on my list", "4 things"),
    ("what do you have on my list", "4 things"),
    ("how many tasks do i have", "You have 4 things on your list."),
    ("what do i have to do on friday", "You have one thing due on friday: call the dentist."),
    ("do i have anything due this week", "You have one thing due this week: call the dentist."),
    ("what's due tomorrow", "There is nothing due tomorrow."),
    ("what are my high priority tasks", "You have one high thing on your list: pay the rent."),
    ("what have i finished", "There is nothing done."),
    ("what's next", "Next is call the dentist, due Friday, November 20 at 9 am."),
    ("when is the rent due", "pay the rent is on your list, due Monday, November 30, with high priority."),
    ("is buy milk on my list", "buy milk is on your list, without a due date."),
    ("is buy bread on my list", "I can't find buy bread on your list."),
    ("mark the laundry as done", "I can't find the laundry on your list."),
    ("delete the tenth one", "There aren't that many things on your list."),
]

NOT_TODOS = [
    ("hello", "Hello Ann. What can I do for you?"),
    ("Good morning!", "Hello Ann"),
    ("thank you very much", "You're welcome."),
    ("goodbye", "Goodbye."),
    ("what can you do", "look after your to-do list."),
    ("help", "look after your to-do list."),
    ("who are you", "Convonet"),
    ("what day is it", "Today is Wednesday, November 18."),
    ("yes", "What can I do for you?"),
    ("never mind", "Okay."),
    ("what is the weather in paris", "Sorry, I didn't understand that, or I can't help with it."),
    ("tell me a joke", "Sorry, I didn't understand that"),
    ("my real estate agent", "Sorry, I didn't understand that"),
    ("transfer 500 dollars", "Sorry, I didn't understand that"),
    ("don't transfer me", "Sorry, I didn't understand that"),
    ("xyzzy", "Sorry, I didn't understand that"),
]


@pytest.mark.parametrize(("said", "row"), ADDED)
async def test_a_sentence_that_adds_adds_one_row(world, said, row):
    talk = await world.talk(*LIST)
    heard = await talk.say(said)
    assert heard.tools == ["create_todo"]
    assert heard.text.startswith("I added ")
    assert await world.rows(talk) == KEPT | {row}


@pytest.mark.parametrize(("said", "before", "after"), CHANGED)
async def test_a_sentence_that_changes_changes_that_row_only(world, said, before, after):
    talk = await world.talk(*LIST)
    heard = await talk.say(said)
    assert heard.failed == []
    assert await world.rows(talk) == KEPT - {before} | {after}


@pytest.mark.parametrize(("said", "row"), DELETED)
async def test_a_row_is_deleted_after_a_yes_only(world, said, row):
    talk = await world.talk(*LIST)
    assert (await talk.say(said)).text.startswith("Do you really want to delete ")
    assert await world.rows(talk) == KEPT
    assert (await talk.say("yes please")).tools == ["delete_todo"]
    assert await world.rows(talk) == KEPT - {row}


@pytest.mark.parametrize(("said", "answer"), ASKED)
async def test_a_question_is_answered_and_changes_nothing(world, said, answer):
    talk = await world.talk(*LIST)
    heard = await talk.say(said)
    assert answer in heard.text
    assert heard.tools == ["get_todos"]
    assert heard.final.agent_type == "todo"
    assert await world.rows(talk) == KEPT


@pytest.mark.parametrize("said", ["let me talk to a person", "transfer me to a human agent please", "operator"])
async def test_a_sentence_that_asks_for_a_person_hands_over(world, said):
    heard = await (await world.talk(*LIST)).say(said)
    assert heard.text == "I'll connect you to a person in support now."
    assert heard.final.hand_over == HandOverDecision("support", "2001", said)


@pytest.mark.parametrize(("said", "answer"), NOT_TODOS)
async def test_a_sentence_without_a_todo_is_answered_without_a_tool(world, said, answer):
    talk = await world.talk(*LIST)
    heard = await talk.say(said)
    assert answer in heard.text
    assert heard.tools == []
    assert heard.final.hand_over is None
    assert await world.rows(talk) == KEPT
