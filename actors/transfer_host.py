"""TransferHost: holds all hand-overs and the switchboard; `deployments/call_center` serves it.

Sessions, lines and webhooks come to it from other processes. What it knows is in the checkpoint store after
every change, so that a new host goes on where a lost one stopped; the audio does not pass through here at all.

Of two clusters each has a host, and one of them has the office:

    phase     event                      next       what happens
    --------  -------------------------  ---------  -----------------------------------------------------------
    CLOSED    its cluster serves         OPEN       it takes the office over, but no talk of another cluster's host
    CLOSED    somebody wants something   CLOSED     they are told that this host can't be reached
    OPEN      another host has taken     GIVEN_UP   desks are sent there, but for those that talk; nothing begins here
              the office over                       any more
    GIVEN_UP  a talk ends                GIVEN_UP   its desk is sent away too
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import dataclasses
import re
import time
import uuid
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Protocol

import structlog

from actors.cluster import Cluster
from actors.office_store import OfficeBody, OfficeStore
from actors.published import Published
from actors.transfer import TransferActor, TransferBody
from actors.transfer_rows import card_of, part_of, row_of, row_of_part
from convonet.core.errors import Fenced, StorageError
from convonet.core.hand_over import DeskState, EndReason, HandOverState
from convonet.settings.call_center import CallCenterSettings
from convonet.storage.checkpoints import CheckpointStore
from convonet.storage.serving import Role
from convonet.telephony.bridge import Bridge, BridgeError
from convonet.telephony.ledger import CallBackRow, HandOverRow, Ledger
from convonet.telephony.messages import (
    Card,
    DeskAction,
    DeskLogin,
    DeskView,
    HostAway,
    LineRequest,
    LineView,
    Spoken,
    TransferOrder,
    TransferView,
)
from convonet.telephony.summary import summary_of
from convonet.telephony.switchboard import Desk, Found
from convonet.telephony.transfer import (
    FINAL,
    Accepted,
    Assigned,
    CallerLeft,
    Declined,
    DeskHungUp,
    Event,
    LineEvent,
    PassedOn,
    Progress,
    Release,
    StreamStopped,
    TakeOver,
    Transfer,
    Unassigned,
)

log = structlog.get_logger(__name__)

DESK_GRACE_S = 10.0
"""How long a desk may be away: its page is loaded anew, or the replica that served it is."""

CALLER_GRACE_S = 15.0
"""How long a hand-over lives that no session follows."""

LINE_GRACE_S = 8.0
"""How long a call may be without its stream: Twilio opens another one when the first breaks."""

TALKING = frozenset({HandOverState.WHISPER, HandOverState.CONNECTED})
"""States in which a telephone line ends at a process of this host's cluster."""

LOOKING = frozenset({HandOverState.REQUESTED, HandOverState.QUEUED, HandOverState.FAILED})
"""States in which nobody is at the other end."""

EXTENSION = re.compile(r"[0-9*#]{2,20}")
"""What can be dialled at a desk; the page's own pattern is the same."""

MOST_REASON = 100
"""Characters that a person at a desk may say of why they take no call."""

KNOWN_PHONE_S = 0.5
"""How long a caller waits to hear that it has failed, if the CRM did not say until then whether it has their number."""

SHORTEST_PHONE = 7
"""Digits of a number that somebody can be called at."""

CALL_MARGIN_S = 10.0
"""What placing a call and answering it may take beyond its ringing."""


class Facts(Protocol):
    """What is known of callers."""

    async def of(self, user_id: str) -> dict[str, list[str]]: ...

    async def phone_of(self, user_id: str) -> str: ...


class Phase(StrEnum):
    """Whether this host has the office."""

    CLOSED = "closed"
    OPEN = "open"
    GIVEN_UP = "given_up"


