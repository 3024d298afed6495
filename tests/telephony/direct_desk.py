"""Desks whose pages carry the audio: the page's part, and a media leg for its streams, against the real host.

`DirectGate` stands for a voice replica with its /call-center/audio; `DirectLeg` for the page's side of one call.
"""

import asyncio
import contextlib

import numpy as np

from convonet.core.hand_over import CarrierKind
from convonet.telephony.caller_port import CallerAudio, CallerPort
from convonet.telephony.direct.carrier import DirectCarrier, direct_call_id
from convonet.telephony.events import WhisperPlayed
from convonet.telephony.hand_overs import HandOversUnavailable
from convonet.telephony.messages import DeskAction, MediaLegAction, MediaLegRequest, Who
from convonet.telephony.transcriber import Transcriber

HOLD_HZ = (300,)
FRAME_S = 0.02
RETRY_S = 0.1


class PcmCodec:
    """What a page sends and hears."""

    rate = 16_000
    frame_bytes = 640
    silence = bytes(640)

    @staticmethod
    def encode(samples):
        return samples.astype("<i2").tobytes()

    @staticmethod
    def decode(pcm):
        return np.frombuffer(pcm, "<i2")


class PlayedDirectCarrier(DirectCarrier):
    """A call is placed as soon as the test lets it ring, so that it can be dialed for a while."""

    def __init__(self, center):
        super().__init__()
        self.kind = CarrierKind.DIRECT
        self._center = center
        self._legs = {}
        self._new = asyncio.Queue()
        self.placed = set()
        self.ended = set()

    async def place_call(self, request):
        call_id = await super().place_call(request)
        if (leg := self._legs.get(call_id)) is None:
            leg = self._legs[call_id] = DirectLeg(self._center, request.transfer_id, request.attempt, request.extension)
            self._new.put_nowait(leg)
        await leg.rings.wait()
        self.placed.add(call_id)
        return call_id

    async def end_call(self, call_id):
        self.ended.add(call_id)

    async def next_leg(self):
        async with asyncio.timeout(10):
            return await self._new.get()

    @property
    def legs(self):
        return list(self._legs.values())


class DirectLeg:
    """The page's side of one call at one desk. It opens a stream again whenever the one before has broken."""

    codec = PcmCodec

    def __init__(self, center, transfer_id, attempt, extension):
        self._center = center
        self.transfer_id = transfer_id
        self.attempt = attempt
        self.extension = extension
        self.rings = asyncio.Event()
        self.heard = bytearray()
        self.stream = None
        self.streams = []
        """Keys of the streams that were opened."""
        self._task = None

    @property
    def desk(self):
        return next(desk for desk in self._center.desks if desk.extension == self.extension)

    # -- what the test does

    def ring(self):
        self.rings.set()

    def answer(self):
        """Open the audio; the desk accepts the call by itself."""
        self.ring()
        if self._task is None:
            self._task = self._center.spawn(self._run())

    def say(self, pcm):
        if self.stream is not None:
            self.stream.take_desk_audio(pcm)

    def hang_up(self):
        self._center.spawn(self.desk.does(DeskAction.HANG_UP))

    async def played(self):
        """The whisper is heard in no time."""

    # -- what the page does

    @property
    def call(self):
        """The call in the view of the desk, if it is still this one."""
        call = self.desk.view.call if self.desk.view is not None else None
        return call if call and (call.transfer_id, call.attempt) == (self.transfer_id, self.attempt) else None

    async def _run(self):
        await self.desk.until_changed(lambda: self.call is not None)
        while True:
            await self.desk.until_changed(lambda: self.call is None or self.call.stream_key not in ("", *self.streams))
            if self.call is None:
                return
            self.streams.append(self.call.stream_key)
            stream = self.stream = self._center.direct_gates[-1].open(self, self.call.stream_key)
            await stream.closed.wait()
            if self.stream is stream:
                self.stream = None
            # a process that died does not say so at once
            await asyncio.sleep(0.01)


class DirectGate:
    """A voice replica that pages reach with their audio."""

    def __init__(self, center):
        self.center = center
        self.callers = CallerPort()
        self.streams = set()

    async def start(self):
        await self.callers.start("127.0.0.1")

    def open(self, leg, key):
        stream = PageStream(self, leg, key)
        self.streams.add(stream)
        return stream

    async def stop(self):
        """As a process that is killed."""
        for stream in tuple(self.streams):
            await stream.kill()
        await self.callers.stop()


