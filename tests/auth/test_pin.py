"""Identification by PIN: the embedded PIN, no PIN, and users in a real PostgreSQL."""

from __future__ import annotations

import asyncio
import logging
import pickle
import time
import traceback
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from convonet.auth.pin import FixedPin, NoPin, PostgresPins, fixed_user_id, pin_verifier
from convonet.core.caller import Caller
from convonet.core.errors import AuthRefused, StorageError
from convonet.core.ids import DEMO_USER_ID
from convonet.settings import Settings
from tests.fixtures.ports import free_port

CALLER = Caller(DEMO_USER_ID, "Demo")
VERIFIED = Caller(DEMO_USER_ID, "Demo", verified_by="PIN")

USERS = """
    CREATE TABLE users_anthropic (
        id uuid PRIMARY KEY DEFAULT gen_random_uuid(), email varchar(255) UNIQUE, username varchar(100) UNIQUE,
        password_hash varchar(255), first_name varchar(100), last_name varchar(100), voice_pin varchar(10),
        is_active boolean,
        llm_provider text
    );
    INSERT INTO users_anthropic (username, first_name, voice_pin, is_active) VALUES
        ('ada', 'Ada', '471182', true), ('nameless', NULL, '5512', true), ('gone', 'Gone', '9004', false),
        ('unset', 'Unset', '9005', NULL), ('no-pin', 'NoPin', NULL, true), ('empty', 'Empty', '', true),
        ('twin1', 'Twin', '777777', true), ('twin2', 'Twin', '777777', true), ('odd', 'Odd', '12 34', true);
"""

MALFORMED = ["", " ", "123", "12345678901", " 471182", "471182 ", "471182\n", "47118٢", "४७११८२", "47-1182", "12 34"]
INJECTIONS = ["' OR '1'='1", "471182'--", "'; DROP TABLE users_anthropic; --", "$1", "%", "_", "4711\x00", "\ud800"]


@pytest.fixture
async def pins(fresh_database: str) -> AsyncIterator[PostgresPins]:
    connection = await asyncpg.connect(fresh_database)
    await connection.execute(USERS)
    await connection.close()
    verifier = PostgresPins(fresh_database, timezone="Europe/Vienna")
    yield verifier
    await verifier.close()


async def test_the_right_pin_names_the_user_with_first_name_and_time_zone(pins: PostgresPins) -> None:
    caller = await pins.verify("471182")
    assert (caller.user_name, caller.timezone, caller.verified_by) == ("Ada", "Europe/Vienna", "PIN")
    assert len(caller.user_id) == 36


async def test_a_user_without_a_first_name_is_called_by_user_name(pins: PostgresPins) -> None:
    assert (await pins.verify("5512")).user_name == "nameless"


async def test_every_refusal_looks_alike(pins: PostgresPins) -> None:
    unknown, inactive, unset, ambiguous = "1111", "9004", "9005", "777777"
    seen = set()
    for pin in [unknown, inactive, unset, ambiguous, *MALFORMED, *INJECTIONS]:
        with pytest.raises(AuthRefused) as refused:
            await pins.verify(pin)
        seen.add((str(refused.value), refused.value.spoken, refused.value.code, refused.value.__cause__))
    assert len(seen) == 1
    assert (await pins.verify("471182")).user_name == "Ada"


async def test_a_hundred_callers_at_once_share_a_few_connections(pins: PostgresPins) -> None:
    callers = await asyncio.gather(*(pins.verify("471182") for _ in range(100)))
    assert {caller.user_name for caller in callers} == {"Ada"}


async def test_broken_connections_are_replaced(pins: PostgresPins, fresh_database: str) -> None:
    await pins.verify("471182")
    connection = await asyncpg.connect(fresh_database)
    await connection.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await connection.close()
    await asyncio.sleep(0.05)
    assert (await pins.verify("471182")).user_name == "Ada"


