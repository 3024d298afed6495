"""What a caller with a browser and a microphone lives through, on the embedded product."""

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor

import pytest

from convonet.settings.speech import SpeechSettings
from convonet.speech.base import ANSWER_RATE, Language, Utterance
from convonet.speech.local.service import LocalSpeech
from tests.speech_samples import silence, white_noise

PHONE = {"width": 390, "height": 844}


def todos(product):
    with sqlite3.connect(product.database) as database:
        return [row[0] for row in database.execute("SELECT title FROM todos_anthropic ORDER BY created_at")]


def transcribe(pieces, folder):
    """Our own ears, to hear what the answer's audio says; on a thread, since Playwright holds this one's event loop."""

    async def hear():
        speech = LocalSpeech(SpeechSettings(), folder)
        await speech.start()
        try:
            utterance = Utterance(b"".join(pieces), "pcm16", ANSWER_RATE)
            return (await speech.transcribe(utterance, language=Language("en-US"))).text
        finally:
            speech.close()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, hear()).result()


def test_the_caller_says_it_the_row_is_there_and_the_answer_can_be_heard(product, chromium, tmp_path):
    with chromium(product, says="add buy milk to my todo list") as caller:
        caller.hold_and_speak()
        text, audio = caller.answer()
        said, answered = caller.lines("caller"), caller.lines("agent")
        order = [message["type"] for message in caller.frames]
    assert "buy milk" in todos(product)
    assert "buy milk" in text.lower()
    assert any("buy milk" in line.lower() for line in said)
    assert any("buy milk" in line.lower() for line in answered)
    assert order.index("transcript_final") < order.index("agent_final")
    heard = transcribe(audio, tmp_path)
    assert "milk" in heard, heard


def test_a_table_is_booked_in_three_spoken_turns(product, chromium):
    says = [
        "i would like to book a table for four on friday at seven under the name garcia",
        "four one five five five five zero one two three",
        "yes please",
    ]
    with chromium(product, says=says) as caller:
        for number in range(len(says)):
            mark = len(caller.frames)
            caller.hold_and_speak(number)
            caller.answer(after=mark)
        final = caller.until("agent_final", after=mark)
    assert final["agent_type"] == "hanok_table"
    with sqlite3.connect(product.database) as database:
        query = "SELECT party_size, guest_phone, source_channel FROM reservations WHERE guest_name = 'Garcia'"
        assert database.execute(query).fetchall() == [(4, "+14155550123", "voice")]


def test_a_wrong_pin_is_refused_in_words_and_the_right_one_still_works(product, chromium):
    with chromium(product, log_in=False) as caller:
        caller.enter_pin("000000")
        assert caller.until("error")["code"] == "auth_failed"
        assert "not accepted" in caller.page.get_by_test_id("pin-error").inner_text()
        caller.page.wait_for_timeout(1500)
        caller.log_in()
        assert caller.page.get_by_test_id("pin").is_hidden()


def test_three_turns_in_a_row_are_one_conversation(product, chromium):
    with chromium(product, viewport=PHONE) as caller:
        for said, answered in (
            ("add call the dentist to my list", "call the dentist"),
            ("what is on my list", "call the dentist"),
            ("mark call the dentist as done", "call the dentist"),
        ):
            mark = len(caller.frames)
            caller.type(said)
            assert answered in caller.answer(after=mark)[0].lower()
        assert len(caller.lines("agent")) >= 3


@pytest.mark.parametrize("samples", [silence(3.0), white_noise(3.0)], ids=["silence", "noise"])
def test_silence_and_noise_end_in_i_did_not_catch_that(product, chromium, samples):
    before = todos(product)
    with chromium(product, samples=samples) as caller:
        caller.hold_and_speak()
        told = caller.until("error")
        assert told["code"] == "no_speech"
        assert "didn't catch that" in told["message"]
        caller.until("sound", is_last=True)
        assert not [m for m in caller.frames if m["type"] == "transcript_final"]
    assert todos(product) == before


def test_talking_works_with_the_space_bar_alone(product, chromium):
    with chromium(product, says="add feed the cat to my todo list") as caller:
        caller.page.get_by_test_id("talk").focus()
        start, end = caller.sentence()
        caller.wait_for_microphone(start)
        caller.page.keyboard.down("Space")
        caller.wait_for_microphone(end)
        caller.page.keyboard.up("Space")
        caller.answer()
    assert any("cat" in title for title in todos(product))


def test_a_microphone_that_is_refused_is_explained_and_typing_still_works(product, chromium):
    with chromium(product, microphone=False) as caller:
        caller.page.get_by_test_id("talk").click()
        caller.page.get_by_test_id("mic-help").wait_for(state="visible")
        assert "microphone" in caller.page.get_by_test_id("mic-help").inner_text().lower()
        caller.type("hello")
        assert caller.answer()[0]


def test_stop_ends_the_answer_at_once(product, chromium):
    with chromium(product, says="add wash the car to my todo list") as caller:
        caller.hold_and_speak()
        caller.until("processing_start")
        caller.page.keyboard.press("Escape")
        caller.until("playback_stop")
        mark = len(caller.frames)
        caller.page.wait_for_timeout(2000)
        assert "sound" not in [m["type"] for m in caller.frames[mark:]]


def test_the_page_says_which_parts_are_embedded(product, chromium):
    with chromium(product) as caller:
        label = caller.page.get_by_test_id("offline").inner_text().lower()
        assert "speech" in label
