"""A host of the hand-overs that the test plays, and tools to hear what a media leg passes on."""

import asyncio
import contextlib

import numpy as np

from convonet.speech.base import Language
from convonet.telephony.caller_port import CallerAudio
from convonet.telephony.hold_tone import hold_tone
from convonet.telephony.messages import MediaLegAction, MediaLegView
from convonet.telephony.real_time import FRAME_S

TONE = {frame for frame, _ in zip(hold_tone(), range(125), strict=False)}
"""All frames of the hold tone."""

CALLER, DESK, COLLEAGUE = (bytes([level, 1]) * 320 for level in (1, 2, 3))
"""Frames of 20 ms that tell who speaks."""


def view(order, **more):
    return MediaLegView(order=MediaLegAction(order), whisper="Demo. A list.", language=Language("en-US"), **more)


class PlayedHost:
    """Admits the streams with a valid key, each followed by one queue of views."""

    def __init__(self):
        self.requests = []
        self.events = []
        self.entries = []
        self.refuses = False
        self._views = asyncio.Queue()

    def order(self, *orders, **more):
        for order in orders:
            self._views.put_nowait(view(order, **more))

    def end(self):
        """End the stream of views: the leg was replaced."""
        self._views.put_nowait(None)

    def fail(self, error):
        self._views.put_nowait(error)

    async def open_media_leg(self, request):
        self.requests.append(request)
        if self.refuses:
            return
        while (item := await self._views.get()) is not None:
            if isinstance(item, Exception):
                raise item
            yield item

    async def report_call_event(self, transfer_id, event):
        self.events.append(event)

    async def add_transcript_entry(self, transfer_id, spoken):
        self.entries.append(spoken)

    async def asked(self):
        """The address of the newest media leg."""
        await until(lambda: self.requests)
        return self.requests[-1].address

    async def reported(self, kind):
        await until(lambda: any(event.kind == kind for event in self.events))


class CallerSide:
    """A caller at a media leg, who speaks all the time."""

    def __init__(self, address):
        self.heard = []
        self._address = address

    async def __aenter__(self):
        self._audio = await CallerAudio.connect(self._address)
        self._tasks = [asyncio.create_task(work) for work in (self._hear(), self._speak())]
        return self

    async def __aexit__(self, *_):
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._audio.close()

    async def _hear(self):
        async for pcm in self._audio.receive_audio():
            self.heard.append(pcm)

    async def _speak(self):
        while True:
            self._audio.send_audio(CALLER)
            await asyncio.sleep(FRAME_S)


async def until(condition, within=5.0):
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(0.01)


async def hears(heard, frame):
    """From now on this frame is heard."""
    count = heard.count(frame)
    await until(lambda: heard.count(frame) > count + 2)


async def hears_only(heard, frames, seconds=0.2):
    """What is heard from now on, after what was on its way, is one of these frames; none of them means silence."""
    await asyncio.sleep(0.06)
    before = len(heard)
    await asyncio.sleep(seconds)
    assert set(heard[before:]) <= set(frames), "something else is heard"
    assert bool(heard[before:]) == bool(frames), "nothing is heard" if frames else "something is heard"


def level(pcm):
    return float(np.abs(np.frombuffer(pcm, "<i2").astype(float)).max())


@contextlib.asynccontextmanager
async def running(work):
    """A task for the time of a block."""
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
