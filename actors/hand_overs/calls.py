"""Places and ends the calls of one hand-over for its actor, which gets the outcome as `CallEvent`s."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from convonet.core.errors import Fenced, StorageError
from convonet.telephony.carrier import CallRequest, Carrier, CarrierError
from convonet.telephony.events import CallEvent, CallNotPlaced, CallPlaced, CallProgress

log = structlog.get_logger(__name__)

CONFIRM_RETRY_DELAYS_S = (0.5, 1.0, 2.0, 4.0)
"""Delay after each attempt to confirm a hand-over in a store that is down."""

END_RETRY_DELAY_S = 5.0
MAX_END_ATTEMPTS = 10
"""For a call that Twilio does not let us end. Such a call is hung up when Twilio next asks what to do with it."""


class Calls:
    """The calls of one hand-over. `confirm` makes sure that no other host has the hand-over."""

    def __init__(self, *, confirm: Callable[[], Awaitable[None]], post: Callable[[CallEvent], None]) -> None:
        self._confirm = confirm
        self._post = post

    async def place_call(self, carrier: Carrier, request: CallRequest) -> None:
        """Place a call. That can't be undone, so first make sure that no other host places it."""
        for delay_s in CONFIRM_RETRY_DELAYS_S:
            try:
                await self._confirm()
                break
            except Fenced:
                log.info("call_left_to_another_host")
                return
            except StorageError as error:
                log.warning("call_waits_for_store", reason=str(error))
                await asyncio.sleep(delay_s)
        else:
            self._post(CallNotPlaced(attempt=request.attempt))
            return
        try:
            sid = await carrier.place_call(request)
            self._post(CallPlaced(attempt=request.attempt, call_sid=sid))
            if not carrier.reports_progress:
                self._post(CallProgress(attempt=request.attempt, call_sid=sid, sequence=0, status="ringing"))
            return
        except CarrierError as error:
            log.warning("call_not_placed", reason=str(error))
        except Exception:
            # the top of this task: the caller must not wait for a call that nobody places
            log.exception("placing_crashed")
        self._post(CallNotPlaced(attempt=request.attempt))

    async def end_call(self, carrier: Carrier, call_sid: str) -> None:
        """End a call, with retries."""
        for _ in range(MAX_END_ATTEMPTS):
            try:
                await carrier.end_call(call_sid)
                return
            except CarrierError as error:
                log.warning("call_not_ended", call_sid=call_sid, reason=str(error))
            except Exception:
                # the top of this task: no call may be left open
                log.exception("ending_crashed", call_sid=call_sid)
            await asyncio.sleep(END_RETRY_DELAY_S)
        log.error("call_left_open", call_sid=call_sid)