class PageStream:
    """One stream of a page, with its media leg."""

    def __init__(self, gate, leg, key):
        self._gate = gate
        self._center = gate.center
        self._leg = leg
        self.closed = asyncio.Event()
        self.action = MediaLegAction.WAIT
        self.actions = []
        self._colleague = None
        self._transcriber = None
        self._has_whispered = None
        self._tasks = []
        self.address = gate.callers.open_leg(self._take_caller_audio)
        call_id = direct_call_id(leg.transfer_id, leg.attempt)
        self.request = MediaLegRequest(leg.transfer_id, leg.attempt, key, call_id, self.address, leg.desk.name)
        self._task = asyncio.create_task(self._run())

    async def kill(self):
        """Break it without a word to anyone."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self):
        try:
            await self._follow()
        finally:
            self._leave_colleague()
            self._gate.callers.close_leg(self.address)
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            self._gate.streams.discard(self)
            self.closed.set()

    async def _follow(self):
        while True:
            try:
                async with contextlib.aclosing(self._center.hand_overs.open_media_leg(self.request)) as views:
                    async for view in views:
                        if view.order is MediaLegAction.CLOSE:
                            return
                        await self._become(view)
                return
            except HandOversUnavailable:
                await asyncio.sleep(RETRY_S)

    async def _become(self, view):
        self.action = view.order
        self.actions.append(view.order)
        self._leave_colleague()
        match view.order:
            case MediaLegAction.WHISPER if self._has_whispered is None:
                self._has_whispered = False
                self._spawn(self._whisper(view))
            case MediaLegAction.WHISPER if self._has_whispered:
                await self._report_whisper()
            case MediaLegAction.JOIN if view.transcribed and self._transcriber is None:
                self._transcriber = Transcriber(self._center.stt, view.language, self._report_entry)
                self._spawn(self._transcriber.run())
            case MediaLegAction.HOLD | MediaLegAction.CONSULT:
                self._spawn(self._play_hold_tone())
        if view.order is MediaLegAction.CONSULT:
            self._colleague = await CallerAudio.connect(view.colleague)
            self._spawn(self._hear_colleague(self._colleague))

    def _leave_colleague(self):
        if self._colleague is not None:
            self._colleague.close()
            self._colleague = None

    def _spawn(self, work):
        self._tasks.append(asyncio.create_task(work))

    async def _whisper(self, view):
        spoken = await self._center.tts.synthesize(view.whisper, language=view.language)
        self._leg.heard += spoken.audio[44:]
        await self._leg.played()
        self._has_whispered = True
        await self._report_whisper()

    async def _report_whisper(self):
        with contextlib.suppress(HandOversUnavailable):
            played = WhisperPlayed(attempt=self._leg.attempt)
            await self._center.hand_overs.report_call_event(self._leg.transfer_id, played)

    async def _report_entry(self, spoken):
        with contextlib.suppress(HandOversUnavailable):
            await self._center.hand_overs.add_transcript_entry(self._leg.transfer_id, spoken)

    # -- audio

    def take_desk_audio(self, pcm):
        match self.action:
            case MediaLegAction.JOIN:
                self._gate.callers.send_audio(self.address, pcm)
                if self._transcriber is not None:
                    self._transcriber.add_audio(Who.HUMAN, pcm)
            case MediaLegAction.CONSULT if self._colleague is not None:
                self._colleague.send_audio(pcm)

    def _take_caller_audio(self, pcm):
        if self.action is MediaLegAction.JOIN:
            self._leg.heard += pcm
            if self._transcriber is not None:
                self._transcriber.add_audio(Who.CALLER, pcm)

    async def _hear_colleague(self, audio):
        async for pcm in audio.receive_audio():
            self._leg.heard += pcm

    async def _play_hold_tone(self):
        t = np.arange(int(PcmCodec.rate * FRAME_S)) / PcmCodec.rate
        frame = PcmCodec.encode((3000 * np.sin(2 * np.pi * HOLD_HZ[0] * t)).astype(np.int16))
        held = self.action
        while self.action is held:
            self._gate.callers.send_audio(self.address, frame)
            await asyncio.sleep(FRAME_S)