class TransferHost:
    """Begins, finds and forgets hand-overs; what happens in one is the TransferActor's business."""

    def __init__(
        self,
        settings: CallCenterSettings,
        *,
        bridge: Bridge,
        checkpoints: CheckpointStore,
        ledger: Ledger,
        facts: Facts,
        cluster: Cluster,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._bridge = bridge
        self._store = OfficeStore(checkpoints)
        self._cluster = cluster
        self._ledger = ledger
        self._facts = facts
        self._clock = clock
        self._office = OfficeBody()
        self._phase = Phase.CLOSED
        self._opening = asyncio.Lock()
        self._elsewhere: set[str] = set()
        """Talks that the host of another cluster goes on with."""
        self._lives: dict[str, asyncio.Task[Any]] = {}
        self._actors: dict[str, TransferActor] = {}
        self._phones: dict[str, asyncio.Task[str]] = {}
        self._cards: dict[str, Card] = {}
        self._desks: dict[str, Published[DeskView]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._call_backs = 0
        self._office_changed = asyncio.Event()

    async def start(self) -> None:
        """Take up what an earlier host has left, unless another cluster serves."""
        self._cluster.on_change(self._cluster_changed)
        if self._cluster.role is Role.SERVING:
            await self._open()

    def _cluster_changed(self, role: Role) -> None:
        match role:
            case Role.SERVING:
                self._spawn(self._try_to_open())
            case Role.REPLACED:
                self._give_up()

    async def _try_to_open(self) -> None:
        try:
            await self._open()
        except StorageError as error:
            # whoever wants something of this host tries again
            log.warning("office_not_opened", error=str(error))

    async def _open(self) -> None:
        """Take the office over. Raises `StorageError`."""
        async with self._opening:
            if self._phase is not Phase.CLOSED:
                return
            own, found = self._cluster.cluster_id, await self._store.claim_office()
            self._office = found or OfficeBody()
            stays = set(self._office.talking) if self._office.cluster != own else set()
            for transfer_id in list(self._office.open):
                if transfer_id in stays:
                    self._elsewhere.add(transfer_id)
                elif transfer_id not in self._actors:
                    await self._take_up(transfer_id)
            self._office.cluster = own
            self._phase = Phase.OPEN
            self._reconcile()
            self._office_changed.set()
            self._spawn(self._keep_office())

    async def _require_open(self) -> None:
        """Raises `HostAway`, or `Fenced`, unless this host has the office; its cluster may serve for a moment."""
        if self._phase is Phase.CLOSED:
            await self._cluster.refresh()
            if self._cluster.role is Role.SERVING:
                await self._open()
        if self._phase is not Phase.OPEN:
            raise self._refusal()

    def _refusal(self) -> HostAway | Fenced:
        """What this host answers while it has no office; `Fenced` when another host of this cluster knows."""
        if self._phase is Phase.GIVEN_UP and not self._cluster.is_replaced:
            return Fenced("another host has taken over")
        return HostAway(f"the office of this host is {self._phase}")

    async def _lose_office(self) -> None:
        """Another host has taken over, of this cluster or of another one."""
        await self._cluster.refresh()
        self._give_up()

    def _give_up(self) -> None:
        """Keep nothing but talks that the host of another cluster leaves to this one; one of this cluster takes all."""
        if self._phase is Phase.GIVEN_UP:
            return
        self._phase = Phase.GIVEN_UP
        stay: frozenset[HandOverState] = TALKING if self._cluster.is_replaced else frozenset()
        leaving = [id_ for id_, actor in self._actors.items() if actor.transfer.state not in stay]
        log.info("office_given_up", talks=len(self._actors) - len(leaving))
        for transfer_id in leaving:
            self._lives[transfer_id].cancel()
        self._office.switchboard.queue.clear()
        self._send_desks_away()

    def _send_desks_away(self) -> None:
        """Let the desks find the host that has the office, but for those that talk here."""
        for name, desk in list(self._office.switchboard.desks.items()):
            actor = self._actors.get(desk.transfer_id)
            if actor is None or actor.transfer.state not in TALKING:
                self._office.switchboard.log_out(name)
                if (published := self._desks.pop(name, None)) is not None:
                    published.close()

    async def confirm(self, body: TransferBody) -> None:
        """Make sure that no other host has this hand-over. Raises `Fenced`; `StorageError` while nobody can tell."""
        try:
            await self._store.confirm(body.transfer.transfer_id, self._office, body)
        except Fenced:
            await self._lose_office()
            raise

    def gauges(self) -> Mapping[str, float]:
        """Callers who wait by department, hand-overs by state, desks by state, and how many talk."""
        switchboard = self._office.switchboard
        counts = Counter(f"queue.{waiting.department}" for waiting in switchboard.queue)
        counts.update(f"desks.{desk.state}" for desk in switchboard.desks.values())
        counts.update(
            f"hand_overs.{actor.transfer.state}" for actor in self._actors.values() if not actor.transfer.is_over
        )
        return counts

    # -- callers

    async def begin(self, order: TransferOrder) -> None:
        """Begin a hand-over; again for one that is known does nothing. Raises `HostAway` or `Fenced`."""
        await self._require_open()
        if order.transfer_id in self._office.open:
            return
        transfer = Transfer(
            transfer_id=order.transfer_id,
            call_s=self._settings.ring_timeout_s + CALL_MARGIN_S,
            wait_s=self._settings.queue_timeout_s,
            absent_wait_s=self._settings.absent_queue_timeout_s,
        )
        body = TransferBody(order=order, transfer=transfer)
        self._office.open.append(order.transfer_id)
        try:
            # this one first: a host that takes the office over finds all that is in its list
            await self._store.save_transfer(order.transfer_id, body)
            await self._save_office()
        except Fenced:
            self._office.open.remove(order.transfer_id)
            await self._lose_office()
            raise self._refusal() from None
        self._start(body, restored=False)

    async def follow(self, transfer_id: str) -> AsyncGenerator[TransferView, None]:
        """How a hand-over goes, until it is over; nothing for one that is not known."""
        actor = await self._actor_of(transfer_id)
        if actor is None:
            return
        phone = self._phones[transfer_id]
        try:
            async with contextlib.aclosing(actor.view.follow()) as views:
                async for view in views:
                    yield await _with_phone(view, phone) if view.state is HandOverState.FAILED else view
                    if actor.transfer.is_over and view.state is actor.transfer.state:
                        return
        finally:
            self._spawn(self._miss_caller(actor))
        if not actor.transfer.is_over:
            raise self._refusal()

    async def leave(self, transfer_id: str, *, hung_up: bool) -> None:
        """The caller does not want it any more."""
        if (actor := await self._actor_of(transfer_id)) is not None:
            actor.post(CallerLeft(hung_up=hung_up))

    async def _actor_of(self, transfer_id: str) -> TransferActor | None:
        """The hand-over, if it is known; one whose talk another cluster's host had is taken over from there.

        Raises `HostAway` or `Fenced` when another host may know it.
        """
        if transfer_id not in self._actors:
            await self._require_open()
            if transfer_id in self._elsewhere:
                self._elsewhere.discard(transfer_id)
                await self._take_up(transfer_id)
        return self._actors.get(transfer_id)

    async def ask_call_back(self, order: TransferOrder) -> None:
        """Note that the caller of this hand-over wants to be called back. Raises `StorageError`."""
        await self._ledger.ask_call_back(
            CallBackRow(
                id=uuid.uuid4(),
                transfer_id=order.transfer_id,
                user_id=order.context.user_id,
                caller_name=order.context.user_name,
                phone=order.phone or await self._facts.phone_of(order.context.user_id),
                department=order.department,
                reason=order.reason[:255],
                asked_at=datetime.now(UTC),
            )
        )
        self.call_backs_changed()

    def call_backs_changed(self) -> None:
        """Let the desks read the list again."""
        self._call_backs += 1
        self._desks_changed()

    async def _miss_caller(self, actor: TransferActor) -> None:
        await asyncio.sleep(CALLER_GRACE_S)
        if not actor.view.followers and not actor.transfer.is_over:
            log.warning("caller_missed", transfer_id=actor.transfer.transfer_id)
            actor.post(CallerLeft(hung_up=True))

    # -- lines

    def tell(self, transfer_id: str, event: Event) -> bool:
        """Something has happened to a hand-over; False for one that is not known."""
        actor = self._actors.get(transfer_id)
        if actor is not None:
            actor.post(event)
        return actor is not None

    async def line_event(self, transfer_id: str, event: LineEvent) -> None:
        """News of a call. One that belongs to no hand-over is ended."""
        known = self.tell(transfer_id, event)
        if not known:
            await self._require_open()
            known = self.tell(transfer_id, event) or transfer_id in self._elsewhere
        if not known and isinstance(event, Progress) and event.status not in FINAL:
            log.warning("stray_call", transfer_id=transfer_id, call_sid=event.call_sid)
            with contextlib.suppress(BridgeError):
                await self._bridge.end(event.call_sid)

    async def said(self, transfer_id: str, spoken: Spoken) -> None:
        """A sentence of a talk."""
        actor = self._actors.get(transfer_id)
        if actor is not None:
            await actor.note(spoken)
            actor.view.publish(self.view(actor.body))
            self._desks_changed()

    async def new_key(self, transfer_id: str, attempt: int, after: str) -> str | None:
        """A key for another stream of a call, after this one; None when the call should be hung up."""
        actor = await self._actor_of(transfer_id)
        return await actor.new_key(attempt, after) if actor is not None else None

    async def open_line(self, request: LineRequest) -> AsyncGenerator[LineView, None]:
        """Let the stream of a call in: what it shall do, now and after each change; nothing when it is refused."""
        actor = await self._actor_of(request.transfer_id)
        line = actor.open_line(request) if actor is not None else None
        if actor is None or line is None:
            log.warning("line_refused", transfer_id=request.transfer_id)
            return
        try:
            async with contextlib.aclosing(line.follow()) as views:
                async for view in views:
                    yield view
        finally:
            self._spawn(self._miss_line(actor, request))

    async def _miss_line(self, actor: TransferActor, request: LineRequest) -> None:
        await asyncio.sleep(LINE_GRACE_S)
        if actor.lacks_line(request):
            actor.post(StreamStopped(attempt=request.attempt))

    # -- desks

    async def desk(self, login: DeskLogin) -> AsyncGenerator[DeskView, None]:
        """The call centre as this desk sees it, for as long as it is there; nothing when it has to go elsewhere."""
        await self._cluster.register_client()
        try:
            await self._require_open()
        except HostAway:
            return
        desk = Desk(**dataclasses.asdict(login), since=self._clock())
        self._office.switchboard.log_in(desk)
        published = self._desks.setdefault(login.name, Published(self._desk_view(login.name)))
        self._desks_changed()
        try:
            async with contextlib.aclosing(published.follow()) as views:
                async for view in views:
                    yield view
        finally:
            self._spawn(self._miss_desk(login.name))

    async def desk_does(self, name: str, action: DeskAction, text: str = "") -> bool:
        """What the person at a desk does; False when it is not possible now."""
        switchboard, now = self._office.switchboard, self._clock()
        desk = switchboard.desks.get(name)
        if desk is None:
            return False
        transfer_id, done = desk.transfer_id, True
        match action:
            case DeskAction.READY:
                done = self._found(switchboard.be_ready(name, now)) or desk.state is DeskState.READY
                if desk.state is DeskState.READY:
                    self._cards.pop(name, None)
            case DeskAction.NOT_READY:
                done = switchboard.be_not_ready(name, text[:MOST_REASON], now)
                if done:
                    self._cards.pop(name, None)
                    self._find_again()
            case DeskAction.ACCEPT:
                switchboard.talking(name, now)
                done = self.tell(transfer_id, Accepted(desk=name))
            case DeskAction.DECLINE:
                done = self.tell(transfer_id, Declined(desk=name, reason=text[:MOST_REASON]))
            case DeskAction.HANG_UP | DeskAction.LOST:
                done = self.tell(transfer_id, DeskHungUp(desk=name))
            case DeskAction.BLIND_TRANSFER | DeskAction.ATTENDED_TRANSFER:
                talking = action is DeskAction.ATTENDED_TRANSFER
                done = self._pass_on(transfer_id, name, text, talking=talking)
        self._desks_changed()
        return done

    def _find_again(self) -> None:
        """Who waits must know when nobody is at work any more."""
        for waiting in tuple(self._office.switchboard.queue):
            if (actor := self._actors.get(waiting.transfer_id)) is not None:
                actor.post(self.find(actor.body, waiting.without))

    def _pass_on(self, transfer_id: str, name: str, extension: str, *, talking: bool) -> bool:
        if EXTENSION.fullmatch(extension) is None:
            return False
        to = self._office.switchboard.free_at(extension)
        return self.tell(transfer_id, PassedOn(desk=name, to=to, extension=extension, talking=talking))

    async def _miss_desk(self, name: str) -> None:
        await asyncio.sleep(DESK_GRACE_S)
        published = self._desks.get(name)
        if published is None or published.followers or name not in self._office.switchboard.desks:
            return
        del self._desks[name]
        transfer_id = self._office.switchboard.log_out(name)
        self._cards.pop(name, None)
        # before the call it declines, during the call it hangs up
        self.tell(transfer_id, DeskHungUp(desk=name))
        self._desks_changed()

    def _desk_view(self, name: str) -> DeskView:
        switchboard = self._office.switchboard
        desk = switchboard.desks[name]
        actor = self._actors.get(desk.transfer_id)
        return DeskView(
            state=desk.state,
            reason=desk.reason,
            since=desk.since,
            extension=desk.extension,
            card=self._cards.get(name),
            call_state=actor.transfer.state if actor is not None else None,
            said=actor.body.said if actor is not None else self._talk_of(name),
            call_backs=self._call_backs,
            queue={department: switchboard.waiting_in(department) for department in desk.departments},
        )

    def _talk_of(self, name: str) -> list[Spoken]:
        card = self._cards.get(name)
        return card.talk if card is not None else []

    def _desks_changed(self) -> None:
        for name, published in self._desks.items():
            if name in self._office.switchboard.desks:
                published.publish(self._desk_view(name))
        self._office_changed.set()

    def callers_waiting(self) -> dict[str, int]:
        """How many wait, by department."""
        return {name: self._office.switchboard.waiting_in(name) for name in self._settings.department_names}

    def desks_by_state(self) -> dict[str, int]:
        """How many people are at their desks, by what they do."""
        states = Counter(desk.state for desk in self._office.switchboard.desks.values())
        return {state: states[state] for state in DeskState}

    # -- what an actor needs (`Office`)

    def find(self, body: TransferBody, without: tuple[str, ...]) -> Assigned | Unassigned:
        """A desk for this caller; without a telephone there is none."""
        transfer_id, department = body.transfer.transfer_id, body.order.department
        if self._phase is Phase.GIVEN_UP:
            # the desk did not keep it: whoever has the desks now goes on with it
            self._lives[transfer_id].cancel()
            return Unassigned(position=0)
        found = self._office.switchboard.find(transfer_id, department, without, self._clock())
        self._queue_changed()
        return found

    def show_card(self, body: TransferBody, desk: str) -> None:
        """Tell a desk who is about to ring."""
        self._cards[desk] = card_of(body.order)
        self._desks_changed()
        self._spawn(self._add_facts(body.order, desk))

    async def _add_facts(self, order: TransferOrder, desk: str) -> None:
        facts = await self._facts.of(order.context.user_id)
        card = self._cards.get(desk)
        if card is not None and card.transfer_id == order.transfer_id:
            self._cards[desk] = card.model_copy(update={"facts": facts})
            self._desks_changed()

    def release(self, body: TransferBody, deed: Release) -> None:
        """A desk is done with a caller."""
        switchboard = self._office.switchboard
        card = self._cards.pop(deed.desk, None)
        desk = switchboard.desks.get(deed.desk)
        if card is not None and desk is not None and desk.state is DeskState.ON_CALL:
            # it stays until the person is ready again, with what was said
            part = part_of(body) if deed.why is EndReason.PASSED_ON else card.transfer_id
            self._cards[deed.desk] = card.model_copy(update={"transfer_id": part, "talk": body.said})
        if deed.why is EndReason.PASSED_ON:
            summary = self._summary(body, desk=deed.desk)
            self._spawn(self._write_down(row_of_part(body, deed.desk, summary, self._clock())))
        self._found(switchboard.release(deed.desk, body.transfer.transfer_id, deed.why, self._clock()))
        self._desks_changed()

    def take_over(self, body: TransferBody, deed: TakeOver) -> None:
        """A desk has a caller whom another one has passed on."""
        switchboard = self._office.switchboard
        switchboard.take_back(deed.desk, body.transfer.transfer_id, self._clock(), talking=deed.talking)
        self.show_card(body, deed.desk)

    def changed(self, body: TransferBody) -> None:
        """A hand-over is in another state."""
        if body.transfer.is_over:
            self._office.switchboard.forget(body.transfer.transfer_id)
            self._spawn(self._write_down(row_of(body, self._summary(body))))
            self._queue_changed()
            if self._phase is Phase.GIVEN_UP:
                self._send_desks_away()
        self._desks_changed()

    def _summary(self, body: TransferBody, desk: str = "") -> str:
        """The talk in a few words, of the last desk or of this one; empty when there was none."""
        transfer, order = body.transfer, body.order
        if transfer.connected_at is None:
            return ""
        known = self._office.switchboard.desks.get(desk or transfer.attempts[-1].desk)
        talked_s = (transfer.ended_at or self._clock()) - transfer.connected_at
        name = known.display_name if known is not None else ""
        return summary_of(order, agent_name=name, talked_s=talked_s, said=body.said)

    async def _write_down(self, row: HandOverRow) -> None:
        try:
            await self._ledger.keep(row)
        except StorageError as error:
            log.error("hand_over_not_kept", transfer_id=row.id, error=str(error))

    def view(self, body: TransferBody) -> TransferView:
        """A hand-over as its caller sees it."""
        transfer, order = body.transfer, body.order
        attempt = transfer.attempts[-1] if transfer.attempts else None
        switchboard = self._office.switchboard
        desk = switchboard.desks.get(attempt.desk) if attempt and transfer.state not in LOOKING else None
        connected = transfer.state is HandOverState.CONNECTED
        return TransferView(
            transfer_id=transfer.transfer_id,
            state=transfer.state,
            department=order.department,
            extension=attempt.extension if attempt else "",
            agent_name=desk.display_name if desk is not None else "",
            position=switchboard.position(transfer.transfer_id),
            wait_s=switchboard.expected_wait_s(transfer.transfer_id),
            absent=transfer.absent_since is not None,
            why=transfer.why,
            declined=self._declined(transfer),
            line=body.lines.get(len(transfer.attempts) - 1) if connected else None,
            said=body.said,
            summary=self._summary(body) if transfer.state is HandOverState.ENDED else "",
            asked_at=transfer.asked_at,
            connected_at=transfer.connected_at,
            ended_at=transfer.ended_at,
        )

    def _declined(self, transfer: Transfer) -> list[str]:
        desks = self._office.switchboard.desks
        who = [(attempt.desk, attempt.reason) for attempt in transfer.attempts if attempt.over is EndReason.DECLINED]
        names = [(desks[name].display_name if name in desks else name, reason) for name, reason in who]
        return [f"{name}: {reason}" if reason else name for name, reason in names]

    def _found(self, found: Found | None) -> bool:
        if found is None:
            return False
        self._queue_changed()
        if not self.tell(found.transfer_id, found.event):
            # it waited for nothing: the desk is for the next one
            self._found(
                self._office.switchboard.release(
                    found.event.desk, found.transfer_id, EndReason.CALLER_HUNG_UP, self._clock()
                )
            )
        return True

    def _queue_changed(self) -> None:
        for waiting in self._office.switchboard.queue:
            if (actor := self._actors.get(waiting.transfer_id)) is not None:
                actor.refresh()
        self._desks_changed()

    # -- lives and storage

    def _start(self, body: TransferBody, *, restored: bool) -> None:
        transfer_id = body.transfer.transfer_id

        async def save(body: TransferBody) -> None:
            await self._store.save_transfer(transfer_id, body)

        actor = TransferActor(
            body,
            office=self,
            bridge=self._bridge,
            save=save,
            clock=self._clock,
            ring_s=self._settings.ring_timeout_s,
        )
        self._actors[transfer_id] = actor
        # asked for now: if this fails, the caller must hear of it at once
        self._phones[transfer_id] = self._spawn(self._facts.phone_of(body.order.context.user_id))
        self._lives[transfer_id] = self._spawn(self._live(actor, restored=restored))
        self._spawn(self._miss_caller(actor))

    async def _live(self, actor: TransferActor, *, restored: bool) -> None:
        """Until it is over. One that another host goes on with leaves its checkpoint."""
        transfer_id = actor.transfer.transfer_id
        try:
            await actor.run(restored=restored)
        except Fenced:
            log.warning("transfer_fenced", transfer_id=transfer_id)
            await self._lose_office()
            return
        finally:
            self._actors.pop(transfer_id, None)
            self._phones.pop(transfer_id, None)
            self._lives.pop(transfer_id, None)
            if self._phase is Phase.GIVEN_UP:
                self._send_desks_away()
        self._office.open.remove(transfer_id)
        self._office_changed.set()
        with contextlib.suppress(StorageError):
            await self._store.delete_transfer(transfer_id)

    async def _take_up(self, transfer_id: str) -> None:
        body = await self._store.claim_transfer(transfer_id)
        if body is None:
            self._office.open.remove(transfer_id)
            return
        self._start(body, restored=True)
        log.info("transfer_restored", transfer_id=transfer_id, state=body.transfer.state)

    def _reconcile(self) -> None:
        """The desks as the hand-overs have them: either may have been saved a moment before the other."""
        switchboard, now = self._office.switchboard, self._clock()
        at_work = {name: actor for actor in self._actors.values() if (name := actor.transfer.desk_at_work)}
        for name, desk in switchboard.desks.items():
            actor = at_work.get(name)
            if actor is not None:
                switchboard.take_back(name, actor.transfer.transfer_id, now, talking=actor.transfer.is_accepted)
                self.show_card(actor.body, name)
            elif desk.transfer_id and desk.transfer_id not in self._elsewhere:
                switchboard.release(name, desk.transfer_id, EndReason.CALLER_HUNG_UP, now)
            self._desks.setdefault(name, Published(self._desk_view(name)))
            self._spawn(self._miss_desk(name))

    async def _keep_office(self) -> None:
        while self._phase is Phase.OPEN:
            await self._office_changed.wait()
            self._office_changed.clear()
            with contextlib.suppress(Fenced):
                await self._save_office()

    async def _save_office(self) -> None:
        """Raises `Fenced` when another host has taken over."""
        if self._phase is not Phase.OPEN:
            return
        talks = [id_ for id_, actor in self._actors.items() if actor.transfer.state in TALKING]
        self._office.talking = [*talks, *self._elsewhere]
        try:
            await self._store.save_office(self._office)
        except Fenced:
            await self._lose_office()
            raise

    def _spawn(self, work: Coroutine[None, None, Any]) -> asyncio.Task[Any]:
        # not in the context of the call that asked for it: Serve cancels what a cancelled call has started
        task = asyncio.create_task(work, context=contextvars.Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def _with_phone(view: TransferView, phone: asyncio.Task[str]) -> TransferView:
    """The view with what the caller must know before they are offered a call back."""
    await asyncio.wait((phone,), timeout=KNOWN_PHONE_S)
    digits = re.sub(r"\D", "", phone.result()) if phone.done() else ""
    return view.model_copy(update={"known_phone": digits[-4:]}) if len(digits) >= SHORTEST_PHONE else view
