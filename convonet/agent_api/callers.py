"""Callers by id, for requests with the service token. `AgentApi` looks each one up."""

from __future__ import annotations

import uuid

from convonet.core.caller import Caller
from convonet.core.errors import NotFound
from convonet.core.ids import UserId
from convonet.storage.database import Database
from convonet.storage.users import UserRow

NO_USER_ID = "Callers are told apart here: the request has to say in user_id who calls."


class Callers:
    """The active users of the database."""

    def __init__(self, database: Database, timezone: str, only_caller: UserId | None = None) -> None:
        """`timezone` is an IANA name; requests without a user id are from `only_caller`, or refused if it is None."""
        self._database = database
        self._timezone = timezone
        self._only_caller = uuid.UUID(only_caller) if only_caller else None

    async def find(self, user_id: uuid.UUID | None) -> Caller:
        """Return the caller. Raises `NotFound` without an active user, and `StorageError`."""
        user_id = user_id or self._only_caller
        if user_id is None:
            raise NotFound("no user id", spoken=NO_USER_ID)
        async with self._database.reading() as session:
            user = await session.get(UserRow, user_id)
        if user is None or not user.is_active:
            raise NotFound("user", spoken="There is no such user.")
        name = user.first_name or user.username
        return Caller(UserId(str(user.id)), name, self._timezone, llm_provider=user.llm_provider)
