"""Fixtures of the agent: the rules on real tool servers over HTTP, and a conversation as tests hold it."""

import uuid
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from zoneinfo import ZoneInfo

import pytest

from convonet.agents.base import Final, TextDelta, ToolFinished, ToolStarted, TurnRequest
from convonet.agents.models.hosted import Limits
from convonet.agents.service import AgentService
from convonet.auth.tokens import CallerClaims
from convonet.core.caller import Caller
from convonet.core.ids import TurnId, UserId, new_session_id
from convonet.core.owner import Owner
from convonet.domains.discovery import all_domains
from convonet.domains.todo.enums import Priority
from convonet.domains.todo.todos.service import TodoService
from convonet.settings import Settings
from convonet.storage.database import Database
from convonet.storage.migrate import migrate
from tests.domains.conftest import SECRET, database_url, serving, user
from tests.fixtures.ports import free_port

__all__ = ["database_url"]

ZONE = ZoneInfo("America/New_York")
NOW = datetime(2026, 11, 18, 14, 30, tzinfo=ZONE)
"""A Wednesday."""


LIMITS = Limits(silence_s=20, answer_s=30, rest_s=60)

NO_FILLER_S = 60.0
"""A slow machine must not change an answer; the tests of fillers set their delay."""

quiet_agent = partial(AgentService, filler_delay_s=NO_FILLER_S)


def new_turn_id():
    return TurnId(f"t-{uuid.uuid4().hex}")


@dataclass
class Heard:
    """One answer of the agent."""

    text: str
    events: list
    final: Final

    @property
    def tools(self):
        return [event.tool for event in self.events if isinstance(event, ToolStarted)]

    @property
    def failed(self):
        return [event.tool for event in self.events if isinstance(event, ToolFinished) and not event.ok]


@dataclass
class Conversation:
    """What a session does: sends each sentence with all that was given back by the last turn."""

    agent: AgentService
    caller: Caller
    history: tuple = ()
    agent_type: str | None = None
    memory: dict = field(default_factory=dict)

    def request(self, said, turn_id=None):
        return TurnRequest(
            new_session_id(),
            turn_id or new_turn_id(),
            self.caller,
            said,
            self.history,
            self.agent_type,
            self.memory,
        )

    async def say(self, said, *, turn_id=None, keep=True):
        """One turn; with `keep` off its end is lost, as when the session's host dies before the checkpoint."""
        events = [event async for event in self.agent.turn(self.request(said, turn_id))]
        final = events[-1]
        assert isinstance(final, Final)
        assert final.text == "".join(event.text for event in events if isinstance(event, TextDelta))
        if keep:
            self.history, self.agent_type, self.memory = final.history, final.agent_type, final.memory
        return Heard(final.text, events, final)


class World:
    """Database, tool servers and agent of one test."""

    def __init__(self, database, tools_url, clock=lambda: NOW.astimezone(UTC), filler_delay_s=NO_FILLER_S, **settings):
        self.database = database
        self.tools_url = tools_url
        self.todos = TodoService(database)
        self.settings = agent_settings(tools_url, **settings)
        self.agent = AgentService(self.settings, all_domains(), clock=clock, filler_delay_s=filler_delay_s)

    async def caller(self, *titles):
        """A new caller with these todos; "title | due | priority", the last two may be left out."""
        caller = Caller(UserId(str(uuid.uuid4())), "Ann", str(ZONE))
        async with self.database.transaction() as session:
            session.add(user(CallerClaims(caller.user_id, caller.user_id, caller.timezone, TurnId(""))))
        for line in titles:
            title, due, priority = [*(part.strip() for part in line.split("|")), "", ""][:3]
            await self.todos.create(owner_of(caller), title, None, Priority(priority or "medium"), due or None)
        return caller

    async def talk(self, *titles):
        """A conversation with a new caller."""
        return Conversation(self.agent, await self.caller(*titles))

    async def rows(self, talk):
        """The caller's todos as sets of "title", "title | due", marked with * for a priority and x for done."""
        todos = await self.todos.find(owner_of(talk.caller), completed=None, due_before=None, limit=100)
        return {_line(todo) for todo in todos}


def agent_settings(tools_url, **settings):
    return Settings(CONVONET_TOOLS_URL=tools_url, CONVONET_SIGNING_KEY=SECRET.decode(), **settings)


@asynccontextmanager
async def running_world(url, **settings):
    """A world on the database at `url`."""
    await migrate(url)
    database = Database(url)
    try:
        async with serving(database, free_port()) as tools_url:
            world = World(database, tools_url, **settings)
            try:
                yield world
            finally:
                await world.agent.close()
    finally:
        # the last: a call that was given up may still have a connection
        await database.close()


@pytest.fixture
async def world(database_url):
    async with running_world(database_url) as world:
        yield world


@pytest.fixture
async def todays_world(tmp_path):
    """A world in which it is now: for domains whose rules look at the clock."""
    url = f"sqlite+aiosqlite:///{tmp_path / 'test.db'}"
    async with running_world(url, clock=lambda: datetime.now(UTC)) as world:
        yield world


@pytest.fixture
async def sqlite_world(tmp_path):
    async with running_world(f"sqlite+aiosqlite:///{tmp_path / 'test.db'}") as world:
        yield world


def owner_of(caller):
    """The caller as the todo service knows them."""
    return Owner(uuid.UUID(caller.user_id), ZoneInfo(caller.timezone))


def _line(todo):
    due = todo.due_date.removesuffix(":00-05:00").removesuffix("T23:59") if todo.due_date else ""
    parts = [todo.title, due, "" if todo.priority == "medium" else todo.priority, "done" if todo.completed else ""]
    return " | ".join(part for part in parts if part)
