"""A whole call center in one process: session, host of the hand-overs, webhooks and media legs are the real ones.

Twilio is the loopback server of tests/vendors; the person at a desk is played, and so is the agent that hands over.
A call center has a telephone company and a PBX, or neither: its desks' pages carry the audio then.
"""

import asyncio
import contextlib
import socket

import uvicorn
from fastapi import FastAPI

from actors.cluster import Cluster
from actors.hand_overs.host import HandOverHost
from actors.hand_overs.registry import GracePeriods, HostServices
from convonet.agents.base import CallBackRequest, ChatMessage, DomainChosen, Final, TextDelta
from convonet.agents.call_back import CALL_BACK, read_dialogue, reply
from convonet.core.hand_over import CarrierKind, HandOverDecision, TransferContext
from convonet.core.ids import DEMO_USER_ID
from convonet.desk.caller_facts import CallerFacts
from convonet.desk.crm_notes import CrmNotes
from convonet.desk.http import application
from convonet.language.sentences import Sentence
from convonet.rpc.pool import PoolDelays, ReplicaPool
from convonet.rpc.server import RpcServer
from convonet.settings import Settings
from convonet.storage.database import Database
from convonet.telephony import mulaw
from convonet.telephony.call_log import CallLog
from convonet.telephony.caller_port import CallerPort
from convonet.telephony.carrier import Carriers
from convonet.telephony.hand_overs import HandOversUnavailable
from convonet.telephony.messages import DeskAction, DeskLogin
from convonet.telephony.remote_host import HostReplicas
from convonet.telephony.requests import MAX_STREAMS, HostRequests
from convonet.telephony.twilio.carrier import TwilioCarrier
from convonet.telephony.twilio.twiml import HOLD_S
from convonet.telephony.twilio.webhooks import TwilioWebhooks
from convonet.web.service import http_service
from tests.fixtures.sqlite import inline_checkpoints, inline_throttle
from tests.sessions.doubles import ScriptedStt, ScriptedTts
from tests.sessions.doubles import World as Sessions
from tests.speech_samples import speak, wav_bytes
from tests.telephony.direct_desk import DirectGate, DirectLeg, PlayedDirectCarrier
from tests.vendors.twilio import ACCOUNT, PUBLIC, TOKEN, TwilioServer

QUICK = PoolDelays(retry_s=0.02, max_retry_s=0.1, replacement_timeout_s=8.0)
"""How soon a host that was replaced is found."""

SUMMARY = "Demo, verified by PIN. Asked: why is my list empty."


class HandingOverAgent:
    """Hands over whoever says "human", promises whoever says "call me" that it is done, and answers everything else."""

    def __init__(self):
        self.is_asked = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def turn(self, request):
        self.is_asked.set()
        await self.may_answer.wait()
        yield DomainChosen("general")
        text = "I'll connect you." if "human" in request.transcript else f"You said {request.transcript}."
        dialogue = read_dialogue(request.memory.get(CALL_BACK, ""))
        answered = reply(Sentence(request.transcript), dialogue, "US") if dialogue else None
        if answered:
            text = answered.text
        yield TextDelta(text)
        said = (ChatMessage("user", request.transcript), ChatMessage("assistant", text))
        context = TransferContext(
            conversation_history=[],
            user_id=DEMO_USER_ID,
            user_name="Demo",
            activities=[],
            summary=SUMMARY,
            verified_by=request.caller.verified_by,
        )
        over = "human" in request.transcript
        call_back = answered.call_back if answered else None
        if "call me" in request.transcript:
            call_back = CallBackRequest("support", "why is my list empty", "+14155550142")
        yield Final(
            text,
            "general",
            "offline",
            "rules",
            request.history + said,
            answered.memory if answered else {},
            hand_over=HandOverDecision("support", "2001", "why is my list empty") if over else None,
            call_back=call_back,
            transfer_context=context if over or call_back else None,
        )


class WavVoice(ScriptedTts):
    """Speaks with flite, so that a line gets real audio."""

    async def synthesize(self, text, *, language):
        spoken = await super().synthesize(text, language=language)
        wav = await asyncio.to_thread(lambda: wav_bytes(speak(text, "slt")))
        return type(spoken)(wav, "audio/wav", spoken.provider)


