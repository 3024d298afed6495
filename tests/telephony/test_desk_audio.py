"""The audio socket of a desk's page over a real server: who gets in, what passes, and how it ends."""

import asyncio
import contextlib
import shutil
import socket

import aiohttp
import pytest
import uvicorn
from sqlalchemy import update

from convonet.core.errors import StorageError
from convonet.desk.audio import OPEN_TIMEOUT_S, PATH, POLICY_VIOLATION, REFUSED, DeskAudio
from convonet.settings import Settings
from convonet.staff.accounts import Role, StaffAccounts, StaffRow, Telephone
from convonet.staff.http import COOKIE, StaffLogin
from convonet.staff.page_session import GOING_AWAY, NOT_LOGGED_IN, TRY_LATER
from convonet.staff.tokens import mint_session
from convonet.storage.database import Database
from convonet.telephony.caller_port import MAX_FRAME_BYTES, CallerPort
from convonet.telephony.direct.page_stream import MAX_BURST_S, MAX_PACE
from convonet.telephony.real_time import FRAME_BYTES, FRAME_S
from convonet.web.login_limits import MAX_LOGIN_BYTES
from convonet.web.service import http_service
from deployments.limited_websocket import LimitedWebSocket
from tests.fixtures.sqlite import inline_throttle
from tests.sessions.doubles import ScriptedStt, ScriptedTts
from tests.speech_samples import tone, wav_bytes
from tests.telephony.played_host import CALLER, DESK, TONE, CallerSide, PlayedHost, hears, hears_only, level, until

OPEN = {"type": "desk_audio_open", "transfer_id": "h-1", "attempt": 0, "stream_key": "a-key"}
WHISPER_S = 0.6


class ToneVoice(ScriptedTts):
    """Speaks a tone, as a WAV file."""

    async def synthesize(self, text, *, language):
        spoken = await super().synthesize(text, language=language)
        return type(spoken)(wav_bytes(tone(WHISPER_S)), "audio/wav", spoken.provider)


class Gate:
    """A voice replica with its audio socket."""

    def __init__(self, database_file, **options):
        self._file = database_file
        self._options = options
        self.host = PlayedHost()
        self.is_closed = False

    async def __aenter__(self):
        self.settings = Settings(CONVONET_SIGNING_KEY="k" * 32)
        self.database = Database(f"sqlite+aiosqlite:///{self._file}")
        self.accounts = StaffAccounts(self.database)
        self.dora = await self.accounts.add_member("dora", "Dora", Role.AGENT, None)
        await self.accounts.set_telephone("dora", Telephone("2001", ()))
        self.callers = CallerPort()
        await self.callers.start("127.0.0.1")
        self.login = StaffLogin(self.accounts, inline_throttle(self.settings), self.settings)
        self.audio = DeskAudio(
            self.login,
            self.host,
            ScriptedStt(delay=0),
            ToneVoice(delay=0),
            self.callers,
            self.settings,
            is_closed=lambda: self.is_closed,
            **self._options,
        )
        app = http_service("gate", None)
        self.audio.add_route(app)
        config = uvicorn.Config(app, ws=LimitedWebSocket, ws_per_message_deflate=False, log_config=None, lifespan="off")
        self._server = uvicorn.Server(config)
        listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self._task = asyncio.create_task(self._server.serve(sockets=[listener]))
        await until(lambda: self._server.started)
        return self

    async def __aexit__(self, *_):
        self._server.force_exit = self._server.should_exit = True
        for connection in tuple(self._server.server_state.connections):
            connection.transport.abort()
        await asyncio.gather(self._task, return_exceptions=True)
        await self.callers.stop()
        await self.database.close()

    def cookie(self):
        return {"Cookie": f"{COOKIE}={mint_session(self.dora.id, secret=self.settings.signing_secret)}"}

    @contextlib.asynccontextmanager
    async def socket(self, **headers):
        """A page's socket; without headers, of Dora's page."""
        given = headers or {**self.cookie(), "Origin": self.url}
        async with aiohttp.ClientSession() as http, http.ws_connect(self.url + PATH, headers=given) as ws:
            yield ws

    @contextlib.asynccontextmanager
    async def page(self, *orders):
        """A page whose stream was admitted; it speaks all the time."""
        self.host.order(*(orders or ["join"]))
        async with self.socket() as ws:
            page = Page(ws)
            await ws.send_json(OPEN)
            assert await ws.receive_json(timeout=5) == {"type": "desk_audio_opened"}
            page.start()
            try:
                yield page
            finally:
                await page.stop()

    async def caller(self):
        return CallerSide(await self.host.asked())


class Page:
    def __init__(self, ws):
        self.ws = ws
        self.heard = []
        self.is_speaking = True

    def start(self):
        self._tasks = [asyncio.create_task(work) for work in (self._hear(), self._speak())]

    async def stop(self):
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _hear(self):
        async for message in self.ws:
            self.heard.append(message.data)

    async def _speak(self):
        while True:
            if self.is_speaking:
                await self.ws.send_bytes(DESK)
            await asyncio.sleep(FRAME_S)

    async def close_code(self, within=5.0):
        await until(lambda: self.ws.closed, within)
        return self.ws.close_code


