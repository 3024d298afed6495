"""The monitor over HTTP and its socket: only a supervisor gets a byte, wrong queries are refused, files are safe."""

import csv
import io
import json
import shutil
from contextlib import asynccontextmanager
from zoneinfo import ZoneInfo

import aiohttp
import pytest
from sqlalchemy import update

from actors.cluster import Cluster
from actors.monitor import MonitorHost
from convonet.core.errors import StorageError
from convonet.monitor.http import NOT_A_SUPERVISOR, application
from convonet.monitor.stores import WatchedStore
from convonet.monitor.today import TodaysTurns
from convonet.monitor.turn_index import TurnIndex
from convonet.records.record import TurnRecord
from convonet.settings import Settings
from convonet.staff.accounts import Role, StaffAccounts, StaffRow
from convonet.staff.page_session import NOT_LOGGED_IN, TRY_LATER
from convonet.storage.database import Database
from tests.fixtures.serving import served
from tests.fixtures.sqlite import inline_throttle
from tests.monitor.conftest import tool_call, turn

PASSWORD = "correct horse battery"
ROUTES = ["/", "/api/turns", "/api/turns/s-1:t-1", "/api/choices", "/api/export.json", "/api/export.csv"]


class Running:
    def __init__(self, url, host, database):
        self.url = url
        self.database = database
        self.host = host
        self.accounts = StaffAccounts(database)

    @asynccontextmanager
    async def browser(self, role=None):
        """A browser, with somebody of that role logged in."""
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(self.url, cookie_jar=jar, headers={"Origin": self.url}) as http:
            if role is not None:
                await self.accounts.add_member(role.value, "Sue Example", role, PASSWORD)
                login = {"username": role.value, "password": PASSWORD}
                async with http.post("/staff/api/login", json=login) as answer:
                    assert answer.status == 200
            yield http


@pytest.fixture
async def running(tmp_path, migrated_sqlite):
    settings = Settings(CONVONET_DATA_DIR=tmp_path)
    database = Database(f"sqlite+aiosqlite:///{shutil.copy(migrated_sqlite, tmp_path)}")
    index = TurnIndex(tmp_path / "turns.db")
    host = MonitorHost(
        index,
        TodaysTurns(ZoneInfo("UTC"), {}, "USD"),
        [WatchedStore("records", "embedded", index.ping)],
        None,
        Cluster("only", None),
    )
    await host.start()
    app = application(database, settings, inline_throttle(settings), host, check_interval_s=0.1)
    async with served(app) as url:
        yield Running(url, host, database)
    await host.stop()


async def test_without_a_login_nobody_gets_a_byte(running):
    await running.host.write([turn(1)])
    async with running.browser() as http:
        for path in ROUTES:
            answer = await http.get(path, allow_redirects=False)
            assert answer.status == (303 if path == "/" else 401)
            assert "milk" not in await answer.text()
        async with http.ws_connect("/ws") as socket:
            assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
            assert socket.close_code == NOT_LOGGED_IN


async def test_desk_staff_are_not_supervisors(running):
    await running.host.write([turn(1)])
    async with running.browser(Role.AGENT) as http:
        for path in ROUTES:
            answer = await http.get(path, allow_redirects=False)
            assert answer.status == (303 if path == "/" else 403)
            assert "milk" not in await answer.text()
        async with http.ws_connect("/ws") as socket:
            assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
            assert socket.close_code == NOT_A_SUPERVISOR


async def test_every_route_is_among_those_that_were_tried(running):
    async with running.browser() as http:
        paths = (await (await http.get("/openapi.json")).json())["paths"]
    tried = {path.replace("s-1:t-1", "{request_id}") for path in ROUTES} | {"/health"}
    assert set(paths) <= tried


async def test_a_foreign_page_gets_no_socket(running):
    foreign = {"Origin": "http://evil.example"}
    async with running.browser(Role.SUPERVISOR) as http, http.ws_connect("/ws", headers=foreign) as socket:
        await socket.receive()
        assert socket.close_code == NOT_LOGGED_IN


async def test_a_page_is_closed_after_logout(running):
    async with running.browser(Role.SUPERVISOR) as http, http.ws_connect("/ws") as socket:
        assert json.loads((await socket.receive()).data)["staff_name"] == "Sue Example"
        await socket.send_json({"type": "monitor_alive"})
        assert await _next(socket, "monitor_alive_ack")
        async with http.post("/staff/api/logout") as answer:
            assert answer.status == 204
        assert await _next(socket, "closed") == NOT_LOGGED_IN


