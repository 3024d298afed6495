"""Deepgram's HTTP and WebSocket API over pooled connections, used by `DeepgramSpeech`.

Deepgram's SDK is built on httpx and builds each request anew: it looks up its own version in the package metadata
(`deepgram/core/client_wrapper.py`, `get_headers`), encodes the query and turns each answer into unchecked pydantic
models. `bench/speech.py` measures the cost. So only the SDK's types are used, and aiohttp does the work.

The SDK's retries would wait for a second and ignore our deadline. We retry once, and only when the failure suggests
that the same request may succeed now.
"""

from __future__ import annotations

import asyncio
import io
import json
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TypeAlias, TypeVar

import aiohttp
import structlog
from deepgram.environment import DeepgramClientEnvironment
from yarl import URL

from convonet.core.background import BackgroundTasks
from convonet.core.errors import SpeechUnavailable

log = structlog.get_logger(__name__)

Answer = TypeVar("Answer")

Read: TypeAlias = Callable[[aiohttp.ClientResponse], Awaitable[Answer]]

CONNECT_TIMEOUT_S = 2.0
"""A connection that takes longer would be too late for the turn."""

KEEP_ALIVE_S = 90.0
"""The turns of a caller are 10 s apart or more; with aiohttp's default of 15 s many would need a new TLS handshake."""

MAX_CONNECTIONS = 200

RETRY_DELAY_S = 0.1
"""Delay before the second attempt after a 5xx or a broken connection: a restarting server needs a moment."""

MAX_RETRY_AFTER_S = 1.0
"""A 429 that asks for a longer wait than this sends the turn to the next provider."""

CLOSE_TIMEOUT_S = 1.0
"""Time for Deepgram's half of a WebSocket's closing handshake."""


class Refusal(Exception):
    """Deepgram answered with an error status."""

    def __init__(self, status: int, code: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(f"Deepgram answered {status} {code}".rstrip())
        self.status = status
        self.retry_after_s = retry_after_s

    @property
    def is_servers_fault(self) -> bool:
        return self.status >= HTTPStatus.INTERNAL_SERVER_ERROR

    def as_unavailable(self) -> SpeechUnavailable:
        """Turn it into the error that the rest of the product handles."""
        return SpeechUnavailable(str(self), retry_same=self.is_servers_fault)


class DeepgramApi:
    """The connections of one process; they belong to the event loop that first uses them."""

    def __init__(self, key: str, base_url: str | None) -> None:
        self._base_url = URL(base_url or DeepgramClientEnvironment.PRODUCTION.base)
        self._headers = {"Authorization": f"Token {key}"}
        self._session: aiohttp.ClientSession | None = None
        self._warming = BackgroundTasks()
        self._used_at = float("-inf")

    def url(self, path: str, query: dict[str, str]) -> URL:
        """Build an address of the API. Callers keep it instead of building it for each request."""
        return (self._base_url / path).with_query(query)

    async def close(self) -> None:
        await self._warming.cancel_and_wait()
        if self._session is not None:
            await self._session.close()

    async def warm(self) -> None:
        """Open a connection for the next request. When that fails, the request opens its own."""
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                # no HEAD: without a length in the answer, aiohttp closes the connection
                async with self._http.get(self._base_url, allow_redirects=False) as response:
                    await response.read()
            self._used_at = time.monotonic()
        except (aiohttp.ClientError, TimeoutError) as error:
            log.info("deepgram_not_reached", error=type(error).__name__)

    def warm_soon(self) -> None:
        """Open a connection in the background unless one was used recently.

        Idle connections may be closed between a caller's turns, and a TLS handshake costs two round trips.
        """
        is_open = time.monotonic() - self._used_at < KEEP_ALIVE_S / 2
        if not is_open and not self._warming:
            self._warming.spawn(self.warm())

    async def post(
        self,
        url: URL,
        body: bytes,
        content_type: str,
        *,
        read: Read[Answer],
        timeout_s: float,
        read_timeout_s: float | None = None,
    ) -> Answer:
        """Post a request and read its answer; retry once where that can help.

        Args:
            url: The address, as `url` built it.
            body: The request's body.
            content_type: The body's media type.
            read: Reads the answer, such as `read_all`.
            timeout_s: Limit for both attempts together, including reading the answer.
            read_timeout_s: Limit for each gap while the answer arrives.

        Raises:
            Refusal: Deepgram answers with an error status.
            SpeechUnavailable: Deepgram can't be reached, or does not answer in time.
        """
        async with _deadline(timeout_s):
            try:
                return await read(await self._answer(url, body, content_type, read_timeout_s))
            except (Refusal, aiohttp.ClientError) as error:
                delay = _retry_delay(error)
                if delay is None:
                    raise
            await asyncio.sleep(delay)
            return await read(await self._answer(url, body, content_type, read_timeout_s))

    async def stream(self, url: URL, body: bytes, content_type: str, *, stall_s: float) -> AsyncGenerator[bytes, None]:
        """Yield the answer to a request as it arrives; `stall_s` limits the wait for the first bytes and each gap.

        The request is retried at most once, and not after its first byte. Raises `Refusal` and `SpeechUnavailable`.
        """
        response, first = await self.post(
            url, body, content_type, read=_read_first, timeout_s=stall_s, read_timeout_s=stall_s
        )
        async with response:
            if not first:
                raise SpeechUnavailable("Deepgram answered without audio")
            yield first
            while not response.content.at_eof():
                try:
                    more = await response.content.readany()
                except (aiohttp.ClientError, TimeoutError) as error:
                    raise SpeechUnavailable(f"Deepgram broke off: {type(error).__name__}", retry_same=True) from error
                if more:
                    yield more

    async def connect(self, url: URL) -> aiohttp.ClientWebSocketResponse:
        """Open a WebSocket. Raises `Refusal` and `SpeechUnavailable`."""
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                # compression stays off: audio does not shrink, and permessage-deflate holds 300 KB per socket
                return await self._http.ws_connect(url, timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_TIMEOUT_S))
        except aiohttp.WSServerHandshakeError as error:
            # not chained: the error holds the request's headers, which include the key
            raise Refusal(error.status, retry_after_s=_retry_after(error.headers)) from None
        except (aiohttp.ClientError, TimeoutError) as error:
            raise SpeechUnavailable(f"no connection to Deepgram: {type(error).__name__}", retry_same=True) from error

    @property
    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                headers=self._headers,
                skip_auto_headers=("Accept", "Accept-Encoding"),
                connector=aiohttp.TCPConnector(limit=MAX_CONNECTIONS, keepalive_timeout=KEEP_ALIVE_S),
                timeout=aiohttp.ClientTimeout(),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session

    async def _answer(
        self, url: URL, body: bytes, content_type: str, read_timeout_s: float | None
    ) -> aiohttp.ClientResponse:
        response = await self._http.post(
            url,
            data=io.BytesIO(body),  # aiohttp would send a large `bytes` in one piece and warn about it
            headers={"Content-Type": content_type},
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(sock_read=read_timeout_s),
        )
        self._used_at = time.monotonic()
        if response.status == HTTPStatus.OK:
            return response
        async with response:
            raise Refusal(response.status, _code(await response.read()), _retry_after(response.headers))


