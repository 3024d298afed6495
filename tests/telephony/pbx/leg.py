"""A leg of the loopback Twilio that is a real SIP call to the PBX."""

import asyncio

from tests.telephony.pbx.sip_call import FRAME, SipCall

TRANSFER_RING_S = 20.0


class SipLeg:
    """See `Leg` of tests/vendors/twilio."""

    def __init__(self, to, pbx):
        self.address, _, query = to.partition("?")
        self.headers = dict(header.split("=", 1) for header in query.split("&") if header)
        self.over = asyncio.Event()
        self._speech = asyncio.Queue()
        self._rest = b""
        self._pbx = pbx
        self._call = self._call_to(self.address.removeprefix("sip:").partition("@")[0], self.headers)
        self._transferring = None

    async def dial(self, ring_s, on_ringing):
        self._call.on_ringing = on_ringing
        outcome = await self._call.dial(ring_s)
        self._watch(self._call)
        return outcome.code

    @property
    def digits(self):
        """Keys that were pressed at the other end."""
        return self._call.rtp.digits

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
        call = self._call
        if call.outcome.answered_ms is not None:
            await call.hangup()
        if call.ended.done():
            # also when two end it at the same time: neither may leave it to the other
            call.close()
        else:
            call.cancel()
        self.over.set()

    def _hear(self, code):
        self._speech.put_nowait(code)

    def _call_to(self, extension, headers):
        return SipCall(
            f"sip:{extension}@{self._pbx.domain}",
            caller="convonet",
            proxy=self._pbx.sip,
            headers=headers,
            on_audio=self._hear,
            on_refer=self._refer,
        )

    def _watch(self, call):
        call.ended.add_done_callback(lambda _: self.over.set() if call is self._call else None)

    # -- transfers, which a PBX like FreeSWITCH makes without Twilio's knowledge: its side of the call stays as it is

    def _refer(self, extension, replaces):
        self._transferring = asyncio.ensure_future(self._transfer(self._call, extension, replaces))

    async def _transfer(self, before, extension, replaces):
        """Blind: who transfers is let go at once, and the call is lost if nobody answers. Attended: once it is done."""
        headers = {**self.headers, "Replaces": replaces} if replaces else self.headers
        after = self._call_to(extension, headers)
        if not replaces:
            self._call = after
            before.notify("200 OK", last=True)
            await before.hangup()
        outcome = await after.dial(TRANSFER_RING_S)
        if outcome.code == 200:
            after.rtp.queue.clear()  # what the caller said while it rang
            self._call = after
            self._watch(after)
        elif not replaces:
            self.over.set()
        if replaces:
            before.notify(f"{outcome.code} {outcome.reason}", last=True)
            if outcome.code == 200:
                await before.hangup()
        if before.ended.done():
            before.close()
