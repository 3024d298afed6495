"""Due dates, reminders and the calendar through a real MCP client over HTTP, on SQLite and PostgreSQL."""

import itertools
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, event

from tests.domains.conftest import ALICE, BOB

NOBODYS = "00000000-0000-4000-8000-000000000009"
_numbers = itertools.count()


async def call(toolbox, tool, claims=ALICE, key=None, **arguments):
    return await toolbox.call("todo", tool, arguments, claims=claims, idempotency_key=key or f"k:{next(_numbers)}")


async def todos(toolbox, claims=ALICE, **filters):
    answer = await call(toolbox, "get_todos", claims, **filters)
    assert answer.ok, answer.text
    return {todo["title"] for todo in answer.data["todos"]}


async def reminders(toolbox, claims=ALICE, **filters):
    found = (await call(toolbox, "get_reminders", claims, **filters)).data["reminders"]
    return [reminder["reminder_text"] for reminder in found]


async def events(toolbox, claims=ALICE, **filters):
    return [event["title"] for event in (await call(toolbox, "get_calendar_events", claims, **filters)).data["events"]]


def today():
    return datetime.now(UTC).astimezone(ZoneInfo(ALICE.timezone)).date()


@contextmanager
def statements():
    """The SQL that runs meanwhile."""
    run = []

    def note(connection, cursor, statement, *_):
        if not statement.startswith("BEGIN"):
            run.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield run
    finally:
        event.remove(Engine, "before_cursor_execute", note)


# -- what is due


async def test_todos_due_this_week_come_with_one_statement(toolbox):
    monday = today() - timedelta(days=today().weekday())
    for title, day in (("last sunday", -1), ("monday", 0), ("sunday", 6), ("next monday", 7)):
        await call(toolbox, "create_todo", title=title, due_date=(monday + timedelta(days=day)).isoformat())
    await call(toolbox, "create_todo", title="some day")
    with statements() as run:
        answer = await call(toolbox, "get_todos", due="this_week")
    assert [todo["title"] for todo in answer.data["todos"]] == ["monday", "sunday"]
    assert answer.text == "You have 2 things due this week: monday and sunday."
    assert len(run) == 1, run


async def test_todos_are_found_by_day_and_by_what_is_overdue_and_open(toolbox):
    for title, day in (("yesterday", -1), ("today", 0), ("tomorrow", 1), ("then", 2)):
        await call(toolbox, "create_todo", title=title, due_date=(today() + timedelta(days=day)).isoformat())
    done = (await call(toolbox, "create_todo", title="done", due_date="2026-01-05")).data["todo"]
    await call(toolbox, "complete_todo", id=done["id"])
    assert await todos(toolbox, due="today") == {"today"}
    assert await todos(toolbox, due="tomorrow") == {"tomorrow"}
    assert await todos(toolbox, due="overdue") == {"yesterday"}
    assert await todos(toolbox, due="overdue", completed=True) == {"yesterday"}
    assert await todos(toolbox, completed=True) == {"done"}
    assert await todos(toolbox, due="today", completed=True) == set()
    assert (await call(toolbox, "get_todos", due="today", completed=True)).text == "There is nothing due today."


async def test_a_period_holds_its_first_and_last_day_in_the_callers_zone(toolbox):
    for title, due in (
        ("before", "2026-10-31T23:59"),
        ("first", "2026-11-01T00:00"),
        ("last", "2026-11-03"),
        ("after", "2026-11-04T00:00"),
    ):
        await call(toolbox, "create_todo", title=title, due_date=due)
    assert await todos(toolbox, due_from="2026-11-01", due_to="2026-11-03") == {"first", "last"}
    assert await todos(toolbox, due_from="2026-11-04T00:00") == {"after"}
    assert await todos(toolbox, due_to="2026-11-01T00:00") == {"before", "first"}
    assert await todos(toolbox, due_before="2026-11-01") == {"before"}


