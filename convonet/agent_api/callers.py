"""Callers by id, for requests whose sender we trust."""

from __future__ import annotations

import uuid

from convonet.agents.base import Caller
from convonet.errors import NotFound
from convonet.ids import UserId
from convonet.storage.database import Database
from convonet.storage.users import UserRow


class Callers:
    """The active users of the database; `timezone` is theirs, IANA name."""

    def __init__(self, database: Database, timezone: str) -> None:
        self._database = database
        self._timezone = timezone

    async def find(self, user_id: uuid.UUID) -> Caller:
        """The caller. Raises `NotFound` for nobody and for who is not active, `StorageError` from the database."""
        async with self._database.reading() as session:
            user = await session.get(UserRow, user_id)
        if user is None or not user.is_active:
            raise NotFound("user", spoken="There is no such user.")
        name = user.first_name or user.username
        return Caller(UserId(str(user.id)), name, self._timezone, llm_provider=user.llm_provider)
