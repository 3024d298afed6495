"""The desks' HTTP and socket: who gets in, who sees what, and that nobody sees or does what is another's."""

import asyncio
import contextlib
import hashlib
import json

import aiohttp
import pytest
from sqlalchemy import select, update

from convonet.desk.http import NO_TELEPHONE, TAKEN_OVER
from convonet.domains.crm.models import NoteRow
from convonet.settings.telephony import TelephonySettings
from convonet.staff.accounts import Role, StaffAccounts, StaffRow, Telephone, sip_ha1
from convonet.staff.page_session import NOT_LOGGED_IN
from tests.telephony.world import SUMMARY

PASSWORD = "correct horse battery"


async def person(center, name, extension=None, departments=()):
    accounts = StaffAccounts(center.database)
    await accounts.add_member(name, name.title(), Role.AGENT, PASSWORD)
    if extension:
        ha1 = sip_ha1(extension, "pbx.test", "secret")
        await accounts.set_telephone(name, Telephone(extension, departments, ha1))


@contextlib.asynccontextmanager
async def browser(base, name=None):
    """A browser on the desks' page, logged in as `name`."""
    origin = base.rpartition("/call-center")[0]
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar, headers={"Origin": origin}) as http:
        if name:
            body = {"username": name, "password": PASSWORD}
            async with http.post(f"{base}/staff/api/login", json=body) as answer:
                assert answer.status == 200, await answer.text()
        yield http


class Page:
    """The desk's page, as far as its socket goes."""

    def __init__(self, socket):
        self._socket = socket

    async def view(self, state):
        async with asyncio.timeout(10):
            while True:
                message = json.loads((await self._socket.receive()).data)
                if message["type"] == "desk_view" and message["view"]["state"] == state:
                    return message["view"]

    async def be_ready(self):
        await self.view("not_ready")
        await self.does("ready")
        await self.view("ready")

    async def next(self, type_):
        async with asyncio.timeout(10):
            while True:
                message = json.loads((await self._socket.receive()).data)
                if message["type"] == type_:
                    return message

    async def does(self, action, text=""):
        await self._socket.send_json({"type": "desk_does", "action": action, "text": text})


@contextlib.asynccontextmanager
async def page_of(http, base):
    async with http.ws_connect(f"{base}/ws") as socket:
        yield Page(socket)


async def closed_with(http, base, **options):
    async with http.ws_connect(f"{base}/ws", **options) as socket:
        async with asyncio.timeout(5):
            while (await socket.receive()).type is not aiohttp.WSMsgType.CLOSE:
                pass
        return socket.close_code


@pytest.mark.parametrize("path", ["api/phone", "api/history", "api/call-backs", "staff/api/me"])
async def test_nothing_is_shown_without_a_login(telephone_center, path):
    async with telephone_center() as center:
        base = await center.serve_desks()
        async with browser(base) as http, http.get(f"{base}/{path}") as answer:
            assert answer.status == 401


async def test_the_page_and_the_socket_want_a_login_too(telephone_center):
    async with telephone_center() as center:
        base = await center.serve_desks()
        await person(center, "dora", "2001")
        async with browser(base) as http:
            async with http.get(f"{base}/", allow_redirects=False) as answer:
                assert answer.status == 303
            assert await closed_with(http, base) == NOT_LOGGED_IN
        async with browser(base, "dora") as http:
            assert await closed_with(http, base, headers={"Origin": "https://elsewhere.example"}) == NOT_LOGGED_IN


async def test_a_change_from_a_foreign_page_is_refused(telephone_center):
    async with telephone_center() as center:
        base = await center.serve_desks()
        await person(center, "dora", "2001")
        async with browser(base, "dora") as http:
            for path in ("api/history/h-1/notes", f"api/call-backs/{'0' * 32}/done"):
                foreign = {"Origin": "https://elsewhere.example"}
                async with http.post(f"{base}/{path}", json={"text": "x"}, headers=foreign) as answer:
                    assert answer.status == 403, path


