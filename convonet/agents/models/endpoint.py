"""HTTP client for a vendor's API: requests over connections that are kept open, answers as they stream in.

It uses aiohttp instead of the vendors' SDKs: for a turn with 40 tokens OpenAI's SDK takes 28 ms of CPU (16 with raw
lines), Anthropic's 11, this 5. Requests are those that the SDKs would send: mypy checks them against the SDKs' types,
except Google's, and the tests' servers check all of them as they arrive.
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
from convonet.agents.models.failures import UNREADABLE, Failure, ModelFailed, failure_of_connection, failure_of_status
from convonet.agents.models.sse import EventCutter

KEEPALIVE_S = 120.0
"""Lifetime of an idle connection: callers pause for seconds, and a new connection costs 50 to 150 ms. Clouds drop idle
ones silently after 240 s or more."""

DRAIN_TIMEOUT_S = 0.1
"""Timeout for the end of the body after the last event; once it is read the connection can be reused."""

MAX_ANSWER_BYTES = 4 * 1024 * 1024
"""Limit for one stream: 1,024 tokens are some 350 KB where each has its own event."""

MAX_ERROR_BYTES = 64 * 1024

_READ_BYTES = 64 * 1024

_CONNECTION_LOST = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)


class AnswerReader(Protocol):
    """Reads the events of one answer in a vendor's format."""

    is_over: bool
    """Whether the last event was read, where the vendor marks it."""

    def read_parts(self, data: bytes) -> list[Part]:
        """Read one event. Raises `ModelFailed` for an error, and a built-in error for a malformed event."""
        ...


class Endpoint:
    """One URL of a vendor, used from a single event loop. `close` it at the end."""

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        self._url = url
        self._headers = {
            **headers,
            "Content-Type": "application/json",
            "Accept": "text/event-stream",
            # a compressor would collect tokens before it sends them
            "Accept-Encoding": "identity",
            "User-Agent": "convonet",
        }
        self._session: aiohttp.ClientSession | None = None

    async def stream(self, body: bytes, reader: AnswerReader) -> AsyncGenerator[Part, None]:
        """Send a request and stream the answer's parts. Raises `ModelFailed`."""
        response = await self._send(body)
        try:
            async for events in _events(response, reader):
                for data in events:
                    for part in _read(reader, data):
                        yield part
        except (aiohttp.ClientError, OSError) as error:
            raise ModelFailed(failure_of_connection(error)) from error
        finally:
            # this closes the connection, unless the answer was read to its end
            response.release()

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _send(self, body: bytes) -> aiohttp.ClientResponse:
        try:
            try:
                response = await self._post(body)
            except aiohttp.ClientConnectorError:
                raise
            except _CONNECTION_LOST:
                # most likely the vendor has just closed an idle connection, and has not seen the request
                response = await self._post(body)
        except (aiohttp.ClientError, OSError) as error:
            raise ModelFailed(failure_of_connection(error)) from error
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
                # no limit here: admission limits the number of turns
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEPALIVE_S),
                cookie_jar=aiohttp.DummyCookieJar(),
                # the timeouts are in `HostedModel`: they wait for words, not for bytes
                timeout=aiohttp.ClientTimeout(total=None),
                proxy=_proxy_for(self._url),
            )
        return self._session


async def _events(response: aiohttp.ClientResponse, reader: AnswerReader) -> AsyncGenerator[list[bytes], None]:
    """Yield the data of the events that arrive together."""
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
        return reader.read_parts(data)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise ModelFailed(Failure(UNREADABLE)) from error


async def _drain(response: aiohttp.ClientResponse) -> None:
    try:
        async with asyncio.timeout(DRAIN_TIMEOUT_S):
            while await response.content.read(_READ_BYTES):
                pass
    except (TimeoutError, aiohttp.ClientError):
        # the answer is complete all the same
        response.close()


async def _refusal(response: aiohttp.ClientResponse) -> Failure:
    body, content = bytearray(), None
    # without a readable body the status has to suffice
    with suppress(aiohttp.ClientError, orjson.JSONDecodeError):
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > MAX_ERROR_BYTES:
                break
        content = orjson.loads(body)
    return failure_of_status(response.status, response.headers.get("retry-after", ""), content)


def _proxy_for(url: str) -> str | None:
    """Return the proxy from the environment, as the vendors' SDKs do."""
    address = urlsplit(url)
    if proxy_bypass(address.netloc):
        return None
    return getproxies().get(address.scheme)
