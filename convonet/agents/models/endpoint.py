"""The way to a vendor's servers: requests over connections that are kept open, answers as they stream in.

aiohttp and not the vendors' SDKs: of a turn with 40 tokens OpenAI's SDK alone takes 28 ms of CPU, 16 when its raw lines
are streamed, Anthropic's 11; this takes 5. What travels is what the SDKs would send: requests are checked against their
types by mypy, and by the tests' vendors once more as they arrive.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from typing import Protocol
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import orjson

from convonet.agents.models.base import Part
from convonet.agents.models.failures import UNREADABLE, Failure, ModelFailed, of_connection, of_status
from convonet.agents.models.sse import EventCutter

KEEPALIVE_S = 120.0
"""How long a connection is kept after its last answer: callers pause for seconds, and a new one costs 50 to 150 ms.
Clouds forget idle connections after 240 s and more, without a word."""

DRAIN_TIMEOUT_S = 0.1
"""For the end of the body after the last event, which mostly came with it: then the connection can be used again."""

MAX_ANSWER_BYTES = 4 * 1024 * 1024
"""Of one stream: 1,024 tokens are some 350 KB where each comes in an event of its own."""

MAX_ERROR_BYTES = 64 * 1024

_READ_BYTES = 64 * 1024

_LOST = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)


class AnswerReader(Protocol):
    """Reads the events of one answer in its vendor's format."""

    is_over: bool
    """Whether the last event was read, where the vendor says which that is."""

    def read(self, data: bytes) -> list[Part]:
        """Read one event. Raises `ModelFailed` for an error in it, and any Python error for what is no such event."""
        ...


class Endpoint:
    """One URL of a vendor, for the event loop that first asks it. `close` it at the end."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        self._url = url
        self._headers = {
            **headers,
            "Content-Type": "application/json",
            "Accept": "text/event-stream",
            # tokens are to come as they are made, not when a compressor has enough of them
            "Accept-Encoding": "identity",
            "User-Agent": "convonet",
        }
        self._session: aiohttp.ClientSession | None = None

    async def answer(self, body: bytes, reader: AnswerReader) -> AsyncGenerator[Part, None]:
        """Send a request and stream the answer. Raises `ModelFailed`."""
        response = await self._sent(body)
        try:
            async for events in _events(response, reader):
                for data in events:
                    for part in _read(reader, data):
                        yield part
        except (aiohttp.ClientError, OSError) as error:
            raise ModelFailed(of_connection(error)) from error
        finally:
            # closes the connection, unless the answer was read to its end
            response.release()

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _sent(self, body: bytes) -> aiohttp.ClientResponse:
        try:
            try:
                response = await self._post(body)
            except aiohttp.ClientConnectorError:
                raise
            except _LOST:
                # most likely the vendor has closed an idle connection just now: nobody has seen the request
                response = await self._post(body)
        except (aiohttp.ClientError, OSError) as error:
            raise ModelFailed(of_connection(error)) from error
        if response.status != 200:
            async with response:
                raise ModelFailed(await _refusal(response))
        return response

    async def _post(self, body: bytes) -> aiohttp.ClientResponse:
        # a redirect would take the key to another server
        return await self._open().post(self._url, data=body, allow_redirects=False)

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                headers=self._headers,
                # as many at once as there are turns: their number is limited where they come in
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEPALIVE_S),
                cookie_jar=aiohttp.DummyCookieJar(),
                # whoever asks has timeouts that know words from other bytes
                timeout=aiohttp.ClientTimeout(total=None),
                proxy=_proxy_for(self._url),
            )
        return self._session


async def _events(response: aiohttp.ClientResponse, reader: AnswerReader) -> AsyncGenerator[list[bytes], None]:
    """The data of the events, as they arrive together."""
    cutter, received = EventCutter(), 0
    async for chunk in response.content.iter_any():
        received += len(chunk)
        if received > MAX_ANSWER_BYTES:
            raise ModelFailed(Failure(UNREADABLE))
        yield _cut(cutter, chunk)
        if reader.is_over:
            await _drain(response)
            return
    yield cutter.flush()


def _cut(cutter: EventCutter, chunk: bytes) -> list[bytes]:
    try:
        return cutter.feed(chunk)
    except ValueError as error:
        raise ModelFailed(Failure(UNREADABLE)) from error


def _read(reader: AnswerReader, data: bytes) -> list[Part]:
    try:
        return reader.read(data)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise ModelFailed(Failure(UNREADABLE)) from error


async def _drain(response: aiohttp.ClientResponse) -> None:
    try:
        async with asyncio.timeout(DRAIN_TIMEOUT_S):
            while await response.content.read(_READ_BYTES):
                pass
    except (TimeoutError, aiohttp.ClientError):
        # the answer is whole all the same
        response.close()


async def _refusal(response: aiohttp.ClientResponse) -> Failure:
    body, told = bytearray(), None
    # what can't be read says no more than the status
    with suppress(aiohttp.ClientError, orjson.JSONDecodeError):
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > MAX_ERROR_BYTES:
                break
        told = orjson.loads(body)
    return of_status(response.status, response.headers.get("retry-after", ""), told)


def _proxy_for(url: str) -> str | None:
    """The proxy that this machine's environment names, as the vendors' SDKs use it too; looked up once."""
    address = urlsplit(url)
    if proxy_bypass(address.netloc):
        return None
    return getproxies().get(address.scheme)