async def read_all(response: aiohttp.ClientResponse) -> bytes:
    """Read the whole answer."""
    async with response:
        return await response.read()


async def _read_first(response: aiohttp.ClientResponse) -> tuple[aiohttp.ClientResponse, bytes]:
    """Read the first bytes; return them with the response, from which the rest can be read."""
    try:
        return response, await response.content.readany()
    except BaseException:
        response.close()
        raise


@asynccontextmanager
async def _deadline(seconds: float) -> AsyncGenerator[None, None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:  # aiohttp's own timeouts are subclasses
        raise SpeechUnavailable(f"Deepgram did not answer in {seconds:g} s") from error
    except aiohttp.ClientError as error:
        raise SpeechUnavailable(f"no connection to Deepgram: {type(error).__name__}", retry_same=True) from error


def _retry_delay(error: Refusal | aiohttp.ClientError) -> float | None:
    """Seconds after which the same request may succeed, or None when it won't."""
    if isinstance(error, TimeoutError):
        return None
    if isinstance(error, aiohttp.ClientError) or error.is_servers_fault:
        return RETRY_DELAY_S
    if error.status == HTTPStatus.TOO_MANY_REQUESTS and error.retry_after_s is not None:
        return error.retry_after_s if error.retry_after_s <= MAX_RETRY_AFTER_S else None
    return None


def _retry_after(headers: Mapping[str, str] | None) -> float | None:
    asked = headers.get("Retry-After", "") if headers is not None else ""
    return float(asked) if asked.isdecimal() else None


def _code(body: bytes) -> str:
    # not the message, which may quote the text to be synthesized
    try:
        answer = json.loads(body)
    except ValueError:
        return ""
    return str(answer.get("err_code", "")) if isinstance(answer, dict) else ""
