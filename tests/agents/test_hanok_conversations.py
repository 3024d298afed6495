"""A guest books, changes and cancels a table by voice: several turns, corrections, questions in between."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from convonet.domains.hanok.models import ReservationRow
from convonet.domains.hanok.seating.tables import MAX_PARTY

HOUSE = ZoneInfo("America/Los_Angeles")
CALLER = ZoneInfo("America/New_York")


def coming(weekday, hour, minute=0):
    """The next such day as the caller counts, at the restaurant's time."""
    today = datetime.now(CALLER).date()
    day = today + timedelta(days=(weekday - today.weekday() - 1) % 7 + 1)
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=HOUSE)


FRIDAY_AT_SEVEN = coming(4, 19)


@pytest.fixture
async def world(todays_world):
    return todays_world


async def say_all(talk, *lines):
    for line in lines:
        heard = await talk.say(line)
    return heard


async def rows(world):
    async with world.database.reading() as session:
        return (await session.scalars(select(ReservationRow).order_by(ReservationRow.id))).all()


async def booked(world, *lines):
    """A conversation with one reservation: four people on Friday at seven, under Kim."""
    talk = await world.talk()
    await say_all(talk, "book a table for four on friday at seven", "kim", "415 555 0123", "yes", *lines)
    return talk


async def test_a_table_is_booked_over_three_turns_and_a_yes(world):
    talk = await world.talk()
    assert (await talk.say("book a table for four on friday at seven")).text == "Under what name?"
    assert (await talk.say("under the name kim")).text == "What phone number can we reach you at?"
    asked = await talk.say("four one five five five five oh one two three")
    assert asked.text.startswith("A table for 4 people on Friday,")
    assert asked.tools == []
    assert await rows(world) == []
    assert (await talk.say("yes please")).tools == ["create_reservation"]
    (row,) = await rows(world)
    assert (row.guest_name, row.guest_phone, row.party_size) == ("Kim", "+14155550123", 4)
    assert row.starts_at == FRIDAY_AT_SEVEN
    assert row.source_channel == "voice"


async def test_everything_may_come_in_one_sentence(world):
    talk = await world.talk()
    said = "i want to book a table for two people on friday at noon under the name lee my number is 415 555 0142"
    assert (await talk.say(said)).text.endswith("under Lee. Shall I book that?")
    await talk.say("yes")
    (row,) = await rows(world)
    assert (row.party_size, row.starts_at.astimezone(HOUSE).hour, row.guest_phone) == (2, 12, "+14155550142")


@pytest.mark.parametrize(
    ("correction", "change"),
    [
        ("make it six instead", {"party_size": 6}),
        ("no make it half past eight", {"starts_at": coming(4, 20, 30)}),
        ("saturday", {"starts_at": coming(5, 19)}),
        ("actually for five people", {"party_size": 5}),
    ],
)
async def test_before_the_yes_anything_can_be_corrected(world, correction, change):
    talk = await world.talk()
    await say_all(talk, "book a table for friday at seven", "four", "kim", "415 555 0123")
    await say_all(talk, correction, "yes")
    (row,) = await rows(world)
    assert {name: getattr(row, name) for name in change} == change


async def test_nothing_is_booked_without_a_yes(world):
    talk = await world.talk()
    await say_all(talk, "book a table for four on friday at seven", "kim", "415 555 0123")
    assert (await talk.say("no")).text == "Okay, I'll leave it."
    assert (await talk.say("yes")).tools == []
    assert await rows(world) == []


async def test_a_question_in_between_is_answered_and_the_booking_goes_on(world):
    talk = await world.talk()
    await talk.say("book a table for friday at seven")
    heard = await talk.say("what's on the menu")
    assert "Bulgogi for 25 dollars" in heard.text
    assert heard.text.endswith("For how many people?")
    assert (await talk.say("four")).text == "Under what name?"


async def test_dishes_can_be_ordered_ahead(world):
    talk = await world.talk()
    await say_all(talk, "book a table for four on friday at seven", "kim", "415 555 0123")
    assert "with 2 Bulgogi ordered ahead" in (await talk.say("and please order two bulgogi")).text
    await talk.say("yes")
    (row,) = await rows(world)
    assert row.food_subtotal_cents == 5000


