"""In-process stand-ins for what a session talks to: a socket, providers with scripts, hosts that can be killed.

Relay, link, session host, session actor and turn are the real ones.
"""

import asyncio
import base64
import json
from contextlib import aclosing, asynccontextmanager

from actors.session_host import SessionHost
from convonet.agents.base import Caller, ChatMessage, DomainChosen, Final, TextDelta, ToolFinished, ToolStarted
from convonet.auth.pin import FixedPin
from convonet.auth.throttle import LocalThrottle
from convonet.gateway.ports import ClientGone, HostLost
from convonet.gateway.relay import Relay
from convonet.ids import UserId
from convonet.monitor.live_calls import LiveCalls
from convonet.sessions.messages import OpenSession
from convonet.sessions.services import Services, Timeouts
from convonet.settings import Settings
from convonet.speech.base import SpokenAudio, Transcript
from convonet.storage.checkpoints import MemoryCheckpoints

PIN = "471182"
AUDIO = b"\x1aE\xdf\xa3" + bytes(2000)
CALLER = Caller(UserId("00000000-0000-0000-0000-000000000001"), "Demo")


class ScriptedEar:
    """Hears what the script says; an exception in it is raised, a float before it is a delay in seconds."""

    name = "ear"

    def __init__(self, hears="add buy milk to my todo list", delay=0.1):
        self.hears = hears
        self.delay = delay
        self.answers_as = self.name
        self.calls = 0
        self.language = None

    async def transcribe(self, utterance, *, language):
        self.calls += 1
        self.language = language
        await asyncio.sleep(self.delay)
        if isinstance(self.hears, Exception):
            raise self.hears
        return Transcript(self.hears, self.answers_as)


class ScriptedVoice:
    """Says the text's own bytes, so that a test can read what was spoken."""

    name = "voice"

    def __init__(self, delay=0.05):
        self.delay = delay
        self.answers_as = self.name
        self.fails_with = None
        self.spoken = []
        self.language = None

    async def synthesize(self, text, *, language):
        self.language = language
        await asyncio.sleep(self.delay)
        if self.fails_with is not None:
            raise self.fails_with
        self.spoken.append(text)
        return SpokenAudio(text.encode(), "audio/mpeg", self.answers_as)


class ScriptedAgent:
    """Answers "You said …" after `delay`, with one tool call; notes every turn id that reached the tool."""

    def __init__(self, delay=0.2):
        self.delay = delay
        self.fails_with = None
        self.effects = []
        self.cancelled = 0
        self.language = None

    async def turn(self, request):
        self.language = request.language
        try:
            yield DomainChosen("todo")
            yield ToolStarted("1", "create_todo", "Adding the todo")
            self.effects.append((request.turn_id, request.transcript))
            await asyncio.sleep(self.delay)
            if self.fails_with is not None:
                raise self.fails_with
            yield ToolFinished("1", "create_todo", "Adding the todo", True, "done", 1.0)
            text = f"You said {request.transcript}."
            yield TextDelta(text)
            said = (ChatMessage("user", request.transcript), ChatMessage("assistant", text))
            yield Final(text, "todo", "offline", "rules", request.history + said)
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled += 1
            raise


class NoTransfers:
    """Hand-overs for tests that need none."""

    async def begin(self, order):
        raise AssertionError(f"nobody asked for a human: {order}")


class World:
    """Session hosts in one process, reached as a relay reaches them; any can be killed."""

    def __init__(self, hosts=2, transfers=None, agent=None, caller=CALLER, **settings):
        self.settings = Settings(**{"VOICE_PIN": PIN, "CONVONET_SIGNING_KEY": "k" * 32, **settings})
        self.ear, self.voice, self.agent = ScriptedEar(), ScriptedVoice(), agent or ScriptedAgent()
        self.pins = FixedPin(PIN, caller)
        loop = asyncio.get_running_loop()
        self.checkpoints = MemoryCheckpoints(clock=loop.time)
        self.throttle = LocalThrottle(self.settings, clock=loop.time)
        self.records = []
        self.calls = LiveCalls("host", clock=loop.time)
        self.services = Services(
            ears={"ear": self.ear},
            voices={"voice": self.voice},
            agent=self.agent,
            default_ear="ear",
            default_voice="voice",
            transfers=transfers or NoTransfers(),
            record=self.records.append,
            watch=self.calls.watch,
            timeouts=Timeouts(hear=5, think=10, speak=5),
            wall_clock=loop.time,
        )
        self.hosts = {}
        self.dead = {}
        self.hung = set()
        self.stopping = set()
        for _ in range(hosts):
            self.add_host()

    def add_host(self):
        name = f"host-{len(self.hosts) + len(self.dead)}"
        self.hosts[name] = SessionHost(
            name,
            settings=self.settings,
            pins=self.pins,
            throttle=self.throttle,
            checkpoints=self.checkpoints,
            services=self.services,
        )
        self.dead[name] = asyncio.Event()
        return name

    def kill(self, name):
        """As `kill -9`: no session of it does anything any more, and no `finally` of it runs."""
        host = self.hosts.pop(name)
        self.dead[name].set()
        for life in tuple(host._lives):
            life.cancel()

    def host_of(self, session_id):
        return next(name for name, host in self.hosts.items() if session_id in host._sessions)

    async def attach(self, request, *, host):
        name = self._pick(host)
        if name in self.hung:
            await asyncio.Event().wait()
        async with aclosing(_until(self.dead[name], self.hosts[name].attach(request))) as events:
            async for event in events:
                yield event

    async def deliver(self, session_id, command, *, host):
        name = self._pick(host)
        if name in self.hung:
            await asyncio.sleep(5)
            raise HostLost("delivery took too long")
        return await self.hosts[name].deliver(session_id, command)

    def _pick(self, wanted):
        if not self.hosts:
            raise HostLost("no host")
        routed = [name for name in self.hosts if name not in self.stopping]
        return wanted if wanted in routed else min(routed, key=lambda n: self.hosts[n].figures()["sessions"])

    def stop_gracefully(self, name):
        """As Serve stops a replica: no new call goes there, open streams stay open."""
        self.stopping.add(name)

    def hang(self, name):
        """The process stands still: streams stay open, nothing is answered any more."""
        self.hung.add(name)
        self.stopping.add(name)
        for life in tuple(self.hosts[name]._lives):
            life.cancel()

    @asynccontextmanager
    async def client(self, address="203.0.113.7"):
        """A connected socket with its relay."""
        client = Client()
        wall_clock = asyncio.get_running_loop().time
        relay = Relay(client, self, self.settings, address=address, wall_clock=wall_clock)
        running = asyncio.create_task(relay.run())
        try:
            yield client
        finally:
            client.disconnect()
            await running

    @asynccontextmanager
    async def caller(self):
        """A client that has given the right PIN and heard the greeting."""
        async with self.client() as client:
            await client.log_in()
            yield client

    async def end(self):
        """Let every session end, so that no task is left."""
        for host in self.hosts.values():
            for life in tuple(host._lives):
                life.cancel()
            await asyncio.gather(*host._lives, return_exceptions=True)