async def close_code_of(ws, within=5.0):
    async with asyncio.timeout(within):
        while not (await ws.receive()).type.name.startswith("CLOS"):
            pass
    return ws.close_code


@pytest.fixture
def gate(migrated_sqlite, tmp_path):
    """`gate(option=value)` makes one, to be used with `async with`."""
    return lambda **options: Gate(shutil.copy(migrated_sqlite, tmp_path / "convonet.db"), **options)


# -- who gets in


async def test_without_a_login_nobody_gets_in(gate):
    async with gate() as replica, replica.socket(Origin=replica.url) as ws:
        assert await close_code_of(ws) == NOT_LOGGED_IN
        assert replica.host.requests == []


async def test_a_foreign_page_does_not_get_in_with_the_cookie_of_its_visitor(gate):
    async with gate() as replica, replica.socket(**replica.cookie(), Origin="https://evil.example") as ws:
        assert await close_code_of(ws) == NOT_LOGGED_IN
        assert replica.host.requests == []


async def test_a_person_without_a_desk_is_refused(gate):
    async with gate() as replica:
        await take_desk_from(replica)
        async with replica.socket() as ws:
            assert await close_code_of(ws) == REFUSED


async def test_while_the_database_is_down_a_page_has_to_try_later(gate, monkeypatch):
    async with gate() as replica:
        await fail_logins(replica, monkeypatch)
        async with replica.socket() as ws:
            assert await close_code_of(ws) == TRY_LATER


async def test_the_host_learns_whose_page_it_is(gate):
    async with gate() as replica, replica.page():
        request = replica.host.requests[0]
        assert (request.transfer_id, request.attempt, request.key) == ("h-1", 0, "a-key")
        assert (request.call_sid, request.desk) == ("direct-h-1-0", "dora")


async def test_a_wrong_key_is_refused(gate):
    async with gate() as replica, replica.socket() as ws:
        replica.host.refuses = True
        await ws.send_json(OPEN)
        assert await close_code_of(ws) == REFUSED


@pytest.mark.parametrize(
    "first",
    [
        "nonsense",
        "{}",
        '{"type": "desk_alive"}',
        '{"type": "desk_audio_open", "transfer_id": "h-1", "attempt": -1, "stream_key": "k"}',
        '{"type": "desk_audio_open", "transfer_id": "h-1", "attempt": 0, "stream_key": "' + "k" * 201 + '"}',
        bytes(FRAME_BYTES),
    ],
)
async def test_a_bad_first_message_closes_the_socket(gate, first):
    async with gate() as replica, replica.socket() as ws:
        await (ws.send_bytes(first) if isinstance(first, bytes) else ws.send_str(first))
        assert await close_code_of(ws) == POLICY_VIOLATION
        assert replica.host.requests == []


async def test_a_large_first_message_takes_no_memory(gate):
    async with gate() as replica, replica.socket() as ws:
        await ws.send_str("x" * (MAX_LOGIN_BYTES + 1))
        assert await close_code_of(ws) in {POLICY_VIOLATION, aiohttp.WSCloseCode.MESSAGE_TOO_BIG}
        assert replica.host.requests == []


async def test_a_page_that_says_nothing_is_closed(gate):
    assert OPEN_TIMEOUT_S <= 5
    async with gate(open_timeout_s=0.2) as replica, replica.socket() as ws:
        assert await close_code_of(ws, 2) == POLICY_VIOLATION


# -- audio


async def test_desk_and_caller_hear_each_other(gate):
    async with gate() as replica, replica.page() as page, await replica.caller() as caller:
        await hears(caller.heard, DESK)
        await hears(page.heard, CALLER)
        # far more messages than a page may send before its login
        await until(lambda: caller.heard.count(DESK) > 60)


async def test_the_desk_hears_who_is_calling_in_real_time(gate):
    async with gate() as replica, replica.page("whisper") as page:
        began = asyncio.get_running_loop().time()
        await replica.host.reported("whispered")
        took_s = asyncio.get_running_loop().time() - began
        assert WHISPER_S - 0.2 < took_s < WHISPER_S + 0.5
        whisper = b"".join(page.heard)
        assert len(whisper) == pytest.approx(WHISPER_S * 32_000, abs=FRAME_BYTES)
        assert level(whisper) > 4_000


async def test_a_whisper_ends_when_the_two_are_joined(gate):
    async with gate() as replica, replica.page("whisper") as page, await replica.caller():
        await until(lambda: page.heard)
        replica.host.order("join")
        await hears_only(page.heard, [CALLER])


