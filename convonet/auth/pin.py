"""Identification of callers by PIN: the protocol that voice replicas use, and one class per source of PINs.

A refusal never gives its reason: malformed, unknown, inactive and wrong PINs take the same path and get the same words.
A PIN never gets into a log, a repr or an exception.
"""

from __future__ import annotations

import asyncio
import hmac
import re
from dataclasses import replace
from typing import Protocol

import asyncpg
import structlog

from convonet.core.caller import Caller
from convonet.core.errors import AuthRefused, SettingsError, StorageError
from convonet.core.ids import DEMO_USER_ID, UserId
from convonet.settings import Settings

log = structlog.get_logger(__name__)

DATABASE_TIMEOUT_S = 2.0
"""Including the connection; a caller who waits longer thinks that the PIN was lost."""

_WELL_FORMED = re.compile(r"[0-9]{4,10}")
_MAX_DIGITS = 10
_MATCHES_NOBODY = ""
"""Looked up and compared in place of a malformed PIN, so that its refusal takes the same time as any other."""

_FIND_USER = """
    SELECT id::text AS id, username, first_name, voice_pin, is_active, llm_provider
    FROM users_anthropic WHERE voice_pin = $1 LIMIT 2
"""

DATABASE_UNAVAILABLE = "I can't check your PIN right now. Please try again in a moment."


class PinVerifier(Protocol):
    """A source of PINs."""

    async def verify(self, pin: str) -> Caller:
        """Return the caller with this PIN.

        Raises:
            AuthRefused: No active user has this PIN.
            StorageError: The database does not answer.
        """
        ...


class FixedPin:
    """The single PIN of the embedded setup."""

    def __init__(self, pin: str, caller: Caller) -> None:
        self._pin = pin
        self._caller = replace(caller, verified_by="PIN")

    async def verify(self, pin: str) -> Caller:
        """See `PinVerifier.verify`."""
        if not _is_same(pin, self._pin):
            raise AuthRefused
        return self._caller


class NoPin:
    """Every caller is the same user: ENABLE_VOICE_PIN=false."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def verify(self, pin: str) -> Caller:
        """See `PinVerifier.verify`; any PIN will do."""
        return self._caller


class PostgresPins:
    """The active users of `users_anthropic`; connects on first use."""

    def __init__(self, url: str, *, timezone: str) -> None:
        self._url = "postgresql://" + url.split("://", 1)[1]
        self._timezone = timezone
        self._pool: asyncpg.Pool | None = None
        self._opening = asyncio.Lock()

    async def verify(self, pin: str) -> Caller:
        """See `PinVerifier.verify`."""
        probe = pin if _WELL_FORMED.fullmatch(pin) else _MATCHES_NOBODY
        rows = await self._find(probe)
        user = rows[0] if len(rows) == 1 else None
        matches = _is_same(pin, user["voice_pin"] if user else _MATCHES_NOBODY)
        if len(rows) > 1:
            log.error("voice_pin_not_unique", user_ids=[row["id"] for row in rows])
        if user is None or not matches or not user["is_active"]:
            raise AuthRefused
        name = user["first_name"] or user["username"]
        return Caller(UserId(user["id"]), name, self._timezone, user["llm_provider"], verified_by="PIN")

    async def close(self) -> None:
        """Close the connections; the next `verify` opens new ones."""
        if self._pool is not None:
            pool, self._pool = self._pool, None
            await pool.close()

    async def _find(self, probe: str) -> list[asyncpg.Record]:
        try:
            async with asyncio.timeout(DATABASE_TIMEOUT_S):
                pool = await self._open()
                rows: list[asyncpg.Record] = await pool.fetch(_FIND_USER, probe)
                return rows
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
            # only the type: asyncpg quotes parameters in some of its messages
            raise StorageError(f"postgresql: {type(error).__name__}", spoken=DATABASE_UNAVAILABLE) from None

    async def _open(self) -> asyncpg.Pool:
        async with self._opening:
            if self._pool is None:
                # no prepared statements, so that a pooler such as PgBouncer may sit between
                self._pool = await asyncpg.create_pool(
                    self._url, min_size=0, max_size=4, timeout=DATABASE_TIMEOUT_S, statement_cache_size=0
                )
            return self._pool


def fixed_user_id(settings: Settings) -> UserId | None:
    """Return the user that all callers are, for `pin_verifier` too; None when a database of PINs tells them apart."""
    is_told_apart = settings.login.pin_required and settings.storage.db_uri is not None
    return None if is_told_apart else DEMO_USER_ID


def pin_verifier(settings: Settings) -> PinVerifier:
    """Create the verifier for these settings; without a database of PINs everyone is the seeded demo user."""
    demo_caller = Caller(DEMO_USER_ID, "Demo", settings.callers.timezone)
    if not settings.login.pin_required:
        return NoPin(demo_caller)
    if settings.storage.db_uri is not None:
        return PostgresPins(settings.storage.db_uri.get_secret_value(), timezone=settings.callers.timezone)
    if settings.demo_pin is None:
        raise SettingsError("VOICE_PIN: neither a PIN nor a database of PINs is set")
    return FixedPin(settings.demo_pin, demo_caller)


def _is_same(given: str, known: str) -> bool:
    """Whether `given` is a well-formed PIN and equal to `known`, compared in constant time."""
    well_formed = _WELL_FORMED.fullmatch(given) is not None
    padded = (given if well_formed else _MATCHES_NOBODY).rjust(_MAX_DIGITS)
    equal = hmac.compare_digest(padded.encode(), known.rjust(_MAX_DIGITS).encode())
    return well_formed and equal
