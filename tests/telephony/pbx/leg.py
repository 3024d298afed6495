"""A leg of the loopback Twilio that is a real SIP call to the PBX."""

import asyncio

from tests.telephony.pbx.sip_call import FRAME, SipCall


class SipLeg:
    """See `Leg` of tests/vendors/twilio."""

    def __init__(self, to, pbx):
        self.address, _, query = to.partition("?")
        self.headers = dict(header.split("=", 1) for header in query.split("&") if header)
        self.over = asyncio.Event()
        self._speech = asyncio.Queue()
        self._rest = b""
        extension = self.address.removeprefix("sip:").partition("@")[0]
        self._call = SipCall(
            f"sip:{extension}@{pbx.domain}", caller="convonet", proxy=pbx.sip, headers=self.headers, on_audio=self._hear
        )

    async def dial(self, ring_s, on_ringing):
        self._call.on_ringing = on_ringing
        outcome = await self._call.dial(ring_s)
        self._call.ended.add_done_callback(lambda _: self.over.set())
        return outcome.code

    def hear(self, code):
        """What the line plays goes out as RTP, frame by frame."""
        self._rest += code
        while len(self._rest) >= FRAME:
            self._call.rtp.queue.append(self._rest[:FRAME])
            self._rest = self._rest[FRAME:]

    async def played(self):
        done = asyncio.Event()
        self._call.rtp.queue.append(done.set)
        await done.wait()

    def clear(self):
        waiting, self._rest = [item for item in self._call.rtp.queue if callable(item)], b""
        self._call.rtp.queue.clear()
        for done in waiting:
            done()

    async def speech(self):
        return await self._speech.get()

    async def end(self):
        if self._call.ended.done():
            self._call.close()
        elif self._call.outcome.answered_ms is not None:
            await self._call.hangup()
        else:
            self._call.cancel()
        self.over.set()

    def _hear(self, code):
        self._speech.put_nowait(code)
