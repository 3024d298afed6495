"""The dialogue about a call back: the offer, the number, and callers who give none."""

import pytest

from convonet.agents.base import CallBackRequest
from convonet.agents.call_back import (
    ASK_NUMBER,
    CALL_BACK,
    DECLINED,
    NOT_A_NUMBER,
    CallBackDialogue,
    read_dialogue,
    reply,
)
from convonet.agents.small_talk import last_answer
from convonet.language.sentences import Sentence
from tests.agents.test_hosted_models import hosted, scripted
from tests.vendors.chat import Reply as Answer

OFFERED = CallBackDialogue(department="support", reason="a question about my plan")
KNOWN = OFFERED.model_copy(update={"known": "0199"})
NOTED = "All right, somebody from support will call you back at the number ending in {}. Is there anything else?"
HEARD = "I heard 4 1 5, 5 5 5, 0 1 4 2. Is that right?"


def talked(*sentences, offer=OFFERED, region="US"):
    """What the agent says last, and what has come of it."""
    talk = offer
    for said in sentences:
        assert talk is not None, f"the talk was over before {said!r}"
        last = reply(Sentence(said), talk, region)
        assert last is not None, f"{said!r} was no answer"
        talk = read_dialogue(last.memory.get(CALL_BACK, ""))
    assert (talk is None) or last.call_back is None
    return last


def call_back(phone=""):
    return CallBackRequest("support", "a question about my plan", phone)


def test_a_number_on_file_is_not_asked_for_and_only_its_last_digits_are_spoken():
    last = talked("yes please", offer=KNOWN)
    assert (last.text, last.call_back) == (NOTED.format("0199"), call_back())


def test_a_number_that_is_not_known_is_asked_for_and_read_back():
    assert talked("yes please").text == ASK_NUMBER
    assert talked("yes please", "415 555 0142").text == HEARD
    last = talked("yes please", "415 555 0142", "yes that's it")
    assert (last.text, last.call_back) == (NOTED.format("0142"), call_back("+14155550142"))


@pytest.mark.parametrize(
    "said",
    [
        "(415) 555-0142",
        "four one five five five five oh one four two",
        "it's area code 415, then 555 0142",
        "four one five, triple five, zero one four two",
        "plus one 415 555 0142",
        "My number is 1-415-555-0142.",
    ],
)
def test_a_number_is_understood_as_it_is_said_or_typed(said):
    assert talked("yes", said).text == HEARD


@pytest.mark.parametrize("said", ["+49 30 901820", "plus four nine three zero nine zero one eight two zero"])
def test_a_number_of_another_country_is_read_back_with_its_code(said):
    assert talked("yes", said).text == "I heard plus 4 9, 3 0, 9 0 1 8 2 0. Is that right?"


def test_a_number_without_a_country_code_is_one_of_the_set_region():
    assert talked("yes", "030 901820", region="DE").text == "I heard 3 0, 9 0 1 8 2 0. Is that right?"


@pytest.mark.parametrize(
    "correction",
    [("no it's 415 555 0143",), ("no", "415 555 0143"), ("that's wrong", "415 555 0143"), ("415 555 0143",)],
)
def test_a_number_that_was_read_back_wrong_can_be_corrected(correction):
    last = talked("yes", "415 555 0142", *correction, "yes")
    assert (last.text, last.call_back) == (NOTED.format("0143"), call_back("+14155550143"))


def test_a_number_may_come_with_the_yes_and_goes_before_the_known_one():
    assert talked("yes, call me at 415 555 0142", offer=KNOWN).text == HEARD
    assert talked("yes but at another number", offer=KNOWN).text == ASK_NUMBER
    assert talked("yes, call me at 415 555 0142", "yes, 415 555 0142", offer=KNOWN).call_back == call_back(
        "+14155550142"
    )


