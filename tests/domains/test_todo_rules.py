"""The rules of this domain for any day, any zone and any sequence of actions."""

import asyncio
import uuid
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from convonet.auth.tokens import CallerClaims
from convonet.core.errors import DomainError
from convonet.core.ids import TurnId, UserId
from convonet.core.owner import Owner
from convonet.domains.todo.days import Due, day_start, window_between, window_of
from convonet.domains.todo.enums import Priority
from convonet.domains.todo.speech import in_one_breath, spoken_moment, spoken_span
from convonet.domains.todo.teams.models import MembershipRow
from convonet.domains.todo.teams.permissions import RIGHTS, Right, Role, may_change_todo, may_delete_todo, may_manage
from convonet.domains.todo.teams.service import TeamService
from convonet.domains.todo.todos.models import TodoRow
from convonet.domains.todo.todos.schemas import TodoChange
from convonet.domains.todo.todos.service import TodoService
from convonet.storage.database import Database
from convonet.storage.migrate import migrate
from tests.domains.conftest import user

ZONES = st.sampled_from(sorted(available_timezones() - {"localtime", "Factory"})).map(ZoneInfo)
MOMENTS = st.datetimes(datetime(2012, 1, 1), datetime(2037, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
LOS_ANGELES = ZoneInfo("America/Los_Angeles")
BEIRUT = ZoneInfo("Asia/Beirut")
"""A zone whose clock skips midnight."""


@pytest.fixture(scope="module")
def sqlite_url(tmp_path_factory):
    url = f"sqlite+aiosqlite:///{tmp_path_factory.mktemp('rules') / 'test.db'}"
    asyncio.run(migrate(url))
    return url


# -- days and weeks


@settings(max_examples=400, deadline=None)
@given(zone=ZONES, moment=MOMENTS)
@example(zone=BEIRUT, moment=datetime(2026, 3, 28, 22, tzinfo=UTC))
@example(zone=LOS_ANGELES, moment=datetime(2026, 11, 1, 8, 59, tzinfo=UTC))
def test_every_moment_lies_in_its_own_local_day_and_in_no_other(zone, moment):
    day = moment.astimezone(zone).date()
    assert day_start(day, zone) <= moment < day_start(day + timedelta(days=1), zone)


@settings(max_examples=400, deadline=None)
@given(zone=ZONES, now=MOMENTS, distance=st.timedeltas(timedelta(days=-9), timedelta(days=9)))
@example(zone=LOS_ANGELES, now=datetime(2026, 11, 2, 7, 59, tzinfo=UTC), distance=timedelta(minutes=1))
@example(zone=LOS_ANGELES, now=datetime(2027, 3, 14, 9, tzinfo=UTC), distance=timedelta(hours=22))
def test_this_week_is_monday_to_sunday_and_days_are_days_on_the_callers_own_calendar(zone, now, distance):
    here, then = now.astimezone(zone).date(), (now + distance).astimezone(zone).date()
    for due, expected in (
        (Due.THIS_WEEK, then.isocalendar()[:2] == here.isocalendar()[:2]),
        (Due.TODAY, then == here),
        (Due.TOMORROW, then == here + timedelta(days=1)),
        (Due.OVERDUE, distance < timedelta(0)),
    ):
        assert _holds(window_of(due, now, zone), now + distance) is expected, due


@pytest.mark.parametrize(
    ("day", "hours"), [(date(2026, 11, 1), 169), (date(2027, 3, 14), 167), (date(2026, 11, 23), 168)]
)
def test_a_week_with_a_change_of_the_clock_has_an_hour_more_or_less(day, hours):
    window = window_of(Due.THIS_WEEK, datetime.combine(day, time(12), tzinfo=LOS_ANGELES), LOS_ANGELES)
    assert (window.end - window.start) == timedelta(hours=hours)


def test_a_day_whose_midnight_is_skipped_begins_at_one():
    start = day_start(date(2026, 3, 29), BEIRUT)
    assert start.astimezone(BEIRUT).isoformat() == "2026-03-29T01:00:00+03:00"


@settings(max_examples=200, deadline=None)
@given(zone=ZONES, moment=MOMENTS, first=st.integers(-3, 3), length=st.integers(0, 3))
def test_a_period_of_dates_holds_both_of_its_ends(zone, moment, first, length):
    day = moment.astimezone(zone).date()
    begin = day + timedelta(days=first)
    last = begin + timedelta(days=length)
    try:
        window = window_between(begin.isoformat(), last.isoformat(), zone)
    except DomainError:
        # a day that a zone leaves out when it moves to the other side of the date line
        assert day_start(begin, zone) == day_start(last + timedelta(days=1), zone)
        return
    assert _holds(window, moment) is (begin <= day <= last)


@settings(max_examples=25, deadline=None)
@given(
    now=MOMENTS,
    due=st.sampled_from([None, *Due]),
    completed=st.sampled_from([None, True, False]),
    todos=st.lists(st.tuples(st.none() | st.integers(-200, 200), st.booleans()), max_size=8),
)
def test_the_list_holds_what_a_person_would_pick_by_the_calendar(sqlite_url, now, due, completed, todos):
    async def found():
        async with _database(sqlite_url) as (database, (me,)):
            service = TodoService(database, clock=lambda: now)
            for number, (hours, done) in enumerate(todos):
                date_due = None if hours is None else (now + timedelta(hours=hours)).isoformat()
                todo = await service.create(me, str(number), None, Priority.LOW, date_due)
                if done:
                    await service.change(me, todo.id, TodoChange(completed=True))
            return {int(todo.title) for todo in await service.find(me, due=due, completed=completed)}

    here = now.astimezone(LOS_ANGELES).date()
    days = {
        Due.TODAY: {here},
        Due.TOMORROW: {here + timedelta(days=1)},
        Due.THIS_WEEK: {here - timedelta(days=here.weekday() - n) for n in range(7)},
    }

    def picked(hours, done):
        if due is Due.OVERDUE:
            return hours is not None and hours < 0 and not done
        if completed is not None and done is not completed:
            return False
        day = None if hours is None else (now + timedelta(hours=hours)).astimezone(LOS_ANGELES).date()
        return due is None or day in days[due]

    assert asyncio.run(found()) == {number for number, todo in enumerate(todos) if picked(*todo)}


# -- roles


def test_each_role_has_all_the_rights_of_the_one_below_and_more():
    for higher, lower in zip(list(Role), list(Role)[1:], strict=False):
        assert RIGHTS[higher] > RIGHTS[lower]
        assert higher.outranks(lower)
        assert not lower.outranks(higher)
    assert RIGHTS[Role.VIEWER] == {Right.SEE}


@pytest.mark.parametrize(
    ("actor", "roles", "allowed"),
    [
        (Role.OWNER, [Role.OWNER, Role.OWNER], True),
        (Role.ADMIN, [Role.MEMBER, Role.VIEWER], True),
        (Role.ADMIN, [Role.MEMBER, Role.ADMIN], False),
        (Role.ADMIN, [Role.ADMIN], False),
        (Role.ADMIN, [Role.OWNER], False),
        (Role.MEMBER, [Role.VIEWER], False),
        (Role.VIEWER, [Role.VIEWER], False),
    ],
)
def test_roles_are_given_and_taken_from_above_only(actor, roles, allowed):
    assert may_manage(actor, *roles) is allowed


def test_todos_are_changed_by_those_involved_and_by_admins_and_deleted_by_their_makers_and_admins():
    for role, created, assigned in [(r, c, a) for r in (None, *Role) for c in (True, False) for a in (True, False)]:
        works = role is not Role.VIEWER
        rules = role in {Role.OWNER, Role.ADMIN}
        assert may_change_todo(role, created=created, assigned=assigned) is (rules or (works and (created or assigned)))
        assert may_delete_todo(role, created=created) is (rules or (works and created))


def test_an_unknown_role_gives_the_least_rights():
    assert Role.of("superuser") is Role.VIEWER


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["add", "remove", "change", "give"]),
        st.integers(0, 3),
        st.integers(0, 3),
        st.sampled_from(list(Role)),
    ),
    max_size=25,
)


