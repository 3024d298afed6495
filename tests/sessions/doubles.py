"""In-process doubles around a session: sockets, scripted providers, replicas that can be killed.

Connection, registry, lease, session actor and turn are the real ones.
"""

import asyncio
import base64
import json
from contextlib import asynccontextmanager
from dataclasses import replace

from actors.session_registry import SessionRegistry
from convonet.agents.base import ChatMessage, DomainChosen, Final, TextDelta, ToolFinished, ToolStarted
from convonet.auth.pin import FixedPin
from convonet.core.caller import Caller
from convonet.core.errors import StorageError
from convonet.core.ids import UserId
from convonet.gateway.admission import Admission, AdmissionLimits
from convonet.gateway.connection import CallerConnection
from convonet.gateway.connections import Connections
from convonet.gateway.login import LoginBackoff, UnauthenticatedSockets
from convonet.gateway.ports import ClientDisconnected
from convonet.monitor.live_calls import LiveCalls
from convonet.protocol.frames import HEADER_BYTES, FrameHeader
from convonet.sessions.services import SessionServices, Timeouts
from convonet.settings import Settings
from convonet.speech.base import SpokenAudio, SpokenChunk, Transcript
from tests.fixtures.sqlite import inline_checkpoints, inline_throttle

PIN = "471182"
AUDIO = b"\x1aE\xdf\xa3" + bytes(2000)
CALLER = Caller(UserId("00000000-0000-0000-0000-000000000001"), "Demo")


class ScriptedStt:
    """Recognizes what the script says. An exception in it is raised, a float before it is a delay in seconds."""

    name = "ear"

    def __init__(self, hears="add buy milk to my todo list", delay=0.1):
        self.hears = hears
        self.delay = delay
        self.answers_as = self.name
        self.calls = 0
        self.language = self.audio = None

    async def transcribe(self, utterance, *, language):
        self.calls += 1
        self.language, self.audio = language, utterance.audio
        await asyncio.sleep(self.delay)
        if isinstance(self.hears, Exception):
            raise self.hears
        return Transcript(self.hears, self.answers_as)


class ScriptedTts:
    """Synthesizes the text's own bytes, so that a test can read what was spoken."""

    name = "voice"

    def __init__(self, delay=0.05):
        self.delay = delay
        self.answers_as = self.name
        self.fails_with = None
        self.spoken = []
        self.language = None
        self.silence = b""

    async def synthesize(self, text, *, language):
        self.language = language
        await asyncio.sleep(self.delay)
        if self.fails_with is not None:
            raise self.fails_with
        self.spoken.append(text)
        return SpokenAudio(text.encode() + self.silence, "audio/mpeg", self.answers_as)

    def begin_answer(self, *, language):
        self.language = language
        return ScriptedAnswer(self)