class HostProcess:
    """The host of the hand-overs with its port, as a process that can be killed and replaced. Desks are in it too."""

    def __init__(self, make_host):
        self._make_host = make_host
        self._ports = []
        self.host = None
        self.address = None
        self._dead = asyncio.Event()

    async def start(self):
        """Start a host; the one before may still live."""
        self._dead.set()
        self._dead = asyncio.Event()
        self.host = self._make_host()
        await self.host.start()
        port = RpcServer(HostRequests(self.host).answer, stop_timeout_s=0, max_at_once=MAX_STREAMS)
        self._ports.append(port)
        self.address = await port.start("127.0.0.1")

    async def find(self):
        """Addresses that Serve knows."""
        return [self.address] if self.address is not None else []

    async def kill(self):
        """Stop everything at once, as `kill -9` does."""
        host, self.host, self.address = self.host, None, None
        self._dead.set()
        self.close_ports()
        await stop(host)

    def close_ports(self):
        """Close all connections."""
        for port in self._ports:
            port._listening.close()
            for client in tuple(port._clients):
                client._transport.abort()
        self._ports.clear()

    def call_backs_changed(self):
        self.host.call_backs_changed()

    async def perform_desk_action(self, *args):
        if self.host is None:
            raise HandOversUnavailable("killed")
        return await self.host.perform_desk_action(*args)

    async def follow_desk(self, login):
        if self.host is None:
            raise HandOversUnavailable("killed")
        dead = self._dead
        stream = self.host.follow_desk(login)
        death = asyncio.ensure_future(dead.wait())
        following = None
        try:
            while True:
                following = asyncio.ensure_future(anext(stream, None))
                await asyncio.wait((death, following), return_when=asyncio.FIRST_COMPLETED)
                if death.done():
                    raise HandOversUnavailable("killed")
                if (view := following.result()) is None:
                    return
                yield view
        finally:
            death.cancel()
            if following is not None:
                following.cancel()
            await asyncio.gather(*filter(None, (death, following)), return_exceptions=True)
            with contextlib.suppress(RuntimeError):
                await stream.aclose()


async def stop(host):
    await host.registry.tasks.cancel_and_wait()


class MulawCodec:
    """What Twilio's streams carry."""

    rate = 8_000
    frame_bytes = 160
    silence = mulaw.SILENCE * 160
    encode = staticmethod(mulaw.encode)
    decode = staticmethod(mulaw.decode)


def codec_of(leg):
    """The form of what this leg says and hears."""
    return getattr(leg, "codec", MulawCodec)