async def test_the_next_sentence_can_change_a_booking(world):
    talk = await booked(world, "make it six")
    await talk.say("what about saturday")
    (row,) = await rows(world)
    assert (row.party_size, row.starts_at) == (6, coming(5, 19))


async def test_it_is_cancelled_after_one_question(world):
    talk = await booked(world)
    assert (await talk.say("cancel it")).text.startswith("Do you really want to cancel your table for 4 people")
    await talk.say("no")
    assert (await rows(world))[0].status == "confirmed"
    await say_all(talk, "cancel my reservation", "yes")
    assert (await rows(world))[0].status == "cancelled"


async def test_a_large_order_is_only_cancelled_after_the_offer_was_made(world):
    talk = await booked(world, "add three hanok feasts to my reservation")
    await talk.say("cancel my reservation")
    offered = await talk.say("yes")
    assert offered.text.endswith("Shall I cancel it all the same?")
    assert (await rows(world))[0].status == "confirmed"
    await talk.say("yes")
    assert (await rows(world))[0].status == "cancelled"


async def test_of_two_reservations_the_caller_chooses(world):
    talk = await booked(world)
    await say_all(talk, "book a table for two on friday at noon", "kim", "415 555 0123", "yes")
    other = await world.talk()
    other.caller = talk.caller
    asked = await other.say("change my reservation to one o'clock")
    assert asked.text.startswith("Which one: 2 people on Friday")
    await other.say("the first one")
    assert (await rows(world))[1].starts_at == coming(4, 13)


async def test_a_code_of_another_caller_needs_its_phone_number(world):
    await booked(world)
    code = (await rows(world))[0].confirmation_code
    stranger = await world.talk()
    asked = await stranger.say(f"my confirmation code is {' '.join(code.replace('-', ''))}")
    assert asked.text == "Please tell me the phone number of that reservation too."
    assert "4 people on Friday" in (await stranger.say("415 555 0123")).text
    await say_all(stranger, "cancel it", "yes")
    assert (await rows(world))[0].status == "cancelled"


async def test_too_many_people_are_reported_before_any_other_question(world):
    talk = await world.talk()
    heard = await say_all(talk, "book a table for 50 people on friday at noon", "kim", "415 555 0123")
    assert heard.text == f"We can seat at most {MAX_PARTY} people together. For how many should I book?"
    await say_all(talk, "ten", "yes")
    assert (await rows(world))[0].party_size == 10


async def test_a_time_at_which_the_house_is_closed_is_asked_for_again(world):
    talk = await world.talk()
    heard = await say_all(talk, "book a table for four on friday at midnight", "kim", "415 555 0123", "yes")
    assert heard.text.endswith("What other time would suit you?")
    await say_all(talk, "seven", "yes")
    assert (await rows(world))[0].starts_at == FRIDAY_AT_SEVEN


async def test_the_tables_of_another_day_are_asked_for_by_naming_it(world):
    talk = await world.talk()
    await say_all(talk, "do you have a free table on friday", "six")
    heard = await talk.say("what about saturday")
    assert heard.tools == ["search_seating_availability"]
    assert heard.text.startswith("On Saturday,")


async def test_another_matter_drops_the_question_and_is_done(world):
    talk = await world.talk()
    await talk.say("book a table for friday at seven")
    assert (await talk.say("add buy milk to my list")).tools == ["create_todo"]
    assert await world.rows(talk) == {"buy milk"}


async def test_two_requests_in_one_sentence_are_done_in_order(world):
    talk = await world.talk()
    heard = await talk.say("add buy milk to my list and book a table for four on friday at seven")
    assert heard.text == "I added buy milk to your list. Under what name?"
    assert await world.rows(talk) == {"buy milk"}


async def test_an_answer_that_is_not_understood_is_asked_for_again_with_an_example(world):
    talk = await world.talk()
    await talk.say("book a table for friday at seven")
    assert (await talk.say("blue bananas")).text == "Sorry? For how many people? For example: four people."
    assert (await talk.say("four")).text == "Under what name?"