class Client:
    """The client's end of a socket, and `ClientSocket` for the relay at once."""

    def __init__(self):
        self._to_server = asyncio.Queue()
        self._from_server = asyncio.Queue()
        self.received = []
        self.heard = bytearray()
        self.hears = asyncio.Event()
        self.closed_with = None
        self.resume_token = None
        self.session_id = None

    # the relay's side

    async def receive(self):
        frame = await self._to_server.get()
        if frame is None:
            self._to_server.put_nowait(None)
            raise ClientGone
        return frame

    async def send(self, text):
        if self.closed_with is not None:
            raise ClientGone
        message = json.loads(text)
        self.received.append(message)
        self._from_server.put_nowait(message)

    async def send_audio(self, pcm):
        if self.closed_with is not None:
            raise ClientGone
        self.heard += pcm
        self.hears.set()

    def allow_large_messages(self):
        pass

    async def close(self, code):
        if self.closed_with is None:
            self.closed_with = code
            self._to_server.put_nowait(None)
            self._from_server.put_nowait({"type": "closed", "code": code})

    # the client's side

    def disconnect(self):
        if self.closed_with is None:
            self.closed_with = 1006
        self._to_server.put_nowait(None)

    def say(self, type_, **fields):
        self._to_server.put_nowait(json.dumps({"type": type_, **fields}))

    def say_raw(self, frame):
        self._to_server.put_nowait(frame)

    async def next(self, wait=60):
        async with asyncio.timeout(wait):
            return await self._from_server.get()

    async def until(self, type_, **fields):
        """The next message of this type (and these fields); everything before it is passed over."""
        while True:
            message = await self.next()
            if message["type"] == type_ and all(message.get(k) == v for k, v in fields.items()):
                return message

    async def log_in(self, pin=PIN, **preferences):
        await self.until("auth_required")
        self.say("authenticate", pin=pin, **preferences)
        ok = await self.until("auth_ok")
        self.remember(ok)
        await self.until("greeting")
        return ok

    async def resume(self, resume_token, last_seq):
        await self.until("auth_required")
        self.say("authenticate", resume_token=resume_token, last_seq=last_seq)
        ok = await self.until("auth_ok")
        self.remember(ok)
        return ok

    def remember(self, ok):
        self.resume_token, self.session_id = ok["resume_token"], ok["session_id"]

    def speak(self, utterance_id=None, audio=AUDIO, **extra):
        extra |= {"utterance_id": utterance_id} if utterance_id else {}
        self.say("start_recording", **extra)
        self.say("audio_chunk", sequence=0, data_b64=base64.b64encode(audio).decode())
        self.say("stop_recording")

    async def answer(self):
        """The messages of a turn up to its last audio."""
        messages = []
        while True:
            messages.append(await self.next())
            if messages[-1]["type"] == "audio_chunk" and messages[-1]["is_final"]:
                return messages

    def last_seq(self):
        return max((m.get("seq", 0) for m in self.received), default=0)


def types(messages):
    return [m["type"] for m in messages]


def spoken(messages):
    return " ".join(base64.b64decode(m["data_b64"]).decode() for m in messages if m.get("data_b64"))


async def _until(dead, events):
    """The events until `dead` is set, then `HostLost`."""
    death = asyncio.create_task(dead.wait())
    following = None
    try:
        while True:
            following = asyncio.create_task(anext(events, None))
            await asyncio.wait((death, following), return_when=asyncio.FIRST_COMPLETED)
            if death.done():
                raise HostLost("killed")
            event = following.result()
            if event is None:
                return
            yield event
    finally:
        death.cancel()
        if following is not None:
            following.cancel()
        await asyncio.gather(*filter(None, (death, following)), return_exceptions=True)
        await events.aclose()


__all__ = ["PIN", "Client", "OpenSession", "World", "spoken", "types"]