class Desk:
    """A person at a desk: follows their view, and acts."""

    def __init__(self, host_process, name="dora", extension="2001", departments=("support",), *, has_telephone=True):
        self._host_process = host_process
        self._login = DeskLogin(name, name.title(), extension, departments, has_telephone)
        self._changed = asyncio.Event()
        self.name = name
        self.extension = extension
        self.view = None
        self._task = asyncio.create_task(self._follow())

    async def _follow(self):
        while True:
            with contextlib.suppress(HandOversUnavailable):
                async for view in self._host_process.follow_desk(self._login):
                    self.view = view
                    self._changed.set()
            await asyncio.sleep(0.02)

    async def until(self, state):
        async with asyncio.timeout(15):
            await self.until_changed(lambda: self.view is not None and self.view.state == state)
        return self.view

    async def until_changed(self, condition):
        while not condition():
            self._changed.clear()
            changed = self._changed
            await changed.wait()

    async def until_call(self, **fields):
        """The call in the view is like this."""
        async with asyncio.timeout(15):
            await self.until_changed(
                lambda: self.view and self.view.call and fields.items() <= self.view.call.model_dump().items()
            )
        return self.view.call

    async def does(self, action, text=""):
        return await self._host_process.perform_desk_action(self.name, action, text)

    async def ready(self):
        await self.until("not_ready")
        await self.does(DeskAction.READY)
        await self.until("ready")
        return self

    async def leave(self):
        """The page is closed, or reloaded."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def come_back(self):
        self._task = asyncio.create_task(self._follow())


class CallCenter:
    """Use it with `async with`."""

    def __init__(
        self,
        database_file,
        *,
        kind=CarrierKind.TELEPHONE,
        grace=None,
        caller_grace_s=15.0,
        hold_s=HOLD_S,
        **settings,
    ):
        self.kind = kind
        self._settings = settings
        self._caller_grace_s = caller_grace_s
        self._grace = grace or GracePeriods()
        self.hold_s = hold_s
        self._database_file = database_file
        self.find_host = lambda: self.host_process.find()
        """How sessions and gates learn where the host listens."""
        self.desks = []
        self._tasks = set()

    async def __aenter__(self):
        self._stack = contextlib.AsyncExitStack()
        self.twilio = await self._stack.enter_async_context(TwilioServer())
        telephone = {
            "TWILIO_ACCOUNT_SID": ACCOUNT,
            "TWILIO_AUTH_TOKEN": TOKEN,
            "TWILIO_BASE_URL": self.twilio.url,
            "FREEPBX_DOMAIN": "pbx.test",
            "FREEPBX_WSS_URL": "wss://pbx.test:7443",
            "VOICE_GATEWAY_PUBLIC_URL": PUBLIC,
        }
        self.settings = Settings(
            VOICE_PIN="471182",
            CONVONET_SIGNING_KEY="k" * 32,
            **(telephone if self.kind is CarrierKind.TELEPHONE else {}),
            **self._settings,
        )
        self.checkpoints = inline_checkpoints()
        self.direct = PlayedDirectCarrier(self)
        twilio = None
        if self.kind is CarrierKind.TELEPHONE:
            twilio = TwilioCarrier(self.settings.telephony, ring_timeout_s=20.0)
            self._stack.push_async_callback(twilio.close)
        self.carriers = Carriers(self.direct, twilio, self.settings.call_center.direct_departments)
        self.database = Database(f"sqlite+aiosqlite:///{self._database_file}")
        self._stack.push_async_callback(self.database.close)
        self.call_log = CallLog(self.database)
        self.facts = CallerFacts(self.database, self.settings)
        self._stack.push_async_callback(self.facts.close)
        self.host_process = HostProcess(self._new_host)
        await self.host_process.start()
        self._stack.callback(self.host_process.close_ports)
        pool = ReplicaPool("CallCenter", self._find_host, expected=1, is_single=True, delays=QUICK)
        self.hand_overs = HostReplicas(pool)
        self._stack.push_async_callback(self.hand_overs.close)
        self.tts = WavVoice(delay=0)
        self.stt = ScriptedStt(hears="so far so good", delay=0)
        self.direct_gates, self.twilio_gates = [], []
        self._served_desks = []
        await self.add_direct_gate()
        if self.kind is CarrierKind.TELEPHONE:
            await self.add_gate()
        self.sessions = Sessions(hand_overs=self.hand_overs, caller_grace_s=self._caller_grace_s)
        self.agent = HandingOverAgent()
        self.sessions.services.agent.turn = self.agent.turn
        return self

    async def __aexit__(self, *_):
        await self.sessions.end()
        for desk in self.desks:
            await desk.leave()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.host_process.host is not None:
            await stop(self.host_process.host)
        for gate in (*self._served_desks, *self.twilio_gates, *self.direct_gates):
            await gate.stop()
        await self._stack.aclose()

    async def _find_host(self):
        return await self.find_host()

    def _new_host(self):
        services = HostServices(
            carriers=self.carriers,
            checkpoints=self.checkpoints,
            call_log=self.call_log,
            facts=self.facts,
            cluster=Cluster("only", None),
            grace=self._grace,
        )
        return HandOverHost(self.settings.call_center, services)

    async def add_gate(self):
        """A replica that Twilio reaches, or the pages; the newest one gets what is new."""
        if self.kind is CarrierKind.DIRECT:
            return await self.add_direct_gate()
        gate = gate_of(self)
        await gate.start()
        self.twilio_gates.append(gate)
        self.twilio.gateway = gate.url
        return gate

    async def add_direct_gate(self):
        gate = DirectGate(self)
        await gate.start()
        self.direct_gates.append(gate)
        return gate

    @property
    def gates(self):
        return self.direct_gates if self.kind is CarrierKind.DIRECT else self.twilio_gates

    async def serve_desks(self, **options):
        """The desks' pages; returns their address."""
        served = desks_of(self, **options)
        await served.start()
        self._served_desks.append(served)
        return f"{served.url}/call-center"

    def desk(self, *args, **named):
        named.setdefault("has_telephone", self.kind is CarrierKind.TELEPHONE)
        desk = Desk(self.host_process, *args, **named)
        self.desks.append(desk)
        return desk

    def spawn(self, work):
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # -- the calls, whoever carries them

    async def next_leg(self):
        """Who is called next."""
        return await (self.direct if self.kind is CarrierKind.DIRECT else self.twilio).next_leg()

    def page(self, desk):
        """The page of a colleague's desk, which rings."""
        call = desk.view.call
        return DirectLeg(self, call.transfer_id, call.attempt, desk.extension)

    @property
    def calls(self):
        """All calls that were placed."""
        return self.direct.legs if self.kind is CarrierKind.DIRECT else self.twilio.calls

    @property
    def open_calls(self):
        streams = [stream for gate in self.direct_gates for stream in gate.streams]
        return [*(self.direct.placed - self.direct.ended), *streams, *self.twilio.open_calls]

    def streams_of(self, leg):
        """The streams that were opened for this leg."""
        if isinstance(leg, DirectLeg):
            return leg.streams
        return next(call for call in self.twilio.calls if call.leg is leg).streams

    async def break_stream(self, leg):
        """The stream is lost, the call is not."""
        if isinstance(leg, DirectLeg):
            await leg.stream.kill()
        else:
            await self.twilio.break_stream(next(call for call in self.twilio.calls if call.leg is leg))

    @contextlib.asynccontextmanager
    async def caller(self):
        async with self.sessions.caller() as client:
            yield client

    async def all_calls_over(self):
        """Every call has ended."""
        async with asyncio.timeout(10):
            while self.open_calls:
                await asyncio.sleep(0.02)

    async def connected(self, client, desk):
        """Caller and desk hear each other; returns the leg."""
        client.say("text_input", text="a human please")
        leg = await self.next_leg()
        leg.ring()
        await client.until("transfer_status", state="ringing")
        await desk.does(DeskAction.ACCEPT)
        leg.answer()
        await client.until("transfer_status", state="connected")
        return leg


