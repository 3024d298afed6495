"""The open hand-overs of a host: starts their actors and links them with the desks, the call log and the snapshots."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import structlog

from actors.cluster import Cluster
from actors.hand_overs.actor import LINGER_S, HandOverActor
from actors.hand_overs.desks import Desks, Facts
from actors.hand_overs.ownership import Ownership
from actors.hand_overs.snapshot import HandOverSnapshot, SnapshotRepository
from actors.hand_overs.views import hand_over_view, row_of, row_of_part, talk_summary
from convonet.core.background import BackgroundTasks
from convonet.core.errors import Fenced, StorageError
from convonet.core.hand_over import EndReason, HandOverState
from convonet.storage.checkpoints import CheckpointStore
from convonet.telephony.call_log import CallLog, HandOverRow
from convonet.telephony.carrier import Carriers
from convonet.telephony.effects import (
    Effect,
    FindDesk,
    OccupyDesk,
    PlaceCall,
    ReleaseColleague,
    ReleaseDesk,
    StateChanged,
)
from convonet.telephony.events import AddressedEvent, CallerLeft, Event, StreamStopped
from convonet.telephony.messages import HandOverView, MediaLegRequest
from convonet.telephony.switchboard import Switchboard

log = structlog.get_logger(__name__)

WITH_MEDIA_LEG = frozenset({HandOverState.WHISPER, HandOverState.CONNECTED})
"""States in which a media leg ends at a process of this host's cluster."""


@dataclass(frozen=True, slots=True)
class GracePeriods:
    """Seconds that a hand-over goes on without one of its sides. For the stream of a call its carrier says it."""

    desk: float = 15.0
    """For the page of a desk, which is reloaded or whose replica was lost."""
    caller: float = 15.0
    """For a session that follows the hand-over."""
    linger: float = LINGER_S
    """For events of calls, after the end."""


@dataclass(frozen=True, slots=True)
class HostServices:
    """The services that a host uses."""

    carriers: Carriers
    checkpoints: CheckpointStore
    call_log: CallLog
    facts: Facts
    cluster: Cluster
    clock: Callable[[], float] = time.time
    grace: GracePeriods = field(default_factory=GracePeriods)


