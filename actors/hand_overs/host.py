"""HandOverHost: owns all hand-overs and desks of a call center; `deployments/call_center` serves it.

Sessions, media legs and webhooks reach it from other processes through `HandOvers`; the desks' pages are in its own
process. It saves every change, so that the next host goes on where a lost one stopped. No audio passes through it.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import uuid
from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from datetime import UTC, datetime

import structlog

from actors.hand_overs.registry import HandOverRegistry, HostServices
from actors.hand_overs.snapshot import HandOverSnapshot
from convonet.core.hand_over import CarrierKind, HandOverState
from convonet.settings.call_center import CallCenterSettings
from convonet.telephony.call_log import CallBackRow
from convonet.telephony.carrier import CarrierError
from convonet.telephony.events import CallerLeft, CallEvent, CallProgress
from convonet.telephony.hand_over_machine import HandOverMachine
from convonet.telephony.hand_overs import HandOversUnavailable
from convonet.telephony.messages import (
    DeskAction,
    DeskLogin,
    DeskView,
    HandOverRequest,
    HandOverView,
    MediaLegRequest,
    MediaLegView,
    Spoken,
)

log = structlog.get_logger(__name__)

PHONE_LOOKUP_TIMEOUT_S = 0.5
"""How long the view of a failed hand-over waits for the caller's number from the CRM."""

MIN_PHONE_DIGITS = 7


class HandOverHost:
    """Implements `HandOvers` for other processes and `DeskHost` for the desks' pages."""

    def __init__(self, settings: CallCenterSettings, services: HostServices) -> None:
        self._settings = settings
        self._services = services
        self.registry = HandOverRegistry(services, settings.ring_timeout_s)
        self.desks = self.registry.desks

    async def start(self) -> None:
        """Restore what an earlier host has left behind, unless another cluster serves."""
        await self.registry.ownership.start()

    def gauges(self) -> Mapping[str, float]:
        """Return the gauges for the monitor: waiting callers by department, hand-overs and desks by state."""
        switchboard, machines = self.desks.switchboard, [actor.machine for actor in self.registry.actors.values()]
        counts = Counter(f"queue.{waiting.department}" for waiting in switchboard.queue)
        counts.update(f"desks.{desk.state}" for desk in switchboard.desks.values())
        counts.update(f"hand_overs.{machine.state}" for machine in machines if not machine.is_over)
        return counts

    def callers_waiting(self) -> dict[str, int]:
        """Return the number of waiting callers, by department."""
        return {name: self.desks.switchboard.waiting_in(name) for name in self._settings.department_names}

    # -- callers (`HandOvers`)

    async def begin_hand_over(self, request: HandOverRequest) -> None:
        await self.registry.ownership.require_open()
        if request.transfer_id in self.registry.ownership.open:
            return
        machine = HandOverMachine(
            transfer_id=request.transfer_id,
            ring_s=self._settings.ring_timeout_s,
            wait_s=self._settings.queue_timeout_s,
            absent_wait_s=self._settings.absent_queue_timeout_s,
        )
        await self.registry.begin_hand_over(HandOverSnapshot(order=request, transfer=machine))

    async def follow_hand_over(self, transfer_id: str) -> AsyncGenerator[HandOverView, None]:
        actor = await self.registry.find_actor(transfer_id)
        if actor is None:
            return
        phone = self.registry.phones[transfer_id]
        try:
            async with contextlib.aclosing(actor.view.follow()) as views:
                async for view in views:
                    yield await _with_phone(view, phone) if view.state is HandOverState.FAILED else view
                    if actor.machine.is_over and view.state is actor.machine.state:
                        return
        finally:
            self.registry.watch_caller(actor)
        if not actor.machine.is_over:
            raise self.registry.ownership.refusal()

    async def leave_hand_over(self, transfer_id: str, *, hung_up: bool) -> None:
        if (actor := await self.registry.find_actor(transfer_id)) is not None:
            actor.post_event(CallerLeft(hung_up=hung_up))

    async def request_call_back(self, request: HandOverRequest) -> None:
        await self._services.call_log.add_call_back(
            CallBackRow(
                id=uuid.uuid4(),
                transfer_id=request.transfer_id,
                user_id=request.context.user_id,
                caller_name=request.context.user_name,
                phone=request.phone or await self._services.facts.phone_of(request.context.user_id),
                department=request.department,
                reason=request.reason[:255],
                asked_at=datetime.now(UTC),
            )
        )
        self.desks.call_backs_changed()

    # -- calls and media legs (`HandOvers`)

    async def report_call_event(self, transfer_id: str, event: CallEvent) -> None:
        known = self.registry.post_event(transfer_id, event)
        if not known:
            await self.registry.ownership.require_open()
            known = self.registry.post_event(transfer_id, event) or transfer_id in self.registry.ownership.elsewhere
        if not known and isinstance(event, CallProgress) and event.end_reason is None:
            log.warning("stray_call", transfer_id=transfer_id, call_sid=event.call_sid)
            with contextlib.suppress(CarrierError):
                # only a telephone's calls are reported
                await self._services.carriers.of(CarrierKind.TELEPHONE).end_call(event.call_sid)

    async def add_transcript_entry(self, transfer_id: str, spoken: Spoken) -> None:
        if (actor := self.registry.actors.get(transfer_id)) is not None:
            await actor.add_transcript_entry(spoken)
            self.desks.publish_views()

    async def exchange_stream_key(self, transfer_id: str, attempt: int, after: str) -> str | None:
        actor = await self.registry.find_actor(transfer_id)
        return await actor.exchange_stream_key(attempt, after) if actor is not None else None

    async def open_media_leg(self, request: MediaLegRequest) -> AsyncGenerator[MediaLegView, None]:
        actor = await self.registry.find_actor(request.transfer_id)
        published = actor.open_media_leg(request) if actor is not None else None
        if actor is None or published is None:
            log.warning("line_refused", transfer_id=request.transfer_id)
            return
        try:
            async with contextlib.aclosing(published.follow()) as views:
                async for view in views:
                    yield view
        finally:
            self.registry.watch_media_leg(actor, request)

    # -- desks (`DeskHost`)

    async def follow_desk(self, login: DeskLogin) -> AsyncGenerator[DeskView, None]:
        """Log a desk in and follow its views. Yields nothing when the desk has to find another host."""
        await self._services.cluster.register_client()
        try:
            await self.registry.ownership.require_open()
        except HandOversUnavailable:
            return
        published = self.desks.log_in(login)
        try:
            async with contextlib.aclosing(published.follow()) as views:
                async for view in views:
                    yield view
        finally:
            self.registry.watch_desk(login.name)

    async def perform_desk_action(self, name: str, action: DeskAction, text: str = "") -> bool:
        """Carry out an action of the person at a desk. Returns False when it is not possible now."""
        is_possible, events = self.desks.perform_action(name, action, text)
        self.registry.deliver_events(events)
        return is_possible

    def call_backs_changed(self) -> None:
        """Make the desks read the list of callbacks again."""
        self.desks.call_backs_changed()


async def _with_phone(view: HandOverView, phone: asyncio.Task[str]) -> HandOverView:
    """Return the view with the last digits of the caller's number, for the offer of a callback."""
    await asyncio.wait((phone,), timeout=PHONE_LOOKUP_TIMEOUT_S)
    digits = re.sub(r"\D", "", phone.result()) if phone.done() else ""
    return view.model_copy(update={"known_phone": digits[-4:]}) if len(digits) >= MIN_PHONE_DIGITS else view