BAD = [
    ("get_todos", {"due": "some_day"}),
    ("get_todos", {"due_from": "soon"}),
    ("get_todos", {"due_from": "2026-11-02", "due_to": "2026-11-01"}),
    ("get_todos", {"team_id": NOBODYS}),
    ("create_todo", {"title": "x", "due_date": "0001-01-01"}),
    ("create_todo", {"title": "x", "due_date": "9999-12-31T23:59-11:00"}),
    ("create_todo", {"title": "x", "assignee_id": ALICE.user_id}),
    ("create_todo", {"title": "x", "team_id": NOBODYS}),
    ("update_todo", {"id": NOBODYS}),
    ("create_reminder", {"reminder_text": " "}),
    ("create_reminder", {"reminder_text": "x" * 501}),
    ("create_reminder", {"reminder_text": "x", "importance": "very"}),
    ("create_reminder", {"reminder_text": "x", "reminder_date": "soon"}),
    ("get_reminders", {"limit": 101}),
    ("update_reminder", {"id": NOBODYS, "reminder_text": "x"}),
    ("update_reminder", {"id": NOBODYS}),
    ("delete_reminder", {"id": "x"}),
    ("create_calendar_event", {"title": "x", "event_from": "2026-12-01T10:00"}),
    ("create_calendar_event", {"title": "x", "event_from": "noon", "event_to": "2026-12-01T10:00"}),
    ("create_calendar_event", {"title": "x", "event_from": "2026-12-01T10:00", "event_to": "2026-12-01T10:00"}),
    ("create_calendar_event", {"title": "x", "event_from": "2026-12-01T10:00", "event_to": "2027-02-01"}),
    ("get_calendar_events", {"when": "overdue"}),
    ("update_calendar_event", {"id": NOBODYS, "title": "x"}),
    ("delete_calendar_event", {"id": "x"}),
]


async def test_bad_input_is_answered_with_a_sentence_and_changes_nothing(toolbox):
    for tool, arguments in BAD:
        answer = await call(toolbox, tool, **arguments)
        assert not answer.ok, (tool, arguments)
        assert answer.text.endswith((".", "?"))
        assert "something went wrong" not in answer.text, (tool, arguments)
    assert await todos(toolbox) == set()
    assert await reminders(toolbox) == []
    assert await events(toolbox) == []


# -- reminders


async def test_a_reminder_is_noted_listed_changed_and_deleted(toolbox):
    day = today() + timedelta(days=3)
    spoken_day = f"{day:%A, %B} {day.day}"
    made = await call(
        toolbox, "create_reminder", reminder_text="water the plants", importance="high", reminder_date=f"{day}T09:00"
    )
    assert made.text == f"I noted a reminder: water the plants, {spoken_day} at 9 am."
    listed = await call(toolbox, "get_reminders")
    assert listed.data["reminders"] == [made.data["reminder"]]
    assert listed.text == f"You have one reminder: water the plants, {spoken_day} at 9 am."
    reminder_id = made.data["reminder"]["id"]
    changed = await call(toolbox, "update_reminder", id=reminder_id, reminder_text="feed the cat", importance="low")
    assert changed.data["reminder"] == {**made.data["reminder"], "reminder_text": "feed the cat", "importance": "low"}
    assert (await call(toolbox, "delete_reminder", id=reminder_id)).text == "I deleted the reminder: feed the cat."
    assert (await call(toolbox, "get_reminders")).text == "You have no reminders for that."


async def test_reminders_are_those_from_today_on_unless_a_time_is_named(toolbox):
    for text, days in (("yesterday", -1), ("tomorrow", 1), ("today", 0)):
        date = (today() + timedelta(days=days)).isoformat()
        await call(toolbox, "create_reminder", reminder_text=text, reminder_date=date)
    await call(toolbox, "create_reminder", reminder_text="some day")
    assert await reminders(toolbox) == ["today", "tomorrow", "some day"]
    assert await reminders(toolbox, due="tomorrow") == ["tomorrow"]
    assert await reminders(toolbox, due="overdue") == ["yesterday"]
    yesterday = (today() - timedelta(days=1)).isoformat()
    assert await reminders(toolbox, due_from=yesterday, due_to=yesterday) == ["yesterday"]


# -- the calendar


async def test_an_event_is_written_listed_changed_and_deleted(toolbox):
    made = await call(
        toolbox,
        "create_calendar_event",
        title="dentist",
        event_from="2126-12-01T15:00",
        event_to="2126-12-01T15:45",
        description="bring the card",
    )
    assert made.text == "It's in your calendar: dentist, Sunday, December 1 from 3 pm to 3:45 pm."
    assert made.data["event"]["event_from"] == "2126-12-01T15:00:00-08:00"
    assert (await call(toolbox, "get_calendar_events")).data["events"] == [made.data["event"]]
    event_id = made.data["event"]["id"]
    moved = await call(toolbox, "update_calendar_event", id=event_id, event_from="2126-12-02T08:00")
    assert moved.text == "I changed it in your calendar: dentist, Monday, December 2 from 8 am to 8:45 am."
    backwards = await call(toolbox, "update_calendar_event", id=event_id, title="x", event_to="2126-12-01T07:00")
    assert backwards.text == "An event has to end after it begins."
    assert (await call(toolbox, "get_calendar_events")).data["events"] == [moved.data["event"]]
    renamed = await call(toolbox, "update_calendar_event", id=event_id, title="doctor", description="")
    assert renamed.data["event"] == {**moved.data["event"], "title": "doctor", "description": ""}
    assert (await call(toolbox, "delete_calendar_event", id=event_id)).text == "I took doctor out of your calendar."
    assert await events(toolbox) == []