async def test_an_unreachable_database_is_announced_and_is_not_a_refusal() -> None:
    pins = PostgresPins(f"postgresql://u:hunter2@127.0.0.1:{free_port()}/none", timezone="UTC")
    with pytest.raises(StorageError) as away:
        await pins.verify("471182")
    assert "PIN" in away.value.spoken
    assert_hides(away.value, "471182", "hunter2")


async def test_a_database_that_hangs_fails_after_two_seconds() -> None:
    hold = asyncio.Event()

    async def hang(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await hold.wait()
        writer.close()

    async with await asyncio.start_server(hang, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        started = time.monotonic()
        with pytest.raises(StorageError):
            await PostgresPins(f"postgresql://u@127.0.0.1:{port}/x", timezone="UTC").verify("471182")
        assert 1.5 < time.monotonic() - started < 3.0
        hold.set()


async def test_the_error_of_a_missing_table_does_not_have_the_pin(fresh_database: str) -> None:
    pins = PostgresPins(fresh_database, timezone="UTC")
    with pytest.raises(StorageError) as failed:
        await pins.verify("471182")
    assert_hides(failed.value, "471182")
    await pins.close()


async def test_pins_are_not_in_logs_and_reprs(pins: PostgresPins, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with structlog.testing.capture_logs() as events:
        await pins.verify("471182")
        for pin in ("777777", "9004", "1111"):
            with pytest.raises(AuthRefused):
                await pins.verify(pin)
    text = f"{events}{caplog.text}{pins!r}{FixedPin('471182', CALLER)!r}"
    assert [event["event"] for event in events] == ["voice_pin_not_unique"]
    assert not any(pin in text for pin in ("471182", "777777", "9004", "1111"))


async def test_the_embedded_pin_opens_to_its_caller_only() -> None:
    pins = FixedPin("471182", CALLER)
    assert await pins.verify("471182") == VERIFIED
    for pin in ["471183", "47118", "4711820", "0471182", *MALFORMED, *INJECTIONS]:
        with pytest.raises(AuthRefused):
            await pins.verify(pin)


@given(pin=st.text(max_size=12), known=st.from_regex(r"\A[0-9]{4,10}\Z"))
async def test_no_other_text_is_taken_for_the_embedded_pin(pin: str, known: str) -> None:
    if pin != known:
        with pytest.raises(AuthRefused):
            await FixedPin(known, CALLER).verify(pin)
    assert await FixedPin(known, CALLER).verify(known) == VERIFIED


async def test_the_settings_choose_where_pins_come_from() -> None:
    open_door = pin_verifier(Settings(ENABLE_VOICE_PIN=False, CONVONET_TIMEZONE="Asia/Tokyo"))
    assert isinstance(open_door, NoPin)
    assert await open_door.verify("") == Caller(DEMO_USER_ID, "Demo", "Asia/Tokyo")
    assert isinstance(pin_verifier(Settings(VOICE_PIN="471182")), FixedPin)
    assert isinstance(pin_verifier(Settings(DB_URI="postgres://u:p@127.0.0.1/x")), PostgresPins)


@pytest.mark.parametrize(
    ("settings", "user_id"),
    [
        ({}, DEMO_USER_ID),
        ({"ENABLE_VOICE_PIN": False, "DB_URI": "postgres://u:p@127.0.0.1/x"}, DEMO_USER_ID),
        ({"DB_URI": "postgres://u:p@127.0.0.1/x"}, None),
    ],
)
def test_only_a_database_of_pins_tells_callers_apart(settings: dict[str, Any], user_id: str | None) -> None:
    assert fixed_user_id(Settings(**settings)) == user_id


def assert_hides(error: BaseException, *secrets: str) -> None:
    text = "".join(traceback.format_exception(error)) + repr(error) + repr(pickle.dumps(error))
    # the traceback quotes this test's own source line with the PIN
    shown = "\n".join(line for line in text.splitlines() if "await" not in line)
    assert not any(secret in shown for secret in secrets)
