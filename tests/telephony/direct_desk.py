"""Desks whose pages carry the audio: the page's part, with the real media leg and the real host.

`DirectGate` stands for a voice replica with its /call-center/audio; `DirectLeg` for the page's side of one call.
"""

import asyncio
import contextlib
from collections import deque

import numpy as np

from convonet.core.hand_over import CarrierKind
from convonet.telephony.caller_port import CallerPort
from convonet.telephony.desk_stream import StreamOpening
from convonet.telephony.direct.carrier import DirectCarrier, direct_call_id
from convonet.telephony.direct.page_stream import PageStream
from convonet.telephony.events import WhisperPlayed
from convonet.telephony.hold_tone import CHORD_HZ
from convonet.telephony.media_leg import MediaLeg
from convonet.telephony.messages import DeskAction, MediaLegAction

HOLD_HZ = CHORD_HZ
FRAME_S = 0.02


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
        """The test may keep the whisper from ending."""

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
        stream = OpenStream(self, leg, key)
        self.streams.add(stream)
        return stream

    async def stop(self):
        """As a process that is killed."""
        for stream in tuple(self.streams):
            await stream.kill()
        await self.callers.stop()


class OpenStream:
    """One audio socket of a page, in memory, and the media leg that serves it."""

    def __init__(self, gate, leg, key):
        self._gate = gate
        self._leg = leg
        self.closed = asyncio.Event()
        self.action = MediaLegAction.WAIT
        self._said = deque()
        stream = PageStream(self, "admitted")
        call_id = direct_call_id(leg.transfer_id, leg.attempt)
        opening = StreamOpening(leg.transfer_id, leg.attempt, key, call_id, leg.desk.name)
        center = gate.center
        self._hand_overs = center.hand_overs
        media_leg = MediaLeg(stream, opening, self, center.tts, gate.callers, center.stt)
        self._task = asyncio.create_task(self._run(media_leg))

    async def _run(self, media_leg):
        try:
            await media_leg.run()
        finally:
            self._gate.streams.discard(self)
            self.closed.set()

    async def kill(self):
        """Break it without a word to anyone."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def take_desk_audio(self, pcm):
        self._said.append(pcm)

    # -- the socket (`PageSocket`)

    async def receive(self):
        await asyncio.sleep(0 if len(self._said) > 1 else FRAME_S)
        return self._said.popleft() if self._said else PcmCodec.silence

    async def send_text(self, text):
        """The stream was admitted."""

    async def send_audio(self, pcm):
        self._leg.heard += pcm

    # -- the host, as the media leg sees it (`HandOvers`)

    async def open_media_leg(self, request):
        async with contextlib.aclosing(self._hand_overs.open_media_leg(request)) as views:
            async for view in views:
                self.action = view.order
                yield view

    async def report_call_event(self, transfer_id, event):
        if isinstance(event, WhisperPlayed):
            await self._leg.played()
        await self._hand_overs.report_call_event(transfer_id, event)

    async def add_transcript_entry(self, transfer_id, spoken):
        await self._hand_overs.add_transcript_entry(transfer_id, spoken)