async def test_each_person_gets_their_own_telephone_and_no_password(telephone_center):
    async with telephone_center() as center:
        base = await center.serve_desks()
        await person(center, "dora", "2001")
        await person(center, "eve")
        async with browser(base, "dora") as http, http.get(f"{base}/api/phone") as answer:
            phone = await answer.json()
            assert phone["extension"] == "2001"
            assert phone["ha1"] == hashlib.md5(b"2001:pbx.test:secret", usedforsecurity=False).hexdigest()
            assert "secret" not in await answer.text()
        async with browser(base, "eve") as http:
            async with http.get(f"{base}/api/phone") as answer:
                assert (answer.status, (await answer.json())["code"]) == (409, "no_telephone")
            assert await closed_with(http, base) == NO_TELEPHONE


async def test_a_desk_without_a_sip_account_is_a_desk_and_gets_no_telephone(telephone_center):
    async with telephone_center() as center:
        base = await center.serve_desks()
        await StaffAccounts(center.database).add_member("dora", "Dora", Role.AGENT, PASSWORD)
        await StaffAccounts(center.database).set_telephone("dora", Telephone("2001", ("support",)))
        async with browser(base, "dora") as http:
            async with http.get(f"{base}/api/phone") as answer:
                assert (answer.status, await answer.read()) == (204, b"")
            async with page_of(http, base) as dora:
                await dora.be_ready()


async def test_where_there_is_no_pbx_nobody_gets_a_telephone(telephone_center):
    async with telephone_center() as center:
        center.settings = center.settings.model_copy(update={"telephony": TelephonySettings()})
        base = await center.serve_desks()
        await person(center, "dora", "2001")
        async with browser(base, "dora") as http, http.get(f"{base}/api/phone") as answer:
            assert (answer.status, await answer.read()) == (204, b"")


async def test_a_card_is_shown_to_the_desk_that_rings_and_to_no_other(telephone_center):
    async with telephone_center() as center, center.caller() as client:
        base = await center.serve_desks()
        await person(center, "dora", "2001")
        await person(center, "eve", "2002")
        async with (
            browser(base, "dora") as dora_http,
            browser(base, "eve") as eve_http,
            page_of(dora_http, base) as dora,
            page_of(eve_http, base) as eve,
        ):
            await dora.be_ready()
            client.say("text_input", text="a human please")
            view = await dora.view("ringing")
            assert view["card"]["summary"] == SUMMARY
            transfer_id = view["card"]["transfer_id"]
            # Eve sees that somebody waits, and nothing of whom
            await eve.does("not_ready", "<img src=x onerror=alert(1)>")
            seen = await eve.view("not_ready")
            assert seen["card"] is None
            # nor can she do anything with it
            await eve.does("accept")
            assert (await eve.next("desk_refused"))["message"]
            async with eve_http.post(f"{base}/api/history/{transfer_id}/notes", json={"text": "mine"}) as answer:
                assert answer.status == 404
            await dora.does("decline")
            await dora.view("ready")


@pytest.mark.parametrize(
    "frame", ["", "[]", '{"type": "desk_does"}', '{"type": "desk_does", "action": "fly"}', "x" * 10_000]
)
async def test_a_frame_that_is_wrong_is_answered_and_the_desk_stays(telephone_center, frame):
    async with telephone_center() as center:
        base = await center.serve_desks()
        await person(center, "dora", "2001")
        async with browser(base, "dora") as http, http.ws_connect(f"{base}/ws") as socket:
            await socket.send_str(frame)
            page = Page(socket)
            assert (await page.next("desk_refused"))["message"]
            await page.does("ready")
            await page.view("ready")


async def test_a_second_window_takes_the_desk_over(telephone_center):
    async with telephone_center() as center:
        base = await center.serve_desks()
        await person(center, "dora", "2001")
        async with browser(base, "dora") as http, http.ws_connect(f"{base}/ws") as first:
            await Page(first).view("not_ready")
            async with page_of(http, base) as second:
                await second.view("not_ready")
                async with asyncio.timeout(5):
                    while (await first.receive()).type is not aiohttp.WSMsgType.CLOSE:
                        pass
                assert first.close_code == TAKEN_OVER
                await second.does("ready")
                await second.view("ready")


