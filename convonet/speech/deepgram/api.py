"""Deepgram's HTTP and WebSocket API over connections that stay open.

Upstream's SDK stands on httpx and builds a request anew each time: it looks its own version up in the package metadata
(`deepgram/core/client_wrapper.py`, `get_headers`), encodes the query and turns each answer into unchecked pydantic
models. `bench/speech.py` measures what that costs. So its types describe the wire, and aiohttp carries it.

Its retries would wait for a second and know nothing of our deadline. We retry once, and only where the failure says
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
"""A connection that is not there by now will not be in time."""

KEEP_ALIVE_S = 90.0
"""Turns of one caller are 10 s apart and more; with aiohttp's own 15 s many would pay for TLS again."""

MAX_CONNECTIONS = 200

RETRY_DELAY_S = 0.1
"""Before the second attempt after a 5xx or a broken connection: a restarting server needs a moment."""

MAX_RETRY_AFTER_S = 1.0
"""A 429 that asks for a longer wait than this sends the turn to the next provider."""

CLOSE_TIMEOUT_S = 1.0
"""For the other side's half of a WebSocket's closing handshake."""


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
        """What the rest of the product knows it as."""
        return SpeechUnavailable(str(self), retry_same=self.is_servers_fault)


class DeepgramApi:
    """One per process. It belongs to the event loop that is running at its first use."""

    def __init__(self, key: str, base_url: str | None) -> None:
        self._base_url = URL(base_url or DeepgramClientEnvironment.PRODUCTION.base)
        self._headers = {"Authorization": f"Token {key}"}
        self._session: aiohttp.ClientSession | None = None
        self._warming = BackgroundTasks()
        self._used_at = float("-inf")

    def url(self, path: str, query: dict[str, str]) -> URL:
        """An address of the API; to be made once, and not for each request."""
        return (self._base_url / path).with_query(query)

    async def close(self) -> None:
        """Close all connections."""
        await self._warming.cancel_and_wait()
        if self._session is not None:
            await self._session.close()

    async def warm(self) -> None:
        """Open a connection for the next request; when that fails, the request will try for itself."""
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                # no HEAD: its answer may come without a length, and then aiohttp closes the connection
                async with self._http.get(self._base_url, allow_redirects=False) as response:
                    await response.read()
            self._used_at = time.monotonic()
        except (aiohttp.ClientError, TimeoutError) as error:
            log.info("deepgram_not_reached", error=type(error).__name__)

    def warm_soon(self) -> None:
        """Have a connection open for the next request; returns at once.

        Between a caller's turns connections may be closed for having been idle, and TLS costs two ways to the vendor.
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
        """The answer to a request, of a second one where that can help, in `timeout_s` altogether.

        Args:
            url: from `url`.
            body: of the request.
            content_type: its type.
            read: what of the answer, such as `whole`.
            timeout_s: seconds for all of it.
            read_timeout_s: for each wait for more of the answer.

        Raises:
            Refusal: Deepgram answers with an error status.
            SpeechUnavailable: it can't be reached, or does not answer in time.
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
        """The answer to a request as it comes, its first bytes and each gap between them within `stall_s`.

        It may be asked for a second time until its first byte. Raises `Refusal` and `SpeechUnavailable`.
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
        """A WebSocket. Raises `Refusal` and `SpeechUnavailable`."""
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                # compression stays off: sound does not get smaller, and permessage-deflate holds 300 KB per socket
                return await self._http.ws_connect(url, timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_TIMEOUT_S))
        except aiohttp.WSServerHandshakeError as error:
            # not chained: the error holds the request's headers, and with them the key
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
            data=io.BytesIO(body),  # aiohttp would send a large `bytes` in one piece, and warn of it
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
    """All that an answer holds."""
    async with response:
        return await response.read()


async def _read_first(response: aiohttp.ClientResponse) -> tuple[aiohttp.ClientResponse, bytes]:
    """An answer of which the rest is still to come, and the first of it."""
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
    except TimeoutError as error:  # aiohttp's own are of this kind, too
        raise SpeechUnavailable(f"Deepgram did not answer in {seconds:g} s") from error
    except aiohttp.ClientError as error:
        raise SpeechUnavailable(f"no connection to Deepgram: {type(error).__name__}", retry_same=True) from error


def _retry_delay(error: Refusal | aiohttp.ClientError) -> float | None:
    """Seconds after which the same request may succeed; None when it won't."""
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
    # its message may quote the sentence that was to be spoken, its code does not
    try:
        answer = json.loads(body)
    except ValueError:
        return ""
    return str(answer.get("err_code", "")) if isinstance(answer, dict) else ""