async def test_a_caller_on_hold_hears_the_tone(gate):
    async with gate() as replica, replica.page() as page, await replica.caller() as caller:
        await hears(caller.heard, DESK)
        replica.host.order("hold")
        await hears_only(caller.heard, TONE)
        await hears_only(page.heard, [])


@pytest.mark.parametrize("frame", [bytes(641), bytes(MAX_FRAME_BYTES + 2), "text"])
async def test_what_is_no_audio_closes_the_socket(gate, frame):
    async with gate() as replica, replica.page() as page:
        await (page.ws.send_bytes(frame) if isinstance(frame, bytes) else page.ws.send_str(frame))
        assert await page.close_code() == POLICY_VIOLATION


async def test_an_empty_frame_is_a_sign_of_life_and_nothing_more(gate):
    async with gate() as replica, replica.page() as page, await replica.caller() as caller:
        page.is_speaking = False
        await page.ws.send_bytes(b"")
        await hears_only(caller.heard, [])
        assert not page.ws.closed


async def test_a_flood_reaches_the_caller_only_in_part(gate):
    async with gate() as replica, replica.page() as page, await replica.caller() as caller:
        await hears(caller.heard, DESK)
        page.is_speaking = False
        flood = b"\7\7" * (MAX_FRAME_BYTES // 2)
        for _ in range(150):  # 30 s of audio
            await page.ws.send_bytes(flood)
        await asyncio.sleep(0.3)
        passed_s = caller.heard.count(flood) * MAX_FRAME_BYTES / 32_000
        assert 0 < passed_s < MAX_BURST_S + MAX_PACE * 2


# -- its end


async def test_a_page_that_falls_silent_is_dead(gate):
    async with gate(silent_after_s=0.3) as replica, replica.page() as page:
        await asyncio.sleep(0.6)
        assert not page.ws.closed
        page.is_speaking = False
        assert await page.close_code(2) == GOING_AWAY
        assert not replica.callers.has_legs


async def test_a_host_that_is_slow_to_admit_a_stream_does_not_end_it(gate):
    async with gate(silent_after_s=0.2) as replica, replica.socket() as ws:
        await ws.send_json(OPEN)
        await replica.host.asked()
        await asyncio.sleep(0.5)
        replica.host.order("join")
        assert await ws.receive_json(timeout=2) == {"type": "desk_audio_opened"}


async def test_a_person_who_logs_out_is_cut_off(gate):
    async with gate(login_check_interval_s=0.1) as replica, replica.page() as page, await replica.caller() as caller:
        await hears(caller.heard, DESK)
        await asyncio.sleep(0.3)
        assert not page.ws.closed
        await replica.accounts.end_sessions(replica.dora.id)
        assert await page.close_code(2) == NOT_LOGGED_IN
        assert not replica.callers.has_legs


@pytest.mark.parametrize("change", [{"is_active": False}, {"extension": None}])
async def test_a_person_who_loses_account_or_desk_is_cut_off(gate, change):
    async with gate(login_check_interval_s=0.1) as replica, replica.page() as page:
        await set_account(replica, **change)
        assert await page.close_code(2) == NOT_LOGGED_IN


async def test_a_database_that_is_down_ends_no_talk(gate, monkeypatch):
    async with gate(login_check_interval_s=0.02) as replica, replica.page() as page, await replica.caller() as caller:
        asked = await fail_logins(replica, monkeypatch)
        await until(lambda: len(asked) > 40)
        await hears(caller.heard, DESK)
        monkeypatch.undo()
        await replica.accounts.end_sessions(replica.dora.id)
        assert await page.close_code(2) == NOT_LOGGED_IN


async def test_a_call_that_is_over_closes_the_stream(gate):
    async with gate() as replica, replica.page("join", "close") as page:
        assert await page.close_code() == REFUSED


async def test_a_stream_that_was_replaced_goes_away(gate):
    async with gate() as replica, replica.page() as page:
        replica.host.end()
        assert await page.close_code() == GOING_AWAY


async def test_a_replica_that_stops_sends_its_pages_elsewhere(gate):
    async with gate() as replica, replica.page() as page:
        replica.is_closed = True
        async with replica.socket() as ws:
            assert await close_code_of(ws) == GOING_AWAY
        assert not page.ws.closed
        replica.audio.close_streams()
        assert await page.close_code() == GOING_AWAY
        assert len(replica.host.requests) == 1


async def test_a_page_that_is_closed_ends_its_leg(gate):
    async with gate() as replica, replica.page() as page:
        await page.ws.close()
        await until(lambda: not replica.callers.has_legs)
        assert replica.host.events == []


async def set_account(replica, **values):
    async with replica.database.transaction() as session:
        await session.execute(update(StaffRow).where(StaffRow.username == "dora").values(values))


async def take_desk_from(replica):
    await set_account(replica, extension=None)


async def fail_logins(replica, monkeypatch):
    asked = []

    async def down(*_):
        asked.append(1)
        raise StorageError("down")

    monkeypatch.setattr(replica.accounts, "member_of_session", down)
    return asked