@pytest.mark.parametrize("change", ["logs out", "has no account any more", "has no desk any more"])
async def test_a_person_who_may_not_be_a_desk_any_more_is_cut_off(telephone_center, change):
    async with telephone_center() as center:
        base = await center.serve_desks(check_interval_s=0.05)
        await person(center, "dora", "2001")
        async with browser(base, "dora") as http, http.ws_connect(f"{base}/ws") as socket:
            await Page(socket).view("not_ready")
            accounts = StaffAccounts(center.database)
            if change == "logs out":
                await accounts.end_sessions((await accounts.find_member("dora")).id)
            else:
                values = {"is_active": False} if "account" in change else {"extension": None}
                async with center.database.transaction() as session:
                    await session.execute(update(StaffRow).values(values))
            async with asyncio.timeout(5):
                while (await socket.receive()).type is not aiohttp.WSMsgType.CLOSE:
                    pass
            assert socket.close_code == NOT_LOGGED_IN


async def test_notes_are_kept_and_given_to_the_crm(telephone_center):
    async with telephone_center() as center, center.caller() as client:
        base = await center.serve_desks()
        await person(center, "dora", "2001")
        async with browser(base, "dora") as http, page_of(http, base) as dora:
            await dora.be_ready()
            client.say("text_input", text="a human please")
            leg = await center.next_leg()
            leg.ring()
            view = await dora.view("ringing")
            await dora.does("accept")
            leg.answer()
            await client.until("transfer_status", state="connected")
            leg.hang_up()
            await dora.view("wrap_up")
            words = "<b>Wants</b> a new PIN"
            url = f"{base}/api/history/{view['card']['transfer_id']}/notes"
            async with http.post(url, json={"text": words}) as answer:
                assert answer.status == 204
            async with http.get(f"{base}/api/history") as answer:
                assert (await answer.json())[0]["notes"] == words
            async with center.database.reading() as session:
                notes = [row.content for row in await session.scalars(select(NoteRow))]
            assert words in notes


async def test_a_desk_that_was_loaded_anew_in_a_call_lets_the_caller_go_on(telephone_center):
    async with telephone_center() as center, center.caller() as client:
        base = await center.serve_desks()
        await person(center, "dora", "2001")
        async with browser(base, "dora") as http:
            async with page_of(http, base) as dora:
                await dora.be_ready()
                client.say("text_input", text="a human please")
                leg = await center.next_leg()
                leg.ring()
                await dora.view("ringing")
                await dora.does("accept")
                leg.answer()
                await client.until("transfer_status", state="connected")
            async with page_of(http, base) as dora:
                await dora.view("on_call")
                await dora.does("lost")
                await client.until("transfer_status", state="ended")
                await dora.view("wrap_up")
        await center.all_calls_over()


async def test_a_page_that_carries_its_calls_gets_the_key_of_its_own_call_only(direct_center):
    async with direct_center() as center, center.caller() as client:
        base = await center.serve_desks()
        await person(center, "dora", "2001")
        await person(center, "eve", "2002")
        async with (
            browser(base, "dora") as dora_http,
            browser(base, "eve") as eve_http,
            page_of(dora_http, base) as dora,
            page_of(eve_http, base) as eve,
        ):
            await eve.view("not_ready")
            await dora.be_ready()
            client.say("text_input", text="a human please")
            leg = await center.next_leg()
            leg.ring()
            await client.until("transfer_status", state="ringing")
            await dora.does("accept")
            call = (await dora.view("on_call"))["call"]
            while not call or not call["stream_key"]:
                call = (await dora.view("on_call"))["call"]
            assert call["transfer_id"] == leg.transfer_id
            await eve.does("ready")
            assert (await eve.view("ready"))["call"] is None
            # hold is for a call that talks
            await dora.does("hold")
            assert (await dora.next("desk_refused"))["message"]