class ScriptedAnswer:
    """A streamed answer: each sentence is a chunk of the text's own bytes, padded to whole samples."""

    def __init__(self, voice):
        self._voice = voice
        self._texts = asyncio.Queue()

    def speak(self, text):
        self._texts.put_nowait(text)

    def finish(self):
        self._texts.put_nowait(None)

    async def chunks(self):
        while (text := await self._texts.get()) is not None:
            await asyncio.sleep(self._voice.delay)
            if self._voice.fails_with is not None:
                raise self._voice.fails_with
            self._voice.spoken.append(text)
            pcm = text.encode().ljust(len(text.encode()) // 2 * 2 + 2) + self._voice.silence
            yield SpokenChunk(pcm, self._voice.answers_as)


class ScriptedAgent:
    """Answers "You said …" after `delay`, with one tool call. Collects the turn ids that reached the tool."""

    def __init__(self, delay=0.2):
        self.delay = delay
        self.fails_with = self.answers_with = None
        self.pieces, self.piece_delay = (), 0
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
            text = "".join(self.pieces) or self.answers_with or f"You said {request.transcript}."
            for number, piece in enumerate(self.pieces or [text]):
                await asyncio.sleep(self.piece_delay if number else 0)
                yield TextDelta(piece)
            said = (ChatMessage("user", request.transcript), ChatMessage("assistant", text))
            yield Final(text, "todo", "offline", "rules", request.history + said)
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled += 1
            raise


class NoHandOvers:
    """A call center for tests without hand-overs."""

    async def begin_hand_over(self, order):
        raise AssertionError(f"nobody asked for a human: {order}")


class Replica:
    """One voice replica with its registry and sockets. Its connection to the store can be cut."""

    def __init__(self, world, name):
        self.name = name
        self.is_dead = False
        self.store_is_cut = False
        self.connections = {}
        self.sockets = Connections(has_media_legs=lambda: False)
        self._world = world
        self.login_backoff = LoginBackoff(clock=asyncio.get_running_loop().time)
        self.unauthenticated = UnauthenticatedSockets(
            places=world.settings.login.max_unauthenticated, timeout_s=world.settings.login.timeout_s
        )
        self.registry = SessionRegistry(
            settings=world.settings,
            pins=world.pins,
            throttle=world.throttle,
            checkpoints=self,
            services=replace(world.services, record=self._record),
            admission=Admission(AdmissionLimits.of(world.settings.limits), clock=asyncio.get_running_loop().time),
        )

    @property
    def sessions(self):
        """Number of sessions in this replica."""
        return self.registry.gauges()["sessions"]

    def session(self, session_id):
        return self.registry._sessions[session_id]

    def _record(self, record):
        # a process that was killed tells nobody of the turns that it has cancelled
        if not self.is_dead:
            self._world.records.append(record)

    def __getattr__(self, name):
        """The store's methods; they fail while the connection is cut."""
        if self.is_dead or self.store_is_cut:
            return self._away
        return getattr(self._world.checkpoints, name)

    async def _away(self, *_, **__):
        raise StorageError("away")


class World:
    """Voice replicas in one process, used through the sockets of clients. Each can be killed."""

    def __init__(self, replicas=2, hand_overs=None, agent=None, caller=CALLER, caller_grace_s=15.0, **settings):
        self.settings = Settings(**{"VOICE_PIN": PIN, "CONVONET_SIGNING_KEY": "k" * 32, **settings})
        self.stt, self.tts, self.agent = ScriptedStt(), ScriptedTts(), agent or ScriptedAgent()
        self.pins = FixedPin(PIN, caller)
        loop = asyncio.get_running_loop()
        self.checkpoints = inline_checkpoints(clock=loop.time)
        self.throttle = inline_throttle(self.settings, clock=loop.time)
        self.records = []
        self.calls = LiveCalls("replica", clock=loop.time)
        self.services = SessionServices(
            stt_providers={"ear": self.stt},
            tts_providers={"voice": self.tts},
            agent=self.agent,
            default_stt="ear",
            default_tts="voice",
            hand_overs=hand_overs or NoHandOvers(),
            record=self.records.append,
            observe_call=self.calls.watch,
            timeouts=Timeouts(stt_s=5, agent_s=10, tts_s=5, caller_grace_s=caller_grace_s),
            wall_clock=loop.time,
        )
        self.replicas = {}
        self._made = 0
        self._reconnecting = set()
        for _ in range(replicas):
            self.add_replica()

    def add_replica(self):
        replica = Replica(self, f"replica-{self._made}")
        self._made += 1
        self.replicas[replica.name] = replica
        return replica

    def replica_of(self, session_id):
        return next(r for r in self.replicas.values() if session_id in r.registry._sessions)

    def session_of(self, client):
        return self.replica_of(client.session_id).session(client.session_id)

    async def flush_store(self):
        """Make the store lose everything."""
        await self.checkpoints._sqlite.run(lambda connection: connection.executescript("DELETE FROM sessions"))

    @property
    def sessions(self):
        """Number of sessions in all replicas."""
        return sum(replica.sessions for replica in self.replicas.values())

    def kill(self, replica):
        """Kill a replica as by `kill -9`: its sessions stop and its sockets break."""
        del self.replicas[replica.name]
        replica.is_dead = True
        replica.registry._running.cancel_all()
        replica.registry._housekeeping.cancel_all()
        for client in tuple(replica.connections):
            client.lose()

    def lose_socket(self, client):
        """Break the client's network. Its replica notices, and the client reconnects, maybe to another one."""
        client.lose()

    @asynccontextmanager
    async def client(self, address="203.0.113.7", replica=None, comes_back=False):
        """Connect a client. With `comes_back` it reconnects when its socket breaks, as the page does."""
        client = Client(comes_back=self._reconnect if comes_back else None)
        client.address = address
        self._connect(client, replica)
        try:
            yield client
        finally:
            client.comes_back = None
            client.disconnect()
            await asyncio.gather(*client.tasks, return_exceptions=True)
            await self._rest()

    def _connect(self, client, replica=None):
        replica = replica or min(self._open_replicas(), key=lambda r: r.sessions)
        if not replica.registry._housekeeping:
            replica.registry.start()
        wall_clock = asyncio.get_running_loop().time
        connection = CallerConnection(
            client.socket,
            replica.registry,
            self.settings,
            address=client.address,
            login_attempts=replica.login_backoff.attempts_from(client.address),
            unauthenticated=replica.unauthenticated,
            proxy=client.proxy,
            wall_clock=wall_clock,
        )
        replica.connections[client] = connection
        running = asyncio.create_task(_run(connection, replica.sockets))
        running.add_done_callback(lambda _: replica.connections.pop(client, None))
        client.tasks.add(running)

    def _open_replicas(self):
        return [replica for replica in self.replicas.values() if not replica.sockets.is_closed]

    async def _reconnect(self, client):
        await asyncio.sleep(0.2)
        while not self._open_replicas():
            await asyncio.sleep(0.2)
        client.socket = Socket(client)
        self._connect(client)
        client.say("authenticate", resume_token=client.resume_token, last_seq=client.last_seq(), **client.preferences)

    @asynccontextmanager
    async def caller(self, **preferences):
        """Connect a client that has logged in and received the greeting. It reconnects by itself, as the page does."""
        async with self.client(comes_back=True) as client:
            await client.log_in(**preferences)
            yield client

    async def _rest(self):
        """Stop the housekeeping of replicas without sessions."""
        for replica in self.replicas.values():
            if not replica.sessions:
                await replica.registry.stop()

    async def end(self):
        """End every session, so that no task is left."""
        for replica in self.replicas.values():
            await replica.registry._running.cancel_and_wait()
            await replica.registry.stop()


async def _run(connection, door):
    with door.hold(connection):
        await connection.run()


class Socket:
    """The server's end of a client's WebSocket."""

    def __init__(self, client):
        self._client = client
        self.to_server = asyncio.Queue()
        self.is_open = True

    async def receive(self):
        frame = await self.to_server.get()
        if frame is None:
            self.to_server.put_nowait(None)
            raise ClientDisconnected
        return frame

    async def send(self, text):
        if not self.is_open:
            raise ClientDisconnected
        self._client.take(json.loads(text))

    async def send_audio(self, frame):
        if not self.is_open:
            raise ClientDisconnected
        self._client.take_sound(frame)

    def allow_large_messages(self):
        pass

    async def close(self, code):
        if self.is_open:
            self.break_off()
            self._client.closed(code)

    def break_off(self):
        self.is_open = False
        self.to_server.put_nowait(None)


class Client:
    """A client. Like the page it keeps its utterances until they are answered, and sends them again after a loss."""

    def __init__(self, comes_back=None):
        self.comes_back = comes_back
        self.proxy = ""
        self.socket = Socket(self)
        self.tasks = set()
        self.preferences = {}
        self._from_server = asyncio.Queue()
        self.received = []
        self.heard = bytearray()
        self.frames = []
        self.hears = asyncio.Event()
        self.closed_with = None
        self.resume_token = None
        self.session_id = None
        self._unanswered = {}
        self._turns = {}
        self._numbers = iter(range(10_000))

    # what the server sends

    def take(self, message):
        self.received.append(message)
        self._from_server.put_nowait(message)
        match message["type"]:
            case "auth_ok":
                self.remember(message)
                if message["resumed"]:
                    self._give_again(message.get("pending_utterance_id"))
            case "reconnect" if self.comes_back is not None:
                self.lose()
            case "processing_start":
                self._turns[message["turn_id"]] = message.get("utterance_id")
            case "agent_final" | "error":
                self._unanswered.pop(self._turns.get(message.get("turn_id")), None)

    def take_sound(self, frame):
        if self.preferences.get("audio") == "stream":
            header = FrameHeader.unpack(frame)
            self.frames.append((header, frame[HEADER_BYTES:]))
            frame = frame[HEADER_BYTES:]
            self._from_server.put_nowait({"type": "sound", "header": header, "pcm": frame})
        self.heard += frame
        self.hears.set()

    def closed(self, code):
        self.closed_with = code
        self._from_server.put_nowait({"type": "closed", "code": code})

    # what the client does

    def disconnect(self):
        if self.closed_with is None:
            self.closed_with = 1006
        self.socket.break_off()

    def lose(self):
        """Break the connection."""
        self.socket.break_off()
        if self.comes_back is not None:
            self.tasks.add(asyncio.create_task(self.comes_back(self)))
        elif self.closed_with is None:
            self.closed(1006)

    def say(self, type_, **fields):
        if type_ == "text_input":
            fields.setdefault("utterance_id", f"u-{id(self)}-{next(self._numbers)}")
            self._unanswered[fields["utterance_id"]] = [(type_, fields)]
        self._send(type_, fields)

    def _send(self, type_, fields):
        self.socket.to_server.put_nowait(json.dumps({"type": type_, **fields}))

    def say_raw(self, frame):
        self.socket.to_server.put_nowait(frame)

    def _give_again(self, pending):
        ids = list(self._unanswered)
        for utterance_id in ids[ids.index(pending) + 1 if pending in ids else 0 :]:
            for type_, fields in self._unanswered[utterance_id]:
                self._send(type_, fields)

    async def next(self, wait=60):
        async with asyncio.timeout(wait):
            return await self._from_server.get()

    async def until(self, type_, **fields):
        """Wait for the next message of this type and with these fields; skip everything before it."""
        while True:
            message = await self.next()
            if message["type"] == type_ and all(message.get(k) == v for k, v in fields.items()):
                return message

    async def log_in(self, pin=PIN, **preferences):
        self.preferences = preferences
        await self.until("auth_required")
        self.say("authenticate", pin=pin, **preferences)
        ok = await self.until("auth_ok")
        await self.until("greeting")
        return ok

    async def resume(self, resume_token, last_seq, **preferences):
        self.preferences = preferences
        await self.until("auth_required")
        self.say("authenticate", resume_token=resume_token, last_seq=last_seq, **preferences)
        return await self.until("auth_ok")

    def remember(self, ok):
        self.resume_token, self.session_id = ok["resume_token"], ok["session_id"]

    def speak(self, utterance_id=None, audio=AUDIO, **extra):
        """Send an utterance. With an id it is sent again when it is lost, as the page does."""
        messages = [
            ("start_recording", {"utterance_id": utterance_id, **extra} if utterance_id else extra),
            ("audio_chunk", {"sequence": 0, "data_b64": base64.b64encode(audio).decode()}),
            ("stop_recording", {}),
        ]
        if utterance_id:
            self._unanswered[utterance_id] = messages
        for type_, fields in messages:
            self._send(type_, fields)

    async def answer(self):
        """The messages of a turn up to its last audio."""
        messages = []
        while True:
            messages.append(await self.next())
            last = messages[-1]
            if last["type"] == "audio_chunk" and last["is_final"]:
                return messages
            if last["type"] == "sound" and last["header"].is_last:
                return messages

    def last_seq(self):
        numbers = [m.get("seq", 0) for m in self.received] + [header.seq for header, _ in self.frames]
        return max(numbers, default=0)


def types(messages):
    return [m["type"] for m in messages]


def spoken(messages):
    return " ".join(base64.b64decode(m["data_b64"]).decode() for m in messages if m.get("data_b64"))


__all__ = ["PIN", "Client", "World", "spoken", "types"]