async def test_the_calendar_shows_what_any_part_of_lies_in_the_time_asked_for(toolbox):
    for title, first, last in (
        ("over", "2026-01-05T09:00", "2026-01-05T10:00"),
        ("trip", "2126-03-08", "2126-03-10"),
        ("breakfast", "2126-03-10T08:00", "2126-03-10T09:00"),
        ("lunch", "2126-03-11T12:00", "2126-03-11T13:00"),
    ):
        await call(toolbox, "create_calendar_event", title=title, event_from=first, event_to=last)
    assert await events(toolbox) == ["trip", "breakfast", "lunch"]
    assert await events(toolbox, date_from="2126-03-10", date_to="2126-03-10") == ["trip", "breakfast"]
    assert await events(toolbox, date_from="2126-03-11", date_to="2126-03-11T11:59") == []
    assert await events(toolbox, date_from="2026-01-05", date_to="2026-01-05") == ["over"]
    said = (await call(toolbox, "get_calendar_events", date_to="2126-03-08", date_from="2126-03-08")).text
    assert said == "You have one event: trip, Friday, March 8 to Sunday, March 10."


async def test_an_event_of_today_is_on_todays_calendar(toolbox):
    await call(toolbox, "create_calendar_event", title="x", event_from=str(today()), event_to=str(today()))
    for when, expected in (("today", ["x"]), ("this_week", ["x"]), ("tomorrow", [])):
        assert await events(toolbox, when=when) == expected


# -- whose it is


async def test_nobody_reads_or_changes_another_callers_reminders_and_events(toolbox):
    reminder = (await call(toolbox, "create_reminder", reminder_text="secret")).data["reminder"]
    meeting = (
        await call(toolbox, "create_calendar_event", title="secret", event_from="2126-12-01", event_to="2126-12-01")
    ).data["event"]
    assert await reminders(toolbox, BOB) == []
    assert await events(toolbox, BOB) == []
    for tool, arguments, words in (
        ("update_reminder", {"id": reminder["id"], "reminder_text": "x"}, "I can't find that reminder."),
        ("delete_reminder", {"id": reminder["id"]}, "I can't find that reminder."),
        ("update_calendar_event", {"id": meeting["id"], "title": "x"}, "I can't find that in your calendar."),
        ("delete_calendar_event", {"id": meeting["id"]}, "I can't find that in your calendar."),
    ):
        answer = await call(toolbox, tool, BOB, **arguments)
        assert (answer.ok, answer.text) == (False, words)
    assert await reminders(toolbox) == await events(toolbox) == ["secret"]


async def test_a_repeated_call_notes_one_reminder_and_one_event(toolbox):
    for _ in range(2):
        arguments = {"reminder_text": "x", "user_id": BOB.user_id}
        assert (await call(toolbox, "create_reminder", key="t:1", **arguments)).ok
        arguments = {"title": "x", "event_from": "2126-12-01", "event_to": "2126-12-01", "user_id": BOB.user_id}
        assert (await call(toolbox, "create_calendar_event", key="t:2", **arguments)).ok
    assert await reminders(toolbox) == await events(toolbox) == ["x"]
    assert await reminders(toolbox, BOB) == await events(toolbox, BOB) == []
    reminder_id = (await call(toolbox, "get_reminders")).data["reminders"][0]["id"]
    event_id = (await call(toolbox, "get_calendar_events")).data["events"][0]["id"]
    for _ in range(2):
        assert (await call(toolbox, "update_reminder", key="t:3", id=reminder_id, reminder_text="y")).ok
        assert (await call(toolbox, "update_calendar_event", key="t:4", id=event_id, title="y")).ok
    for _ in range(2):
        assert (await call(toolbox, "delete_reminder", key="t:5", id=reminder_id)).ok
        assert (await call(toolbox, "delete_calendar_event", key="t:6", id=event_id)).ok