@settings(max_examples=25, deadline=None)
@given(actions=ACTIONS)
@example(actions=[("add", 0, 1, Role.OWNER), ("give", 0, 0, Role.OWNER), ("remove", 0, 0, Role.OWNER)])
@example(actions=[("add", 0, 1, Role.MEMBER), ("give", 0, 1, Role.OWNER), ("change", 0, 1, Role.VIEWER)])
def test_whatever_is_done_a_team_keeps_an_owner_and_its_todos_belong_to_those_who_may_do_them(sqlite_url, actions):
    """Four people do `actions` in one team; a table of who has which role says which of them must succeed."""

    async def live():
        async with _database(sqlite_url, people=4) as (database, people):
            teams, todos = TeamService(database), TodoService(database)
            team = await teams.create(people[0], "Crew", None)
            todo = await todos.create(people[0], "work", None, Priority.LOW, None, team_id=team.id)
            roles, has_it = {0: Role.OWNER}, None
            for what, actor, target, role in actions:
                allowed = _allowed(roles, has_it, what, actor, target, role)
                email = f"{people[target].user_id}@example.com"
                try:
                    if what == "add":
                        await teams.add_member(people[actor], "Crew", email, role)
                    elif what == "remove":
                        await teams.remove_member(people[actor], "Crew", email)
                    elif what == "change":
                        await teams.change_role(people[actor], "Crew", email, role)
                    else:
                        assignee = TodoChange(assignee_id=str(people[target].user_id))
                        await todos.change(people[actor], todo.id, assignee)
                except DomainError:
                    done = False
                else:
                    done = True
                assert done is allowed, (what, actor, target, role, roles, has_it)
                if done:
                    roles, has_it = _after(roles, has_it, what, target, role)
                assert await _state(database, team.id, people) == (roles, has_it)
                assert Role.OWNER in roles.values()

    asyncio.run(live())