def test_after_two_unusable_answers_it_is_noted_without_a_number():
    assert talked("yes", "blue bananas").text == f"{NOT_A_NUMBER} Or say never mind."
    last = talked("yes", "blue bananas", "my number is 12")
    assert last.text.startswith("I'm sorry, I couldn't get your number. I've told support")
    assert last.call_back == call_back()


def test_a_number_that_was_not_agreed_to_is_not_noted():
    assert talked("yes", "415 555 0142", "blue bananas").text == HEARD
    assert talked("yes", "415 555 0142", "blue bananas", "green ones").call_back == call_back()


def test_a_caller_whose_number_is_known_is_called_there_when_they_give_no_other():
    last = talked("yes but at another number", "blue bananas", "green ones", offer=KNOWN)
    assert (last.text, last.call_back) == (NOTED.format("0199"), call_back())


@pytest.mark.parametrize("before", [(), ("yes",), ("yes", "415 555 0142")])
def test_never_mind_ends_it_at_any_time(before):
    last = talked(*before, "never mind")
    assert (last.text, last.call_back, last.memory) == (DECLINED, None, {})


def test_a_sentence_that_does_not_answer_the_offer_goes_to_the_domains():
    assert reply(Sentence("what's on my list"), OFFERED, "US") is None


def test_a_memory_that_can_not_be_read_is_no_talk():
    assert read_dialogue("support") is None


# -- through the whole agent


async def test_the_agent_asks_for_the_number_and_gives_it_to_the_session(sqlite_world):
    talk = await sqlite_world.talk()
    talk.memory = OFFERED.to_memory()
    assert (await talk.say("yes please")).text == ASK_NUMBER
    assert (await talk.say("four one five five five five oh one four two")).text == HEARD
    assert (await talk.say("say that again")).text == HEARD == last_answer(talk.history)
    heard = await talk.say("that's right")
    assert heard.text == NOTED.format("0142")
    assert heard.final.call_back == call_back("+14155550142")
    # the desks learn who it is
    assert heard.final.transfer_context.user_id == talk.caller.user_id
    assert talk.memory == {}
    assert (await talk.say("yes")).final.call_back is None


async def test_a_yes_to_something_else_is_no_yes_to_the_offer(sqlite_world):
    talk = await sqlite_world.talk()
    talk.memory = OFFERED.to_memory()
    await talk.say("add buy milk to my list")
    assert (await talk.say("yes")).final.call_back is None
    assert CALL_BACK not in talk.memory


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_hosted_model_may_note_it_and_the_number_is_asked_for_by_rule(tmp_path):
    async with hosted(tmp_path, "anthropic") as world:
        talk = await world.talk()
        talk.memory = OFFERED.to_memory()
        back = {"department": "sales", "phone": ""}
        scripted(world, "anthropic", Answer(calls=(("ask_call_back", back),)))
        assert (await talk.say("well if one of them rang me that would be rather lovely")).text == ASK_NUMBER
        assert (await talk.say("415 555 0142")).text == HEARD
        heard = await talk.say("yes")
        assert heard.final.call_back == call_back("+14155550142")
        # the rules have asked and understood the number
        assert len(world.vendors["anthropic"].asked) == 1
        back = {"department": "sales", "phone": "415-555-0143"}
        scripted(world, "anthropic", Answer(calls=(("ask_call_back", back),)))
        said = "could one of the sales folks ring my cell, that's 415 555 0143, whenever it suits them"
        assert "0 1 4 3. Is that right?" in (await talk.say(said)).text
        assert (await talk.say("yes")).final.call_back == CallBackRequest("sales", said, "+14155550143")


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
async def test_once_a_hosted_model_has_answered_the_offer_is_over(tmp_path):
    async with hosted(tmp_path, "anthropic") as world:
        talk = await world.talk()
        talk.memory = OFFERED.to_memory()
        scripted(world, "anthropic", Answer("Shall I read your list to you?"))
        await talk.say("hmm what could you tell me about those things i wanted")
        assert CALL_BACK not in talk.memory
