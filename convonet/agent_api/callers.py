"""Callers by id, for requests whose sender we trust."""

from __future__ import annotations

import uuid

from convonet.core.caller import Caller
from convonet.core.errors import NotFound
from convonet.core.ids import UserId
from convonet.storage.database import Database
from convonet.storage.users import UserRow

NOBODY_NAMED = "Callers are told apart here: the request has to say in user_id who calls."


class Callers:
    """The active users of the database; `timezone` is theirs, IANA name.

    A request that names nobody comes from `only_caller`, and is refused where callers are told apart.
    """

    def __init__(self, database: Database, timezone: str, only_caller: UserId | None = None) -> None:
        self._database = database
        self._timezone = timezone
        self._only_caller = uuid.UUID(only_caller) if only_caller else None

    async def find(self, user_id: uuid.UUID | None) -> Caller:
        """The caller. Raises `NotFound` for nobody and for who is not active, `StorageError` from the database."""
        user_id = user_id or self._only_caller
        if user_id is None:
            raise NotFound("nobody is named", spoken=NOBODY_NAMED)
        async with self._database.reading() as session:
            user = await session.get(UserRow, user_id)
        if user is None or not user.is_active:
            raise NotFound("user", spoken="There is no such user.")
        name = user.first_name or user.username
        return Caller(UserId(str(user.id)), name, self._timezone, llm_provider=user.llm_provider)