def _allowed(roles, has_it, what, actor, target, role):
    mine, theirs = roles.get(actor), roles.get(target)
    if mine is None:
        return False
    last = theirs is Role.OWNER and list(roles.values()).count(Role.OWNER) == 1
    rules = {Role.OWNER: set(Role), Role.ADMIN: {Role.MEMBER, Role.VIEWER}}.get(mine, set())
    match what:
        case "add":
            return theirs is None and role in rules
        case "remove":
            return theirs is not None and not last and (actor == target or theirs in rules)
        case "change":
            return theirs in rules and role in rules and not (last and role is not Role.OWNER)
        case _:
            may = rules or (mine is Role.MEMBER and actor in {0, has_it})
            return bool(may) and theirs not in {None, Role.VIEWER}


def _after(roles, has_it, what, target, role):
    if what == "give":
        return roles, target
    if what == "remove":
        left = {person: held for person, held in roles.items() if person != target}
        return left, None if has_it == target else has_it
    lost = has_it == target and role is Role.VIEWER
    return {**roles, target: role}, None if lost else has_it


async def _state(database, team_id, people):
    """The roles by number of person, and the number of the todo's assignee."""
    number = {person.user_id: n for n, person in enumerate(people)}
    async with database.transaction() as session:
        rows = await session.scalars(select(MembershipRow).where(MembershipRow.team_id == uuid.UUID(team_id)))
        roles = {number[row.user_id]: Role(row.role) for row in rows}
        assignee = await session.scalar(select(TodoRow.assignee_id).where(TodoRow.team_id == uuid.UUID(team_id)))
    return roles, number.get(assignee)


# -- words


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        ("2026-12-01T15:00:00-08:00", "2026-12-01T16:30:00-08:00", "Tuesday, December 1 from 3 pm to 4:30 pm"),
        (
            "2026-12-01T22:00:00-08:00",
            "2026-12-02T01:00:00-08:00",
            "Tuesday, December 1 from 10 pm to Wednesday, December 2 at 1 am",
        ),
        ("2026-12-01T00:00:00-08:00", "2026-12-02T00:00:00-08:00", "Tuesday, December 1"),
        ("2026-11-01T00:00:00-07:00", "2026-11-03T00:00:00-08:00", "Sunday, November 1 to Monday, November 2"),
        ("2026-12-01T15:00:00-08:00", None, "Tuesday, December 1 at 3 pm"),
    ],
)
def test_a_span_of_time_is_said_without_naming_its_day_twice(first, last, words):
    assert spoken_span(first, last) == words


def test_moments_and_lists_are_said_so_that_an_ear_can_follow():
    assert spoken_moment("2026-12-01T23:59:00-08:00") == "Tuesday, December 1"
    assert spoken_moment("2026-12-01T00:05:00-08:00") == "Tuesday, December 1 at 12:05 am"
    assert in_one_breath(["a"]) == "a"
    assert in_one_breath(["a", "b", "c"]) == "a, b and c"
    assert in_one_breath(["a, 1", "b, 2"], between="; ") == "a, 1; and b, 2"
    assert in_one_breath(list("abcdefg")) == "a, b, c, d and e, and 2 more"


def _holds(window, moment):
    return (window.start is None or window.start <= moment) and (window.end is None or moment < window.end)


@asynccontextmanager
async def _database(url, people=1):
    """A database in which these people are new."""
    database = Database(url)
    owners = [Owner(uuid.uuid4(), LOS_ANGELES) for _ in range(people)]
    async with database.transaction() as session:
        for owner in owners:
            name = str(owner.user_id)
            session.add(user(CallerClaims(UserId(name), name, "UTC", TurnId(""))))
    yield database, owners
    await database.close()
