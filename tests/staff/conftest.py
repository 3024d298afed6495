"""Staff accounts on both databases, and a small application behind the staff login."""

from typing import Annotated

import httpx
import pytest
from fastapi import Depends, FastAPI

from convonet.settings import Settings
from convonet.staff.accounts import Role, StaffAccounts, StaffMember
from convonet.staff.http import StaffLogin
from convonet.web.refusals import add_refusal_handlers
from tests.domains.conftest import database, database_url
from tests.fixtures.sqlite import inline_throttle

__all__ = ["database", "database_url"]

PASSWORD = "correct horse battery"


@pytest.fixture
def accounts(database):
    return StaffAccounts(database)


@pytest.fixture
async def dora(accounts):
    return await accounts.add_member("Dora", "Dora Example", Role.AGENT, PASSWORD)


@pytest.fixture
async def browser(accounts, tmp_path):
    """A browser on a page of the application; cookies are kept."""
    settings = Settings(CONVONET_DATA_DIR=tmp_path)
    login = StaffLogin(accounts, inline_throttle(settings), settings)
    app = FastAPI()
    add_refusal_handlers(app)
    app.include_router(login.router())

    @app.get("/secret")
    async def secret(member: Annotated[StaffMember, Depends(login.require_staff)]) -> str:
        return member.display_name

    @app.post("/change")
    async def change(member: Annotated[StaffMember, Depends(login.require_staff)]) -> str:
        return member.username

    app.state.secret = settings.signing_secret
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://desk", headers={"Origin": "http://desk"}
    ) as client:
        client.app = app
        yield client
