"""Answers to requests with an Idempotency-Key, kept so that a repeated request gets the first one's answer.

A key is claimed for one request before anything is done. A transaction can't hold the claim, since our database must
not keep one open while SuiteCRM works. A new record's id is made from the key, so a request whose answer was lost with
its process can simply be repeated.
"""

from __future__ import annotations

import contextlib
import hashlib
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from pydantic import BaseModel
from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError

from convonet.core.errors import StorageError
from convonet.domains.crm.rules import RECORDS
from convonet.storage.database import Database
from convonet.storage.effects import EffectRow
from convonet.web.refusals import Refused

Answer = TypeVar("Answer", bound=BaseModel)

SERVICE = uuid.uuid5(RECORDS, "service")
"""The owner of the services' keys in the table that also holds the callers' keys. All services share one token."""


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """A request to a path, perhaps under a key of the sender's."""

    path: str
    body: BaseModel
    key: str | None

    def record_id(self) -> str:
        """The id of the record that the request adds: always the same if it has a key."""
        if self.key is None:
            return str(uuid.uuid4())
        return str(uuid.uuid5(RECORDS, f"service:{self.path}:{self.digest()}:{self.key}"))

    def digest(self) -> str:
        """Hash the body, to tell apart two requests under one key."""
        return _digest(self.body.model_dump_json())


class KeptAnswers:
    """The answers of the last day."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def once(self, request: KeyedRequest, shape: type[Answer], work: Callable[[], Awaitable[Answer]]) -> Answer:
        """Do `work`, or return what it returned the first time. A failure is not stored.

        Raises `Refused` when the key was used for another request.
        """
        if request.key is None:
            return await work()
        key = _digest(f"{request.path}:{request.key}")
        claim = {"request": request.digest(), "answer": None}
        known = await self._claim(key, claim)
        if known["request"] != claim["request"]:
            raise Refused(409, "key_reused", "This Idempotency-Key was used for another request.")
        if known["answer"] is not None:
            return shape.model_validate(known["answer"])
        try:
            answer = await work()
        except BaseException:
            with contextlib.suppress(StorageError):
                await self._release(key)
            raise
        await self._keep(key, claim | {"answer": answer.model_dump(mode="json")})
        return answer

    @asynccontextmanager
    async def shared_id(self, what: str) -> AsyncGenerator[str, None]:
        """Share a new record's id among all replicas that add `what` at the same time.

        Search for the record inside: a request that comes later gets another id, and finds the record.
        """
        key = _digest(f"adding:{what}")
        known = await self._claim(key, {"id": str(uuid.uuid4())})
        try:
            yield known["id"]
        finally:
            with contextlib.suppress(StorageError):
                await self._release(key)

    async def _claim(self, key: str, claim: dict[str, Any]) -> dict[str, Any]:
        """Store the claim, unless there is one; returns the valid one."""
        row = EffectRow(user_id=SERVICE, key=key, result=claim, created_at=datetime.now(UTC))
        try:
            async with self._database.transaction() as session:
                session.add(row)
        except IntegrityError:
            async with self._database.reading() as session:
                known = await session.get(EffectRow, (SERVICE, key))
            # the other request may just have released its claim
            return claim if known is None else known.result
        return claim

    async def _keep(self, key: str, result: dict[str, Any]) -> None:
        async with self._database.transaction() as session:
            await session.merge(EffectRow(user_id=SERVICE, key=key, result=result, created_at=datetime.now(UTC)))

    async def _release(self, key: str) -> None:
        async with self._database.transaction() as session:
            await session.execute(delete(EffectRow).where(EffectRow.user_id == SERVICE, EffectRow.key == key))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
