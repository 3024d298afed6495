"""Twilio's voice API on the loopback: REST, signed status callbacks, TwiML and bidirectional Media Streams.

    async with TwilioServer(gateway="http://127.0.0.1:8000") as twilio:
        ...  # point TWILIO_BASE_URL at twilio.url, VOICE_GATEWAY_PUBLIC_URL at PUBLIC
        leg = await twilio.next_leg()
        leg.ring(), leg.answer(), leg.say(b"..."), leg.hang_up()

Requests go to the public address as far as signatures are concerned and to `gateway` in fact. Who is called is a `Leg`:
one that a test plays, or a real SIP call (tests/telephony/pbx).
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any, Protocol, Self
from urllib.parse import parse_qsl
from xml.etree import ElementTree

import aiohttp
from aiohttp import web
from twilio.request_validator import RequestValidator

ACCOUNT = "AC" + "0" * 32
TOKEN = "a-test-token-of-32-characters-000"
PUBLIC = "https://calls.example.test"
FINAL = frozenset({"completed", "busy", "failed", "no-answer", "canceled"})
FRAME_BYTES = 160
LONGEST_WEBHOOK_S = 15


class Leg(Protocol):
    """The one who is called."""

    headers: dict[str, str]
    over: asyncio.Event

    async def dial(self, ring_s: float, on_ringing: Callable[[], None]) -> int:
        """Call, and return the SIP status with which it was answered or not."""
        ...

    def hear(self, code: bytes) -> None:
        """Mu-law from the line, as it is played."""
        ...

    async def played(self) -> None:
        """Return when all of it has been played."""
        ...

    def clear(self) -> None:
        """Drop what was not played yet."""
        ...

    async def speech(self) -> bytes:
        """The next mu-law to the line."""
        ...

    async def end(self) -> None:
        """End the call, or stop its ringing."""
        ...


class PlayedLeg:
    """A leg that the test plays."""

    def __init__(self, to: str) -> None:
        address, _, headers = to.partition("?")
        self.extension = address.removeprefix("sip:").partition("@")[0]
        self.address = address
        self.headers = dict(header.split("=", 1) for header in headers.split("&") if header)
        self.over = asyncio.Event()
        self.heard = bytearray()
        self.ringing = asyncio.Event()
        self._rings = asyncio.Event()
        self._code: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._speech: asyncio.Queue[bytes] = asyncio.Queue()

    # -- what the test does

    def ring(self) -> None:
        self._rings.set()

    def answer(self, code: int = 200) -> None:
        """Take the call, or refuse it with a SIP status."""
        self.ring()
        if not self._code.done():
            self._code.set_result(code)

    def say(self, code: bytes) -> None:
        for start in range(0, len(code), FRAME_BYTES):
            self._speech.put_nowait(code[start : start + FRAME_BYTES])

    def hang_up(self) -> None:
        self.over.set()

    # -- what the server does

    async def dial(self, ring_s: float, on_ringing: Callable[[], None]) -> int:
        await self._rings.wait()
        on_ringing()
        self.ringing.set()
        try:
            async with asyncio.timeout(ring_s):
                return await self._code
        except TimeoutError:
            return 487

    def hear(self, code: bytes) -> None:
        self.heard += code

    async def played(self) -> None:
        """It plays in no time."""

    def clear(self) -> None:
        """Nothing is ever left."""

    async def speech(self) -> bytes:
        return await self._speech.get()

    async def end(self) -> None:
        self.over.set()
        self.ring()
        if not self._code.done():
            self._code.set_result(487)


@dataclass
class Call:
    """One call as Twilio knows it."""

    sid: str
    form: dict[str, str]
    events: frozenset[str]
    leg: Leg
    status: str = "queued"
    sequence: int = 0
    task: asyncio.Task[None] | None = None
    socket: aiohttp.ClientWebSocketResponse | None = None
    statuses: list[str] = field(default_factory=list)
    streams: list[str] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        return self.status in FINAL

    def as_json(self) -> dict[str, Any]:
        return {
            "sid": self.sid,
            "account_sid": ACCOUNT,
            "to": self.form["To"],
            "from": self.form["From"],
            "status": self.status,
            "direction": "outbound-api",
            "api_version": "2010-04-01",
            "uri": f"/2010-04-01/Accounts/{ACCOUNT}/Calls/{self.sid}.json",
        }


class TwilioServer:
    """Start it with `async with`; every call that it was asked for is in `calls`."""

    def __init__(self, gateway: str = "", make_leg: Callable[[str], Leg] = PlayedLeg) -> None:
        self.gateway = gateway
        self.calls: list[Call] = []
        self.refusals: list[int | str] = []
        """How the next requests fail: an HTTP status, "hang", or "lost": done, but the answer never comes."""
        self.keeps_quiet = False
        """No status callback is made any more."""
        self.answers: list[int] = []
        """What our webhooks answered."""
        self.misses = 0
        """How many of the next answers get lost."""
        self.posts: list[tuple[str, dict[str, str]]] = []
        """What they were asked: public address and form."""
        self._make_leg = make_leg
        self._legs: asyncio.Queue[Leg] = asyncio.Queue()
        self._runner: web.AppRunner | None = None
        self._posts: set[asyncio.Task[Any]] = set()

    async def __aenter__(self) -> Self:
        app = web.Application()
        base = "/2010-04-01/Accounts/{account}/Calls"
        app.add_routes([web.post(f"{base}.json", self._create), web.post(base + "/{sid}.json", self._update)])
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=LONGEST_WEBHOOK_S))
        return self

    async def __aexit__(self, *_: object) -> None:
        tasks = [call.task for call in self.calls if call.task] + list(self._posts)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._http.close()
        if self._runner is not None:
            await self._runner.cleanup()

    async def next_leg(self) -> Any:
        """Who is called next."""
        async with asyncio.timeout(10):
            return await self._legs.get()

    @property
    def open_calls(self) -> list[Call]:
        return [call for call in self.calls if not call.is_over]

    async def break_stream(self, call: Call) -> None:
        """The media stream is lost, the call is not."""
        assert call.socket is not None
        # as a network does it: no closing handshake
        call.socket._response.close()

    # -- REST

    async def _create(self, request: web.Request) -> web.Response:
        data = await request.post()
        form = {name: str(value) for name, value in data.items()}
        refusal = self._refusal(request)
        if isinstance(refusal, web.Response):
            return refusal
        if refusal == "hang":
            await asyncio.sleep(60)
        if not form.get("To", "").startswith(("sip:", "+")) or not form.get("From"):
            return _error(400, 21211, "Invalid 'To' Phone Number")
        if not form.get("Twiml") and not form.get("Url"):
            return _error(400, 21205, "Url parameter is required")
        events = frozenset(str(event) for event in data.getall("StatusCallbackEvent", [])) or frozenset({"completed"})
        call = Call("CA" + secrets.token_hex(16), form, events, self._make_leg(form["To"]))
        self.calls.append(call)
        self._legs.put_nowait(call.leg)
        call.task = asyncio.create_task(self._run(call))
        if refusal == "lost":
            await asyncio.sleep(60)
        return web.json_response(call.as_json(), status=201)

    async def _update(self, request: web.Request) -> web.Response:
        refusal = self._refusal(request)
        if isinstance(refusal, web.Response):
            return refusal
        call = next((call for call in self.calls if call.sid == request.match_info["sid"]), None)
        if call is None:
            return _error(404, 20404, "The requested resource was not found")
        if call.is_over:
            return _error(400, 21220, "Call is not in-progress. Cannot redirect.")
        form = await request.post()
        if form.get("Status") == "canceled" and call.status == "in-progress":
            return _error(400, 21220, "Call is in progress. Cannot cancel.")
        await call.leg.end()
        return web.json_response(call.as_json())

    def _refusal(self, request: web.Request) -> web.Response | str | None:
        kind = self.refusals.pop(0) if self.refusals else None
        if isinstance(kind, int):
            codes = {401: 20003, 404: 20404, 429: 20429}
            return _error(kind, codes.get(kind, 20500), "injected failure")
        try:
            login = aiohttp.BasicAuth.decode(request.headers.get("Authorization", ""))
        except ValueError:
            login = None
        if login is None or (login.login, login.password) != (ACCOUNT, TOKEN):
            return _error(401, 20003, "Authenticate")
        return kind

    # -- the call

    async def _run(self, call: Call) -> None:
        await self._became(call, "initiated")
        code = await call.leg.dial(float(call.form.get("Timeout", 60)), lambda: self._soon(call, "ringing"))
        if code != 200 or call.leg.over.is_set():
            ended_by_us = call.leg.over.is_set()
            await self._became(call, "canceled" if ended_by_us else _status_of(code), SipResponseCode=str(code))
            await call.leg.end()
            return
        await self._became(call, "in-progress")
        # "an application error has occurred", it says, and hangs up
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, ElementTree.ParseError):
            await self._follow(call, call.form.get("Twiml", ""))
        await call.leg.end()
        await self._became(call, "completed", SipResponseCode="200", CallDuration="1")

    async def _follow(self, call: Call, twiml: str) -> None:
        for verb in ElementTree.fromstring(twiml):
            if call.leg.over.is_set() or verb.tag == "Hangup":
                return
            if verb.tag == "Pause":
                await asyncio.sleep(float(verb.get("length", 1)))
            elif verb.tag == "Connect":
                for stream in verb.iter("Stream"):
                    await self._stream(call, stream)
            elif verb.tag == "Redirect":
                assert verb.text is not None
                answer = await self._post(verb.text.strip(), self._facts(call))
                await self._follow(call, answer)
                return

    async def _stream(self, call: Call, noun: ElementTree.Element) -> None:
        url = noun.get("url", "")
        assert url.startswith("wss://"), url
        assert "?" not in url, url
        sid = "MZ" + secrets.token_hex(16)
        call.streams.append(sid)
        near = self.gateway.replace("http", "ws", 1) + url.removeprefix(PUBLIC.replace("https", "wss", 1))
        headers = {"X-Twilio-Signature": sign(url, {})}
        async with self._http.ws_connect(near, headers=headers) as socket:
            call.socket = socket
            await self._talk(call, sid, socket, {p.get("name"): p.get("value") for p in noun.iter("Parameter")})

    async def _talk(self, call: Call, sid: str, socket: aiohttp.ClientWebSocketResponse, parameters: Any) -> None:
        sequence = 0

        async def send(event: str, **body: object) -> None:
            nonlocal sequence
            sequence += 1
            with contextlib.suppress(ConnectionError, aiohttp.ClientError):
                await socket.send_json({"event": event, "sequenceNumber": str(sequence), **body, "streamSid": sid})

        await socket.send_json({"event": "connected", "protocol": "Call", "version": "1.0.0"})
        start = {
            "accountSid": ACCOUNT,
            "streamSid": sid,
            "callSid": call.sid,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": parameters,
        }
        await send("start", start=start)

        async def mark(name: str) -> None:
            await call.leg.played()
            await send("mark", mark={"name": name})

        async def up() -> None:
            chunk = 0
            while True:
                code = await call.leg.speech()
                chunk += 1
                payload = base64.b64encode(code).decode()
                await send("media", media={"track": "inbound", "chunk": str(chunk), "payload": payload})

        async def down() -> None:
            async for message in socket:
                if message.type is not aiohttp.WSMsgType.TEXT:
                    continue
                body = json.loads(message.data)
                assert body["streamSid"] == sid, body
                if body["event"] == "media":
                    call.leg.hear(base64.b64decode(body["media"]["payload"], validate=True))
                elif body["event"] == "mark":
                    self._keep(asyncio.create_task(mark(body["mark"]["name"])))
                else:
                    assert body["event"] == "clear", body
                    call.leg.clear()

        tasks = [asyncio.create_task(work) for work in (up(), down(), call.leg.over.wait())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if not socket.closed:
                await send("stop", stop={"accountSid": ACCOUNT, "callSid": call.sid})

    # -- webhooks

    def _soon(self, call: Call, status: str) -> None:
        self._keep(asyncio.create_task(self._became(call, status)))

    def _keep(self, task: asyncio.Task[Any]) -> None:
        self._posts.add(task)
        task.add_done_callback(self._posts.discard)

    async def _became(self, call: Call, status: str, **more: str) -> None:
        if call.is_over:
            return
        call.status = status
        call.statuses.append(status)
        event = {"in-progress": "answered"}.get(status, "completed" if status in FINAL else status)
        number, call.sequence = call.sequence, call.sequence + 1
        if not self.keeps_quiet and event in call.events and (url := call.form.get("StatusCallback")):
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                await self._post(url, {**self._facts(call), "SequenceNumber": str(number), **more})

    def _facts(self, call: Call) -> dict[str, str]:
        return {
            "CallSid": call.sid,
            "AccountSid": ACCOUNT,
            "From": call.form["From"],
            "To": call.form["To"],
            "CallStatus": call.status,
            "Direction": "outbound-api",
            "ApiVersion": "2010-04-01",
            "CallbackSource": "call-progress-events",
            "Timestamp": formatdate(usegmt=False),
        }

    async def replay(self) -> list[str]:
        """Every webhook that was called so far is called once more, word for word; returns their answers."""
        return [await self._ask(url, form) for url, form in tuple(self.posts)]

    async def _post(self, url: str, form: dict[str, str]) -> str:
        """Ask, and again as the fragment of the address says; in all for fifteen seconds."""
        url, _, fragment = url.partition("#")
        wishes = dict(parse_qsl(fragment))
        assert wishes.get("rp", "ct") in {"ct", "all"}, fragment
        self.posts.append((url, form))
        async with asyncio.timeout(LONGEST_WEBHOOK_S):
            for left in reversed(range(1 + int(wishes.get("rc", 1)))):
                try:
                    return await self._ask(url, form)
                except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
                    if not left:
                        raise
                except aiohttp.ClientError:
                    if not left or wishes.get("rp") != "all":
                        raise
        raise AssertionError("unreachable")

    async def _ask(self, url: str, form: dict[str, str]) -> str:
        near = self.gateway + url.removeprefix(PUBLIC)
        async with self._http.post(near, data=form, headers={"X-Twilio-Signature": sign(url, form)}) as answer:
            self.answers.append(answer.status)
            answer.raise_for_status()
            if self.misses:
                self.misses -= 1
                raise aiohttp.ServerDisconnectedError
            return await answer.text()


def sign(url: str, form: dict[str, str], token: str = TOKEN) -> str:
    """The signature of a request, by the vendor's own SDK."""
    return str(RequestValidator(token).compute_signature(url, form))


def _status_of(code: int) -> str:
    return {486: "busy", 600: "busy", 487: "no-answer"}.get(code, "failed")


def _error(status: int, code: int, message: str) -> web.Response:
    body = {
        "code": code,
        "message": message,
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }
    return web.json_response(body, status=status)
