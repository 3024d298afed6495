"""The carrier's end of a telephone call: SIP over UDP and RTP with mu-law, as Twilio makes one to a PBX.

It sends an INVITE, reports ringing and the answer, cancels what rings for too long, exchanges a frame every 20 ms, and
accepts re-INVITE (hold), INFO, REFER and BYE. RFC 3261 and 3515 as far as a test needs them.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import re
import struct
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import unquote

FRAME = 160  # samples in 20 ms at 8 kHz
RATE = 8000
SILENCE = b"\xff" * FRAME
T1 = 0.5  # RFC 3261 round-trip estimate


SHORT = {
    "v": "via",
    "f": "from",
    "t": "to",
    "i": "call-id",
    "m": "contact",
    "l": "content-length",
    "c": "content-type",
    "k": "supported",
}
"""The one-letter names of headers."""


@dataclass
class SipMessage:
    start: str
    headers: list[tuple[str, str]]
    body: str = ""

    @classmethod
    def parse(cls, data: bytes) -> SipMessage:
        head, _, body = data.decode("utf-8", "replace").partition("\r\n\r\n")
        lines = re.sub(r"\r\n[ \t]+", " ", head).split("\r\n")
        headers = []
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers.append((name.strip(), value.strip()))
        return cls(lines[0], headers, body)

    def all(self, name: str) -> list[str]:
        wanted = name.lower()
        return [v for k, v in self.headers if SHORT.get(k.lower(), k.lower()) == wanted]

    def get(self, name: str) -> str:
        return next(iter(self.all(name)), "")

    @property
    def is_response(self) -> bool:
        return self.start.startswith("SIP/2.0 ")

    @property
    def status(self) -> int:
        return int(self.start.split(" ", 2)[1])

    @property
    def reason(self) -> str:
        return ([*self.start.split(" ", 2), ""])[2]

    @property
    def method(self) -> str:
        return self.get("cseq").split()[-1] if self.is_response else self.start.split(" ", 1)[0]

    def encode(self) -> bytes:
        body = self.body.encode()
        head = "".join(f"{k}: {v}\r\n" for k, v in [*self.headers, ("Content-Length", str(len(body)))])
        return f"{self.start}\r\n{head}\r\n".encode() + body


def uri_in(value: str) -> str:
    match = re.search(r"<([^>]+)>", value)
    return match.group(1) if match else value.split(";")[0].strip()


def uri_address(uri: str) -> tuple[str, int]:
    match = re.match(r"sips?:(?:[^@;]*@)?([^:;>?]+)(?::(\d+))?", uri)
    if not match:
        raise ValueError(f"not a SIP URI: {uri}")
    return match.group(1), int(match.group(2) or 5060)


class RtpEnd(asyncio.DatagramProtocol):
    """One PCMU RTP stream: sends a frame every 20 ms, counts what arrives."""

    def __init__(self, on_audio: Callable[[bytes], None] | None = None) -> None:
        self.on_audio = on_audio
        self.peer: tuple[str, int] | None = None
        self.sent = self.received = self.out_of_order = 0
        self.first_at: float | None = None
        self.heard = bytearray()  # last few seconds, for measuring
        self.digits: list[str] = []
        # What to send next: 20 ms frames, and functions to call when reached.
        self.queue: deque[bytes | Callable[[], None]] = deque()
        self._ssrc, self._seq = random.getrandbits(32), random.getrandbits(15)
        self._stamp = random.getrandbits(31)
        self._last_seq: int | None = None
        self._last_event: int | None = None
        self._pump: asyncio.Task | None = None
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport) -> None:
        self.transport = transport

    @property
    def port(self) -> int:
        return self.transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, addr) -> None:
        if len(data) < 12 or data[0] >> 6 != 2:
            return
        kind = data[1] & 0x7F
        if 72 <= kind <= 76:  # RTCP sharing the port
            return
        header = 12 + 4 * (data[0] & 0x0F)
        payload = data[header:]
        if kind == 101:  # RFC 4733 telephone-event
            stamp = struct.unpack_from("!I", data, 4)[0]
            if len(payload) >= 4 and payload[1] & 0x80 and stamp != self._last_event:
                self._last_event = stamp
                self.digits.append("0123456789*#ABCD"[payload[0] & 0x0F])
            return
        if kind != 0:
            return
        seq = struct.unpack_from("!H", data, 2)[0]
        if self._last_seq is not None and seq != (self._last_seq + 1) & 0xFFFF:
            self.out_of_order += 1
        self._last_seq = seq
        self.received += 1
        self.first_at = self.first_at or time.monotonic()
        self.heard += payload
        del self.heard[: -RATE * 5]
        if self.on_audio:
            self.on_audio(payload)

    def start(self, peer: tuple[str, int]) -> None:
        self.peer = peer
        if self._pump is None:
            self._pump = asyncio.ensure_future(self._run())

    def _next_queued(self) -> bytes:
        while self.queue:
            item = self.queue.popleft()
            if not callable(item):
                return item
            item()
        return SILENCE

    async def _run(self) -> None:
        due, n = time.monotonic(), 0
        while True:
            frame = self._next_queued()
            packet = struct.pack("!BBHII", 0x80, 0x80 if n == 0 else 0, self._seq, self._stamp, self._ssrc)
            self.transport.sendto(packet + frame, self.peer)
            self.sent += 1
            n += 1
            self._seq = (self._seq + 1) & 0xFFFF
            self._stamp = (self._stamp + FRAME) & 0xFFFFFFFF
            due += FRAME / RATE
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    def close(self) -> None:
        if self._pump:
            self._pump.cancel()
        if self.transport:
            self.transport.close()


@dataclass
class Outcome:
    code: int = 0
    reason: str = ""
    ringing_ms: int | None = None
    answered_ms: int | None = None
    headers: dict[str, str] = field(default_factory=dict)


class SipCall(asyncio.DatagramProtocol):
    def __init__(
        self,
        target: str,
        *,
        caller: str = "+15005550006",
        host: str = "127.0.0.1",
        proxy: tuple[str, int] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        on_ringing: Callable[[], None] | None = None,
        on_audio: Callable[[bytes], None] | None = None,
        on_refer: Callable[[str, str], None] | None = None,
    ) -> None:
        """`on_refer` gets the extension that the call shall go to, and the value for Replaces, which may be empty."""
        self.on_refer = on_refer
        self.target, self.caller, self.host = target, caller, host
        self.proxy = proxy or uri_address(target)
        self.extra = headers or {}
        self.auth = auth
        self.on_ringing = on_ringing
        self.rtp = RtpEnd(on_audio)
        self.call_id = f"{random.getrandbits(64):016x}@{host}"
        self.tag = f"{random.getrandbits(32):08x}"
        self.outcome = Outcome()
        self.ended_by: str | None = None
        self.ended = asyncio.get_running_loop().create_future()
        self._final = asyncio.get_running_loop().create_future()
        self._bye_done = asyncio.get_running_loop().create_future()
        self._invite: SipMessage | None = None
        self._provisional = asyncio.Event()
        self._remote_target = target
        self._routes: list[str] = []
        self._to = f"<{target}>"
        self._cseq = self._invite_cseq = 1
        self._tried: set[str] = set()
        self._ack: bytes | None = None
        self._hop = self.proxy
        self.remote_direction = "sendrecv"
        self.transport: asyncio.DatagramTransport | None = None

    # -- plumbing
    def connection_made(self, transport) -> None:
        self.transport = transport

    @property
    def port(self) -> int:
        return self.transport.get_extra_info("sockname")[1]

    def _send(self, message: SipMessage, hop: tuple[str, int] | None = None) -> None:
        self.transport.sendto(message.encode(), hop or self._hop)

    def _request(
        self,
        method: str,
        uri: str,
        cseq: int,
        *,
        branch: str | None = None,
        body: str = "",
        routes: list[str] | None = None,
        extra: dict[str, str] | None = None,
        kind: str = "application/sdp",
    ) -> SipMessage:
        branch = branch or f"z9hG4bK{random.getrandbits(64):016x}"
        headers = [
            ("Via", f"SIP/2.0/UDP {self.host}:{self.port};rport;branch={branch}"),
            ("Max-Forwards", "70"),
            *[("Route", route) for route in routes or []],
            ("From", f"<sip:{self.caller}@{self.host}>;tag={self.tag}"),
            ("To", self._to),
            ("Call-ID", self.call_id),
            ("CSeq", f"{cseq} {method}"),
        ]
        if method in ("INVITE", "UPDATE", "NOTIFY"):
            headers += [
                ("Contact", f"<sip:{self.caller}@{self.host}:{self.port}>"),
                ("Allow", "INVITE,ACK,CANCEL,BYE,OPTIONS,INFO,UPDATE,NOTIFY,REFER"),
            ]
        headers += [("User-Agent", "sip-test-bed"), *(extra or {}).items()]
        if body:
            headers.append(("Content-Type", kind))
        return SipMessage(f"{method} {uri} SIP/2.0", headers, body)

    def _sdp(self, direction: str = "sendrecv") -> str:
        return "\r\n".join(
            [
                "v=0",
                f"o=bed {int(time.time())} {self._cseq} IN IP4 {self.host}",
                "s=-",
                f"c=IN IP4 {self.host}",
                "t=0 0",
                f"m=audio {self.rtp.port} RTP/AVP 0 101",
                "a=rtpmap:0 PCMU/8000",
                "a=rtpmap:101 telephone-event/8000",
                "a=fmtp:101 0-15",
                "a=ptime:20",
                f"a={direction}",
                "",
            ]
        )

    def _learn_media(self, body: str) -> None:
        media = re.search(r"^m=audio (\d+)", body, re.M)
        address = re.search(r"^c=IN IP4 (\S+)", body, re.M)
        if not media or not address:
            return
        direction = re.search(r"^a=(sendrecv|sendonly|recvonly|inactive)\s*$", body, re.M)
        self.remote_direction = direction.group(1) if direction else "sendrecv"
        self.rtp.start((address.group(1), int(media.group(1))))

    # -- the call itself
    async def dial(self, ring_s: float = 60.0) -> Outcome:
        """Send the INVITE; return at the final answer (after CANCEL if it rings too long)."""
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self, local_addr=(self.host, 0))
        await loop.create_datagram_endpoint(lambda: self.rtp, local_addr=(self.host, 0))
        self._began = time.monotonic()
        self._invite_cseq = self._cseq
        self._invite = self._request("INVITE", self.target, self._cseq, body=self._sdp(), extra=self.extra)
        resend = asyncio.ensure_future(self._resend_invite())
        try:
            await asyncio.wait_for(asyncio.shield(self._final), ring_s)
        except TimeoutError:
            self.cancel()
            try:
                await asyncio.wait_for(asyncio.shield(self._final), 5)
            except TimeoutError:
                self.outcome.code, self.outcome.reason = 408, "no final answer"
        finally:
            resend.cancel()
        if not 200 <= self.outcome.code < 300:
            self._finish("refused")
        return self.outcome

    async def _resend_invite(self) -> None:
        wait = T1
        while not self._provisional.is_set() and wait < 32:
            self._send(self._invite)
            try:
                await asyncio.wait_for(self._provisional.wait(), wait)
            except TimeoutError:
                wait *= 2

    def cancel(self) -> None:
        if self._invite and not self._final.done():
            branch = re.search(r"branch=([^;\s]+)", self._invite.get("via")).group(1)
            self._send(self._request("CANCEL", self.target, self._invite_cseq, branch=branch))

    async def hangup(self) -> None:
        """End an answered call with BYE; wait for its 200."""
        if self.ended.done():
            return
        self._cseq += 1
        bye = self._request("BYE", self._remote_target, self._cseq, routes=self._routes)
        for wait in (T1, 2 * T1, 4 * T1):
            self._send(bye)
            try:
                await asyncio.wait_for(asyncio.shield(self._bye_done), wait)
                break
            except TimeoutError:
                continue
        self._finish("caller")

    def notify(self, status: str, *, last: bool) -> None:
        """Tell who has sent a REFER what became of it."""
        self._cseq += 1
        state = "terminated;reason=noresource" if last else "active;expires=60"
        extra = {"Event": "refer", "Subscription-State": state}
        body, kind = f"SIP/2.0 {status}\r\n", "message/sipfrag;version=2.0"
        self._send(
            self._request(
                "NOTIFY", self._remote_target, self._cseq, body=body, routes=self._routes, extra=extra, kind=kind
            )
        )

    def close(self) -> None:
        self.rtp.close()
        if self.transport:
            self.transport.close()

    def _finish(self, by: str) -> None:
        if not self.ended.done():
            self.ended_by = by
            self.ended.set_result(by)

    # -- what arrives
    def datagram_received(self, data: bytes, addr) -> None:
        if not data.strip():
            return  # keep-alive
        message = SipMessage.parse(data)
        if message.get("call-id") != self.call_id:
            return
        if message.is_response:
            self._on_response(message)
        else:
            self._on_request(message, addr)

    def _on_response(self, reply: SipMessage) -> None:
        method = reply.method
        if method == "BYE" and reply.status >= 200 and not self._bye_done.done():
            self._bye_done.set_result(reply.status)
        if method != "INVITE" or int(reply.get("cseq").split()[0]) != self._invite_cseq:
            return
        self._provisional.set()
        elapsed = int((time.monotonic() - self._began) * 1000)
        if reply.status < 200:
            if reply.status in (180, 183) and self.outcome.ringing_ms is None:
                self.outcome.ringing_ms = elapsed
                if self.on_ringing:
                    self.on_ringing()
            if reply.body:
                self._learn_media(reply.body)  # early media
            return
        if self._ack:  # our ACK was lost
            self.transport.sendto(self._ack, self._hop)
            return
        if reply.status in (401, 407) and self.auth and "auth" not in self._tried:
            self._tried.add("auth")
            self._authenticate(reply)
            return
        self._to = reply.get("to")
        if reply.status < 300:
            self._remote_target = uri_in(reply.get("contact"))
            routes = [r.strip() for value in reply.all("record-route") for r in value.split(",")]
            self._routes = list(reversed(routes))
            ack = self._request("ACK", self._remote_target, self._invite_cseq, routes=self._routes)
            self._hop = uri_address(uri_in(self._routes[0]) if self._routes else self._remote_target)
            self.outcome.answered_ms = elapsed
            self._learn_media(reply.body)
        else:
            ack = self._refusal_ack(reply)
        self._ack = ack.encode()
        self._send(ack)
        self.outcome.code, self.outcome.reason = reply.status, reply.reason
        self.outcome.headers = {k: v for k, v in reply.headers if k.lower().startswith("x-")}
        if not self._final.done():
            self._final.set_result(reply.status)

    def _refusal_ack(self, reply: SipMessage) -> SipMessage:
        branch = re.search(r"branch=([^;\s]+)", self._invite.get("via")).group(1)
        ack = self._request("ACK", self.target, self._invite_cseq, branch=branch)
        ack.headers = [(k, reply.get("to") if k == "To" else v) for k, v in ack.headers]
        return ack

    def _authenticate(self, challenge: SipMessage) -> None:
        """Answer a 401/407 once, with MD5 digest, by sending the INVITE again."""
        self._send(self._refusal_ack(challenge))
        name = "Proxy-Authorization" if challenge.status == 407 else "Authorization"
        offered = challenge.get("proxy-authenticate" if challenge.status == 407 else "www-authenticate")

        def field_of(key):
            return (re.search(rf'{key}="?([^",]+)"?', offered) or [None, ""])[1]

        def md5(text):
            return hashlib.md5(text.encode()).hexdigest()

        user, password = self.auth
        realm, nonce, cnonce = field_of("realm"), field_of("nonce"), f"{random.getrandbits(32):08x}"
        ha1, ha2 = md5(f"{user}:{realm}:{password}"), md5(f"INVITE:{self.target}")
        parts = [f'username="{user}"', f'realm="{realm}"', f'nonce="{nonce}"', f'uri="{self.target}"']
        if "auth" in field_of("qop"):
            response = md5(f"{ha1}:{nonce}:00000001:{cnonce}:auth:{ha2}")
            parts += ["qop=auth", "nc=00000001", f'cnonce="{cnonce}"']
        else:
            response = md5(f"{ha1}:{nonce}:{ha2}")
        parts.append(f'response="{response}"')
        self._cseq += 1
        self._invite_cseq = self._cseq
        self._invite = self._request(
            "INVITE", self.target, self._cseq, body=self._sdp(), extra=self.extra | {name: "Digest " + ", ".join(parts)}
        )
        self._send(self._invite)

    def _on_request(self, request: SipMessage, addr) -> None:
        method = request.method
        if method == "ACK":
            return
        headers = [("Via", v) for v in request.all("via")]
        headers += [("Record-Route", v) for v in request.all("record-route")]
        headers += [(n, request.get(n)) for n in ("From", "To", "Call-ID", "CSeq")]
        body = ""
        if method in ("INVITE", "UPDATE") and request.body:
            self._learn_media(request.body)
            mirror = {"sendonly": "recvonly", "recvonly": "sendonly"}
            body = self._sdp(mirror.get(self.remote_direction, self.remote_direction))
            self._remote_target = uri_in(request.get("contact")) or self._remote_target
            headers += [
                ("Contact", f"<sip:{self.caller}@{self.host}:{self.port}>"),
                ("Content-Type", "application/sdp"),
            ]
        elif method == "REFER":
            contact = ("Contact", f"<sip:{self.caller}@{self.host}:{self.port}>")
            self._send(SipMessage("SIP/2.0 202 Accepted", [*headers, contact]), addr)
            uri, _, header = uri_in(request.get("refer-to")).partition("?")
            replaces = unquote(header.partition("=")[2]) if header.lower().startswith("replaces=") else ""
            self.on_refer(uri.removeprefix("sip:").partition("@")[0], replaces)
            return
        elif method == "INFO":
            match = re.search(r"Signal\s*=\s*(\S+)", request.body)
            if match:
                self.rtp.digits.append(match.group(1))
        self._send(SipMessage("SIP/2.0 200 OK", headers, body), addr)
        if method == "BYE":
            self._finish("callee")