class HandOverRegistry:
    """The actors of one host. It serves them (`Host`), the desks (`HandOverDirectory`) and the ownership (`Owner`)."""

    def __init__(self, services: HostServices, ring_s: float) -> None:
        self._services = services
        self._ring_s = ring_s
        self.tasks = BackgroundTasks()
        self.actors: dict[str, HandOverActor] = {}
        self._actor_tasks: dict[str, asyncio.Task[None]] = {}
        self.phones: dict[str, asyncio.Task[str]] = {}
        """Lookups of the callers' numbers in the CRM, by hand-over."""
        self.desks = Desks(self, services.carriers, services.facts, services.clock, self.tasks)
        self._repository = SnapshotRepository(services.checkpoints)
        self.ownership = Ownership(self, self._repository, services.cluster, self.tasks)

    # -- the actors

    async def begin_hand_over(self, snapshot: HandOverSnapshot) -> None:
        """Start a new hand-over. Raises `HandOversUnavailable` or `Fenced` when another host has taken over."""
        transfer_id = snapshot.transfer.transfer_id
        self.ownership.open.append(transfer_id)
        try:
            # saved before the list, so that the next host finds all that is in the list
            await self._repository.save_hand_over(snapshot)
            await self.ownership.save()
        except Fenced:
            self.ownership.open.remove(transfer_id)
            await self.ownership.lose()
            raise self.ownership.refusal() from None
        self._start_actor(snapshot, restored=False)

    def post_event(self, transfer_id: str, event: Event) -> bool:
        """Post an event to a hand-over. Returns False for an unknown one."""
        if (actor := self.actors.get(transfer_id)) is None:
            return False
        actor.post_event(event)
        return True

    def deliver_events(self, events: Iterable[AddressedEvent]) -> None:
        for transfer_id, event in events:
            self.post_event(transfer_id, event)

    async def find_actor(self, transfer_id: str) -> HandOverActor | None:
        """Return the actor of a hand-over, after taking it over from another cluster's host if it was left there.

        Raises `HandOversUnavailable` or `Fenced` when another host may know it.
        """
        if transfer_id not in self.actors:
            await self.ownership.require_open()
            if transfer_id in self.ownership.elsewhere:
                self.ownership.elsewhere.discard(transfer_id)
                if not await self.restore_hand_over(transfer_id):
                    self.ownership.open.remove(transfer_id)
        return self.actors.get(transfer_id)

    def _start_actor(self, snapshot: HandOverSnapshot, *, restored: bool) -> None:
        transfer_id = snapshot.transfer.transfer_id
        actor = HandOverActor(
            snapshot,
            host=self,
            carriers=self._services.carriers,
            clock=self._services.clock,
            ring_s=self._ring_s,
            linger_s=self._services.grace.linger,
        )
        self.actors[transfer_id] = actor
        # looked up now, so that a failed hand-over need not wait for it
        phone = self._services.facts.phone_of(snapshot.order.context.user_id)
        self.phones[transfer_id] = self.tasks.spawn(phone, own_context=True)
        self._actor_tasks[transfer_id] = self.tasks.spawn(self._run_actor(actor, restored=restored), own_context=True)
        self.watch_caller(actor)
        # nobody else reports a page's stream that ended together with the host
        for request in actor.media_legs.page_streams():
            self.watch_media_leg(actor, request)

    async def _run_actor(self, actor: HandOverActor, *, restored: bool) -> None:
        """Run an actor to its end. Its snapshot stays when another host goes on with it."""
        transfer_id = actor.machine.transfer_id
        try:
            await actor.run(restored=restored)
        except Fenced:
            log.warning("transfer_fenced", transfer_id=transfer_id)
            await self.ownership.lose()
            return
        finally:
            for by_id in (self.actors, self.phones, self._actor_tasks):
                by_id.pop(transfer_id, None)
            self._send_desks_away_if_given_up()
        self.ownership.open.remove(transfer_id)
        self.ownership.mark_changed()
        with contextlib.suppress(StorageError):
            await self._repository.delete_hand_over(transfer_id)

    # -- grace periods

    def watch_caller(self, actor: HandOverActor) -> None:
        """End the hand-over if no session follows it any more."""
        self.tasks.spawn(self._await_caller(actor), own_context=True)

    async def _await_caller(self, actor: HandOverActor) -> None:
        since = actor.view.times_followed
        await asyncio.sleep(self._services.grace.caller)
        is_missed = not actor.view.followers and actor.view.times_followed == since
        if is_missed and not actor.machine.is_over:
            log.warning("caller_missed", transfer_id=actor.machine.transfer_id)
            actor.post_event(CallerLeft(hung_up=True))

    def watch_media_leg(self, actor: HandOverActor, request: MediaLegRequest) -> None:
        """Report the end of a stream that is not replaced."""
        self.tasks.spawn(self._await_media_leg(actor, request), own_context=True)

    async def _await_media_leg(self, actor: HandOverActor, request: MediaLegRequest) -> None:
        leg, attempt = actor.media_legs.find(request), actor.machine.attempts[request.attempt]
        await asyncio.sleep(self._services.carriers.of(attempt.carrier).stream_grace_s)
        if actor.media_legs.has_lost(request, leg):
            log.warning("stream_missed", transfer_id=request.transfer_id, attempt=request.attempt)
            actor.post_event(StreamStopped(attempt=request.attempt, desk=request.desk))

    def watch_desk(self, name: str) -> None:
        """Log a desk out if its page does not come back."""
        self.tasks.spawn(self._await_desk(name), own_context=True)

    async def _await_desk(self, name: str) -> None:
        since = self.desks.times_followed(name)
        await asyncio.sleep(self._services.grace.desk)
        self.deliver_events(self.desks.log_out_if_unfollowed(name, since))

    # -- what the desks need (`HandOverDirectory`)

    def snapshot_of(self, transfer_id: str) -> HandOverSnapshot | None:
        """Return the hand-over, if this host has it."""
        actor = self.actors.get(transfer_id)
        return actor.snapshot if actor is not None else None

    def hand_over_at(self, desk: str) -> HandOverSnapshot | None:
        """Return the hand-over that rings or talks at this desk."""
        snapshots = (actor.snapshot for actor in self.actors.values())
        return next((each for each in snapshots if desk in each.transfer.desks), None)

    def refresh_views(self, transfer_ids: Iterable[str]) -> None:
        """Publish the views of these hand-overs again."""
        for transfer_id in transfer_ids:
            if (actor := self.actors.get(transfer_id)) is not None:
                actor.publish_view()

    def call_center_changed(self) -> None:
        """Have the call center saved soon."""
        self.ownership.mark_changed()

    # -- what the actors need (`actor.Host`)

    def apply_effect(self, snapshot: HandOverSnapshot, effect: Effect) -> None:
        """Carry out the part of an effect that concerns desks and the call log."""
        transfer_id = snapshot.transfer.transfer_id
        match effect:
            case FindDesk(without=without) if self.ownership.is_given_up:
                # the desk did not take the call, so the host that owns the desks now goes on with the hand-over
                self._actor_tasks[transfer_id].cancel()
            case FindDesk(without=without):
                self.post_event(transfer_id, self.desks.find_desk(snapshot, without))
            case PlaceCall(desk=desk):
                # before the telephone rings: the person must know who is calling
                self.desks.show_card(snapshot.order, desk)
            case ReleaseDesk(desk=desk, why=why):
                if why is EndReason.PASSED_ON:
                    summary = self._summary_of(snapshot, desk)
                    self._log_hand_over(row_of_part(snapshot, desk, summary, self._services.clock()))
                self.deliver_events(self.desks.release_desk(snapshot, effect))
            case OccupyDesk():
                self.desks.occupy_desk(snapshot, effect)
            case ReleaseColleague():
                self.deliver_events(self.desks.release_colleague(snapshot, effect))
            case StateChanged():
                log.info("transfer_state", state=effect.state, why=effect.why)
                self._change_state(snapshot)

    def _change_state(self, snapshot: HandOverSnapshot) -> None:
        if snapshot.transfer.is_over:
            self._log_hand_over(row_of(snapshot, self._summary_of(snapshot)))
            self.desks.remove_caller(snapshot.transfer.transfer_id)
            self._send_desks_away_if_given_up()
        self.desks.publish_views()

    def view_of(self, snapshot: HandOverSnapshot) -> HandOverView:
        """Return the hand-over as its caller sees it."""
        return hand_over_view(snapshot, self.desks.switchboard, self._services.clock())

    def publish_desk_views(self, snapshot: HandOverSnapshot) -> None:
        """Publish the views of the desks that ring or talk for this hand-over."""
        self.desks.publish_views_of(snapshot.transfer.transfer_id)

    async def save_hand_over(self, snapshot: HandOverSnapshot) -> None:
        """Save a hand-over, if the store is up. Raises `Fenced`."""
        await self._repository.save_hand_over(snapshot)

    async def confirm_hand_over(self, snapshot: HandOverSnapshot) -> None:
        """Make sure that no other host has it. Raises `Fenced`, and `StorageError` while the store is down."""
        await self.ownership.confirm(snapshot)

    def _summary_of(self, snapshot: HandOverSnapshot, desk: str = "") -> str:
        return talk_summary(snapshot, self.desks.switchboard, self._services.clock(), desk)

    def _log_hand_over(self, row: HandOverRow) -> None:
        self.tasks.spawn(self._write_row(row), own_context=True)

    async def _write_row(self, row: HandOverRow) -> None:
        try:
            await self._services.call_log.add_hand_over(row)
        except StorageError as error:
            log.error("hand_over_not_kept", transfer_id=row.id, error=str(error))

    # -- what the ownership needs (`Owner`)

    @property
    def talking(self) -> list[str]:
        """Ids of the hand-overs that have a media leg at this host's cluster."""
        return [id_ for id_, actor in self.actors.items() if actor.machine.state in WITH_MEDIA_LEG]

    def restore_switchboard(self, switchboard: Switchboard) -> None:
        """Continue with a saved switchboard; restored hand-overs may ask for a desk at once."""
        self.desks.switchboard = switchboard

    async def restore_hand_over(self, transfer_id: str) -> bool:
        """Continue a saved hand-over. Returns False when it can't be restored. Raises `StorageError`."""
        if transfer_id in self.actors:
            return True
        snapshot = await self._repository.claim_hand_over(transfer_id)
        if snapshot is None:
            return False
        self._start_actor(snapshot, restored=True)
        log.info("transfer_restored", transfer_id=transfer_id, state=snapshot.transfer.state)
        return True

    def reconcile_desks(self) -> None:
        """Bring the restored desks in line with the restored hand-overs."""
        snapshots = [actor.snapshot for actor in self.actors.values()]
        self.deliver_events(self.desks.reconcile(snapshots, self.ownership.elsewhere))
        for name in self.desks.switchboard.desks:
            self.watch_desk(name)

    def give_up(self) -> None:
        """Stop owning the call center. A replaced cluster keeps its talks; a replaced host leaves all to the next."""
        stay = self.talking if self._services.cluster.is_replaced else []
        log.info("office_given_up", talks=len(stay))
        for transfer_id in self.actors.keys() - set(stay):
            self._actor_tasks[transfer_id].cancel()
        self.desks.switchboard.queue.clear()
        self.desks.send_away(self.talking)

    def _send_desks_away_if_given_up(self) -> None:
        if self.ownership.is_given_up:
            self.desks.send_away(self.talking)
