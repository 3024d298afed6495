"""The tool servers, running for real over HTTP on both databases."""

import asyncio
import shutil
import uuid
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
import uvicorn

from convonet.auth.tokens import CallerClaims
from convonet.core.ids import TurnId, UserId
from convonet.domains.discovery import all_servers
from convonet.mcp.client import ToolBox
from convonet.mcp.http import http_app
from convonet.mcp.local import local_tools
from convonet.mcp.streamable_http import HttpToolServers
from convonet.settings import Settings
from convonet.storage.database import Database
from convonet.storage.users import UserRow
from tests.fixtures.ports import free_port

SECRET = b"a secret of thirty-two characters"
ALICE = CallerClaims(UserId(str(uuid.uuid4())), "Alice", "America/Los_Angeles", TurnId("t-alice"))
BOB = CallerClaims(UserId(str(uuid.uuid4())), "Bob", "UTC", TurnId("t-bob"))


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request, tmp_path):
    """A database of this test's own, with all our tables and no row."""
    if request.param == "sqlite":
        path = shutil.copy(request.getfixturevalue("migrated_sqlite"), tmp_path / "test.db")
        return f"sqlite+aiosqlite:///{path}"
    return Settings(DB_URI=request.getfixturevalue("migrated_database")).storage.database_url


@pytest.fixture
async def database(database_url):
    database = Database(database_url)
    async with database.transaction() as session:
        session.add_all([user(ALICE), user(BOB)])
    yield database
    await database.close()


@asynccontextmanager
async def serving(database, port, settings=None):
    """The tool servers over HTTP on `port`."""
    app = http_app(all_servers(database, settings or Settings()), secret=SECRET)
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, lifespan="on"))
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await running


def http_box(url, timeout_s=5):
    """A tool box for the servers at that address."""
    return ToolBox(HttpToolServers(url, secret=SECRET, timeout_s=timeout_s), timeout_s=timeout_s)


@asynccontextmanager
async def tool_box(database, settings=None):
    """A tool box and its servers, connected as an agent and a replica of the product are."""
    async with local_tools(all_servers(database, settings or Settings()), secret=SECRET) as servers:
        yield ToolBox(servers, timeout_s=5)


@pytest.fixture
def settings():
    """The settings of the tool servers; a test module may have a fixture of its own."""
    return Settings()


@pytest.fixture
async def tools_url(database, settings):
    async with serving(database, free_port(), settings) as url:
        yield url


@pytest.fixture
async def toolbox(database, settings):
    async with tool_box(database, settings) as box:
        yield box


def user(claims):
    now = datetime.now(UTC)
    return UserRow(
        id=uuid.UUID(claims.user_id),
        email=f"{claims.user_name}@example.com",
        username=claims.user_name,
        password_hash="!",
        first_name=claims.user_name,
        last_name="Example",
        voice_pin=None,
        is_active=True,
        is_verified=True,
        created_at=now,
        updated_at=now,
        last_login_at=None,
    )
