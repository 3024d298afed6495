"""A caller without a browser who behaves as the page does: keeps what was said until it is answered, comes back after a
loss with the resume token, and gives again what the server lacks."""

import asyncio
import base64
import contextlib
import itertools
import json
import time
from contextlib import asynccontextmanager

import websockets

from convonet.protocol.frames import HEADER_BYTES, FrameHeader

HEARTBEAT_S = 1.0
SILENT_S = 4.0
"""A server that has not answered a heartbeat for so long hangs."""

RETRY_S = 0.2

_numbers = itertools.count()


class PageCaller:
    """Use `calling`. What the server says is in `messages` (sound as "sound"), each once."""

    def __init__(self, port, pin, audio="stream"):
        self._url = f"ws://127.0.0.1:{port}/webrtc/ws"
        self._pin = pin
        self._audio = audio
        self._socket = None
        self._unanswered = {}
        self._turns = {}
        self._news = asyncio.Event()
        self._alive_at = 0.0
        self._is_live = False
        self.messages = []
        self.errors = []
        self.losses = 0
        self.last_seq = 0
        self.resume_token = None
        self.session_id = None
        self.is_over = False

    @classmethod
    @asynccontextmanager
    async def calling(cls, product, **options):
        """A caller who has heard the greeting."""
        caller = cls(product.port, product.pin, **options)
        life = asyncio.create_task(caller._live())
        try:
            await caller.until("greeting")
            yield caller
        finally:
            life.cancel()
            await asyncio.gather(life, return_exceptions=True)

    # -- what they say

    async def type(self, text):
        """Say this; returns the utterance's id."""
        return await self._say([("text_input", {"text": text})], lambda id_: {"utterance_id": id_})

    async def speak(self, audio=b"\x1aE\xdf\xa3" + bytes(4_000), slices=4):
        """Say a recording in slices; returns the utterance's id."""
        size = -(-len(audio) // slices)
        pieces = [audio[n : n + size] for n in range(0, len(audio), size)]
        chunks = [
            ("audio_chunk", {"sequence": n, "data_b64": base64.b64encode(piece).decode()})
            for n, piece in enumerate(pieces)
        ]
        return await self._say(
            [("start_recording", {}), *chunks, ("stop_recording", {})], lambda id_: {"utterance_id": id_}
        )

    async def _say(self, messages, named):
        utterance_id = f"u-{next(_numbers)}"
        (kind, fields), *rest = messages
        self._unanswered[utterance_id] = [(kind, fields | named(utterance_id)), *rest]
        if self._is_live:
            await self._give(self._unanswered[utterance_id])
        return utterance_id

    async def send(self, type_, **fields):
        with contextlib.suppress(websockets.ConnectionClosed, AttributeError):
            await self._socket.send(json.dumps({"type": type_, **fields}))

    def lose_socket(self):
        """The network breaks."""
        self._socket.transport.abort()

    # -- what they hear

    async def until(self, type_, *, after=0, wait_s=60, **fields):
        """The first message of this type (and fields) among those from index `after` on."""
        seen = after
        try:
            async with asyncio.timeout(wait_s):
                while True:
                    while seen < len(self.messages):
                        message = self.messages[seen]
                        seen += 1
                        if message["type"] == type_ and all(message.get(k) == v for k, v in fields.items()):
                            return message
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            got = [m["type"] for m in self.messages[after:]]
            raise AssertionError(f"no {type_} {fields} within {wait_s} s; got {got}") from None

    async def answer_to(self, utterance_id, wait_s=60):
        """The whole answer to an utterance, once its sound has ended."""
        turn_id = (await self.until("processing_start", utterance_id=utterance_id, wait_s=wait_s))["turn_id"]
        answer = await self.until("agent_final", turn_id=turn_id, wait_s=wait_s)
        async with asyncio.timeout(wait_s):
            while not self._has_heard(turn_id):
                self._news.clear()
                await self._news.wait()
        return answer

    def _has_heard(self, turn_id):
        """Whether the turn's sound has ended. A repeated turn with other words than the first has another number."""
        numbers = {
            m["turn_number"] for m in self.messages if m["type"] == "processing_start" and m["turn_id"] == turn_id
        }
        return any(m["type"] == "sound" and m["is_last"] and m["turn_number"] in numbers for m in self.messages)

    async def ask(self, text, wait_s=60):
        """The text of the answer to a typed turn."""
        return (await self.answer_to(await self.type(text), wait_s))["text"]

    # -- the connection

    async def _live(self):
        while not self.is_over:
            try:
                async with asyncio.timeout(10):
                    self._socket = await websockets.connect(self._url, compression=None, close_timeout=1)
                await self._use()
            except (OSError, websockets.WebSocketException, TimeoutError, EOFError):
                pass
            finally:
                self._is_live = False
                if self._socket is not None:
                    self._socket.transport.abort()
            self.losses += 1
            await asyncio.sleep(RETRY_S)

    async def _use(self):
        login = {"pin": self._pin}
        if self.resume_token is not None:
            login = {"resume_token": self.resume_token, "last_seq": self.last_seq}
        await self.send("authenticate", audio=self._audio, **login)
        self._alive_at = time.monotonic()
        beating = asyncio.create_task(self._beat())
        try:
            async for frame in self._socket:
                self._alive_at = time.monotonic()
                await self._take(frame)
        finally:
            beating.cancel()

    async def _beat(self):
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            await self.send("heartbeat", ts_ms=int(time.time() * 1000), last_seq=self.last_seq)
            if time.monotonic() - self._alive_at > SILENT_S:
                self.lose_socket()

    async def _take(self, frame):
        if isinstance(frame, bytes):
            header = FrameHeader.unpack(frame)
            message = {
                "type": "sound",
                "seq": header.seq,
                "turn_number": header.turn_number,
                "first_sample": header.first_sample,
                "is_last": header.is_last,
                "pcm": frame[HEADER_BYTES:],
                "session_id": self.session_id,
            }
        else:
            message = json.loads(frame)
        if 0 < message["seq"] <= self.last_seq and message["type"] != "auth_ok":
            return
        self.last_seq = max(self.last_seq, message["seq"])
        self.messages.append(message | {"at": time.monotonic()})
        await self._note(message)
        self._news.set()

    async def _note(self, message):
        match message["type"]:
            case "auth_ok":
                self.resume_token, self.session_id = message["resume_token"], message["session_id"]
                self._is_live = True
                if message["resumed"]:
                    await self._give_again(message.get("pending_utterance_id"))
            case "processing_start":
                self._turns[message["turn_id"]] = message["utterance_id"]
            case "transcript_final":
                utterance_id = self._turns.get(message["turn_id"])
                if utterance_id in self._unanswered:
                    said = {"text": message["text"], "utterance_id": utterance_id}
                    self._unanswered[utterance_id] = [("text_input", said)]
            case "agent_final":
                self._unanswered.pop(self._turns.get(message["turn_id"]), None)
            case "error" if message.get("retry_after_ms") and not self._is_live:
                await asyncio.sleep(message["retry_after_ms"] / 1000)
                self.lose_socket()
            case "error":
                self.errors.append(message)
            case "reconnect":
                self.lose_socket()

    async def _give_again(self, pending):
        ids = list(self._unanswered)
        for utterance_id in ids[ids.index(pending) + 1 if pending in ids else 0 :]:
            await self._give(self._unanswered[utterance_id])

    async def _give(self, messages):
        for type_, fields in messages:
            await self.send(type_, **fields)
