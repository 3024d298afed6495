"""Conversations of several turns, on both databases: questions, choices, corrections, "it" and "the second one"."""

import pytest

from convonet.domains.todo.enums import Priority
from tests.agents.conftest import owner_of


async def test_a_missing_title_is_asked_for(world):
    talk = await world.talk()
    assert (await talk.say("add a todo for friday")).text == "What should I add to your list?"
    await talk.say("call the bank")
    assert await world.rows(talk) == {"call the bank | 2026-11-20"}


async def test_a_command_can_be_the_title_that_was_asked_for(world):
    talk = await world.talk()
    await talk.say("remind me")
    await talk.say("finish the report")
    assert await world.rows(talk) == {"finish the report"}


async def test_something_to_do_with_no_word_about_a_list_is_added_after_a_yes(world):
    talk = await world.talk()
    assert (await talk.say("buy milk")).text == "Do you want me to add buy milk to your list?"
    assert await world.rows(talk) == set()
    await talk.say("yes")
    await talk.say("call mom")
    assert (await talk.say("no thanks")).text == "Okay, I won't add anything."
    assert await world.rows(talk) == {"buy milk"}


async def test_of_several_the_caller_chooses_by_place_or_by_words(world):
    talk = await world.talk("call mom", "call dad", "buy milk")
    heard = await talk.say("delete call")
    assert heard.text == "Which one do you mean: call dad or call mom?"
    assert (await talk.say("the second one")).text == "Do you really want to delete call mom?"
    await talk.say("yes")
    assert await world.rows(talk) == {"call dad", "buy milk"}
    await world.todos.create(owner_of(talk.caller), "call ann", None, Priority.MEDIUM, None)
    await talk.say("mark call as done")
    await talk.say("the one for dad")
    assert await world.rows(talk) == {"call dad | done", "call ann", "buy milk"}


async def test_a_near_miss_is_asked_about(world):
    talk = await world.talk("get milk")
    assert (await talk.say("mark buy milk as done")).text == "Did you mean get milk?"
    await talk.say("yes")
    assert await world.rows(talk) == {"get milk | done"}


async def test_it_means_the_todo_talked_about_last(world):
    talk = await world.talk("buy milk")
    await talk.say("remind me to call ann")
    await talk.say("change it to call anna")
    await talk.say("make it saturday at six")
    await talk.say("make it high priority")
    assert await world.rows(talk) == {"buy milk", "call anna | 2026-11-21T18:00 | high"}
    await talk.say("make it seven instead")
    await talk.say("i'm done with it")
    assert "call anna | 2026-11-18T19:00 | high | done" in await world.rows(talk)


async def test_a_place_means_the_list_as_it_was_read_out(world):
    talk = await world.talk("a walk | 2026-12-03", "a call | 2026-12-01", "a test | 2026-12-02")
    await talk.say("what's on my list")
    await talk.say("mark the first one as done")
    await talk.say("mark the last one as done")
    rows = {"a call | 2026-12-01 | done", "a test | 2026-12-02", "a walk | 2026-12-03 | done"}
    assert await world.rows(talk) == rows


async def test_a_long_list_is_read_in_parts(world):
    talk = await world.talk(*[f"task {letter} | 2026-12-{day:02d}" for day, letter in enumerate("abcdefgh", 1)])
    heard = await talk.say("what's on my list")
    assert heard.text == "You have 8 things on your list: task a, task b, task c, task d, task e, and 3 more."
    assert (await talk.say("what else")).text == "Then there are task f, task g and task h."
    assert (await talk.say("what else")).text == "That's all on your list."


async def test_everything_is_deleted_after_one_question(world):
    talk = await world.talk("buy milk", "call mom", "call dad")
    assert "Are you sure?" in (await talk.say("delete all my todos")).text
    await talk.say("no")
    assert len(await world.rows(talk)) == 3
    await talk.say("clear my list")
    heard = await talk.say("yes i'm sure")
    assert heard.tools == ["delete_todo"] * 3
    assert await world.rows(talk) == set()


async def test_only_done_todos_are_cleared(world):
    talk = await world.talk("buy milk", "call mom")
    await talk.say("mark buy milk as done")
    await talk.say("clear my completed todos")
    await talk.say("yes")
    assert await world.rows(talk) == {"call mom"}


async def test_a_done_todo_can_be_opened_again(world):
    talk = await world.talk("buy milk")
    await talk.say("mark buy milk as done")
    assert (await talk.say("i didn't finish buy milk")).text == "Okay, buy milk is open again."
    assert await world.rows(talk) == {"buy milk"}


@pytest.mark.parametrize("instead", ["hello", "what can you do", "what's on my list", "tell me a joke"])
async def test_a_yes_long_after_the_question_deletes_nothing(world, instead):
    talk = await world.talk("buy milk")
    await talk.say("delete buy milk")
    await talk.say(instead)
    await talk.say(instead)
    assert (await talk.say("yes")).tools == []
    assert await world.rows(talk) == {"buy milk"}


async def test_an_answer_that_is_none_is_asked_for_again_once(world):
    talk = await world.talk("buy milk")
    await talk.say("delete buy milk")
    assert (await talk.say("blue bananas")).text == "Sorry? Do you really want to delete buy milk?"
    assert (await talk.say("blue bananas")).text.startswith("Sorry, I didn't understand that")


async def test_a_missing_value_is_asked_for(world):
    talk = await world.talk("buy milk")
    assert (await talk.say("rename buy milk")).text == "What should buy milk be called?"
    await talk.say("buy oat milk")
    assert (await talk.say("set a due date for buy oat milk")).text == "When is buy oat milk due?"
    await talk.say("friday")
    await talk.say("change the priority of buy oat milk")
    await talk.say("high")
    assert await world.rows(talk) == {"buy oat milk | 2026-11-20 | high"}


async def test_the_last_answer_is_repeated_and_its_question_stays_open(world):
    talk = await world.talk("buy milk")
    question = (await talk.say("delete buy milk")).text
    assert (await talk.say("say that again please")).text == question
    await talk.say("yes")
    assert await world.rows(talk) == set()


async def test_it_without_anything_talked_about_is_asked_for(world):
    talk = await world.talk("buy milk", "call mom")
    assert (await talk.say("delete it")).text == "Which one do you mean?"
    assert (await talk.say("the milk one")).text == "Do you really want to delete buy milk?"


async def test_a_bad_title_is_refused_in_words_and_nothing_is_added(world):
    talk = await world.talk()
    heard = await talk.say(f"add {'very ' * 60}long title to my list")
    assert heard.failed == ["create_todo"]
    assert heard.text.endswith(".")
    assert await world.rows(talk) == set()