class Served:
    """An application below a path, served by uvicorn on a free port in this process."""

    def __init__(self, path, app, lifespan=None):
        outer = FastAPI()
        outer.mount(path, app)
        self._lifespan = lifespan(app) if lifespan else contextlib.nullcontext()
        self._server = uvicorn.Server(uvicorn.Config(outer, log_config=None, lifespan="off"))
        self._task = None

    async def start(self):
        await self._lifespan.__aenter__()
        listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self._task = asyncio.create_task(self._server.serve(sockets=[listener]))
        while not self._server.started:
            await asyncio.sleep(0.01)

    async def stop(self):
        """As a process that is killed: its sockets break."""
        if self._task is None:
            return
        self._server.force_exit = self._server.should_exit = True
        for connection in tuple(self._server.server_state.connections):
            connection.transport.abort()
        await asyncio.gather(self._task, return_exceptions=True)
        self._task = None
        await self._lifespan.__aexit__(None, None, None)


def gate_of(center):
    """Twilio's routes as a replica serves them."""
    callers = CallerPort()

    @contextlib.asynccontextmanager
    async def lifespan(_):
        await callers.start("127.0.0.1")
        yield
        await callers.stop()

    app = http_service("twilio-gate", lifespan)
    webhooks = TwilioWebhooks(center.settings, center.hand_overs, center.stt, center.tts, callers, hold_s=center.hold_s)
    app.include_router(webhooks.router())
    return Served("/twilio", app, lifespan)


def desks_of(center, **options):
    """The desks' application as a replica serves it."""
    notes = CrmNotes(center.database, center.settings)
    throttle = inline_throttle(center.settings)
    app = application(center.database, center.settings, throttle, center.host_process, notes, **options)
    return Served("/call-center", app)