async def test_a_page_is_closed_when_its_user_is_no_supervisor_any_more(running):
    async with running.browser(Role.SUPERVISOR) as http, http.ws_connect("/ws") as socket:
        assert await _next(socket, "monitor_snapshot")
        async with running.database.transaction() as session:
            await session.execute(update(StaffRow).values(role=Role.AGENT))
        assert await _next(socket, "closed") == NOT_LOGGED_IN


async def test_while_the_database_is_down_the_page_opens_and_gets_nothing(running, monkeypatch):
    async def away(*_):
        raise StorageError("away")

    async with running.browser(Role.SUPERVISOR) as http, running.browser() as stranger:
        monkeypatch.setattr(StaffAccounts, "member_of_session", away)
        for browser, path, status in ((http, "/", 200), (http, "/api/turns", 503), (stranger, "/", 303)):
            async with browser.get(path, allow_redirects=False) as answer:
                assert answer.status == status
        async with http.ws_connect("/ws") as socket:
            assert await _next(socket, "closed") == TRY_LATER


async def test_an_invalid_message_is_refused_and_the_socket_stays_open(running):
    wrong = ["nonsense", "{}", '{"type": "monitor_watch"}', '{"type": "monitor_watch", "session_id": 7}', "x" * 2000]
    async with running.browser(Role.SUPERVISOR) as http, http.ws_connect("/ws") as socket:
        for text in wrong:
            await socket.send_str(text)
            assert await _next(socket, "monitor_refused")
        await socket.send_json({"type": "monitor_watch", "session_id": "s-unknown"})
        await socket.send_json({"type": "monitor_alive"})
        assert await _next(socket, "monitor_alive_ack")


async def test_a_supervisor_pages_through_the_turns_and_opens_one(running):
    await running.host.write([turn(number, tools=[tool_call(status="failed")]) for number in range(5)])
    async with running.browser(Role.SUPERVISOR) as http:
        first = await (await http.get("/api/turns", params={"limit": 3, "text": "milk", "failed_tool": "true"})).json()
        assert [row["timestamp"] - first["turns"][-1]["timestamp"] for row in first["turns"]] == [2, 1, 0]
        second = await (await http.get("/api/turns", params={"limit": 3, "cursor": first["next"]})).json()
        assert (len(second["turns"]), second["next"]) == (2, None)
        record = await (await http.get("/api/turns/s-1:t-1")).json()
        assert TurnRecord(**record).tool_calls[0].status == "failed"
        async with http.get("/api/turns/s-1:t-99") as answer:
            assert answer.status == 404


WRONG = [
    {"limit": 0},
    {"limit": 1000},
    {"cursor": "x"},
    {"cursor": "1-2-3"},
    {"cursor": "e-1"},
    {"cursor": "..-1"},
    {"since": "inf"},
    {"status": "odd"},
    {"wat": "1"},
    {"text": "x" * 300},
]


async def test_a_wrong_query_is_refused_with_a_sentence(running):
    async with running.browser(Role.SUPERVISOR) as http:
        for query in WRONG:
            answer = await http.get("/api/turns", params=query)
            assert answer.status == 422, query
            assert (await answer.json())["message"].endswith(".")


async def test_exports_have_the_filtered_turns_and_run_nothing_in_a_spreadsheet(running):
    formula = '=HYPERLINK("http://evil.example")'
    await running.host.write([turn(1, user_prompt=formula), turn(2, provider="google"), turn(3, tokens_in=7)])
    async with running.browser(Role.SUPERVISOR) as http:
        answer = await http.get("/api/export.csv", params={"provider": "offline"})
        assert "attachment" in answer.headers["Content-Disposition"]
        rows = list(csv.DictReader(io.StringIO((await answer.text()).removeprefix("\ufeff"))))
        assert [(row["user_prompt"], row["tokens_in"]) for row in rows] == [
            (turn(3).user_prompt, "7"),
            (f"'{formula}", "0"),
        ]
        records = await (await http.get("/api/export.json", params={"provider": "google"})).json()
        assert [TurnRecord(**record) for record in records] == [turn(2, provider="google")]
        assert await (await http.get("/api/export.json", params={"provider": "none"})).json() == []


async def _next(socket, type_):
    """The next message of that type; for `closed`, the code."""
    while True:
        message = await socket.receive(timeout=10)
        if message.type is not aiohttp.WSMsgType.TEXT:
            return socket.close_code if type_ == "closed" else None
        if (said := json.loads(message.data))["type"] == type_:
            return said
