"""All desks of the call center, with the switchboard, the cards and the views.

The host calls it on behalf of the desks' pages and of the hand-overs' actors. What a change means for hand-overs is
returned as events, which the host delivers to the actors.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from typing import Protocol

from actors.hand_overs.desk_events import requested_event, reserved_colleague
from actors.hand_overs.snapshot import HandOverSnapshot
from actors.hand_overs.views import card_of, desk_call, part_id
from actors.published import Published
from convonet.core.background import BackgroundTasks
from convonet.core.hand_over import DeskState, EndReason
from convonet.telephony.carrier import Carriers
from convonet.telephony.effects import OccupyDesk, ReleaseColleague, ReleaseDesk
from convonet.telephony.events import (
    AddressedEvent,
    DeskAssigned,
    DeskEvent,
    DeskHungUp,
    NoDeskFree,
)
from convonet.telephony.messages import Card, DeskAction, DeskLogin, DeskView, HandOverRequest
from convonet.telephony.switchboard import Assignment, Desk, Switchboard

MAX_REASON_CHARACTERS = 100
"""Of the reason that a person gives for not being ready."""


class Facts(Protocol):
    """Facts about callers, from our own tables and the CRM."""

    async def facts_of(self, user_id: str) -> dict[str, list[str]]: ...

    async def phone_of(self, user_id: str) -> str: ...


class HandOverDirectory(Protocol):
    """The host's hand-overs as the desks see them; `HandOverRegistry` implements it."""

    def snapshot_of(self, transfer_id: str) -> HandOverSnapshot | None: ...

    def hand_over_at(self, desk: str) -> HandOverSnapshot | None: ...

    def refresh_views(self, transfer_ids: Iterable[str]) -> None: ...

    def call_center_changed(self) -> None: ...


class Desks:
    """All desks and the queue of callers who wait for them."""

    def __init__(
        self,
        directory: HandOverDirectory,
        carriers: Carriers,
        facts: Facts,
        clock: Callable[[], float],
        tasks: BackgroundTasks,
    ) -> None:
        self.switchboard = Switchboard()
        self._directory = directory
        self._carriers = carriers
        self._facts = facts
        self._clock = clock
        self._cards: dict[str, Card] = {}
        self._put_aside: dict[str, Card] = {}
        """Cards of earlier talks, at desks that a colleague calls while their person still writes notes."""
        self._published: dict[str, Published[DeskView]] = {}
        self._call_backs = 0
        self._tasks = tasks

    def reconcile(self, hand_overs: Iterable[HandOverSnapshot], elsewhere: Collection[str]) -> list[AddressedEvent]:
        """Bring a restored switchboard in line with the hand-overs: either may have been saved before the other.

        Args:
            hand_overs: All hand-overs that were restored.
            elsewhere: Ids of talks that the host of another cluster continues.
        """
        by_desk = {name: each for each in hand_overs for name in each.transfer.desks}
        events = []
        for name, desk in self.switchboard.desks.items():
            if (snapshot := by_desk.get(name)) is not None:
                self.occupy_desk(snapshot, OccupyDesk(name, talking=snapshot.transfer.desks[name]))
            elif desk.transfer_id and desk.transfer_id not in elsewhere:
                events += self._release(name, desk.transfer_id, EndReason.CALLER_HUNG_UP)
            self._published.setdefault(name, Published(self._view(name)))
        return events

    def log_in(self, login: DeskLogin) -> Published[DeskView]:
        """Add a desk, or find it again. Returns its views."""
        desk = self.switchboard.log_in(Desk(**dataclasses.asdict(login), since=self._clock()))
        snapshot = None if desk.transfer_id else self._directory.hand_over_at(login.name)
        if snapshot is not None:
            # taken over from another cluster's host, where this desk was
            self.occupy_desk(snapshot, OccupyDesk(login.name, talking=snapshot.transfer.desks[login.name]))
        published = self._published.setdefault(login.name, Published(self._view(login.name)))
        self.publish_views()
        return published

    def times_followed(self, name: str) -> int:
        """Return how often a page has followed this desk."""
        published = self._published.get(name)
        return published.times_followed if published is not None else 0

    def log_out_if_unfollowed(self, name: str, since: int) -> list[AddressedEvent]:
        """Remove a desk whose page has not come back since `times_followed` was `since`."""
        published = self._published.get(name)
        if published is None or published.followers or name not in self.switchboard.desks:
            return []
        if published.times_followed != since:
            # it was here meanwhile, and has its own grace period
            return []
        del self._published[name]
        transfer_id = self.switchboard.log_out(name)
        self._cards.pop(name, None)
        self._put_aside.pop(name, None)
        self.publish_views()
        # before the talk this declines the call, during the talk it ends it
        return self._event_for(transfer_id, DeskHungUp(desk=name))

    def send_away(self, talking: Collection[str]) -> None:
        """Remove all desks except those in a talk. Their pages then find the host that owns the call center."""
        for name, desk in list(self.switchboard.desks.items()):
            if desk.transfer_id not in talking:
                self.switchboard.log_out(name)
                if (published := self._published.pop(name, None)) is not None:
                    published.close()

    def perform_action(self, name: str, action: DeskAction, text: str) -> tuple[bool, list[AddressedEvent]]:
        """Carry out an action of the person at a desk. Returns whether it was possible, and the events."""
        switchboard, now = self.switchboard, self._clock()
        desk = switchboard.desks.get(name)
        if desk is None:
            return False, []
        match action:
            case DeskAction.READY:
                events = self._settle_assignment(name, switchboard.set_ready(name, now))
                is_possible = bool(events) or desk.state is DeskState.READY
                if desk.state is DeskState.READY:
                    self._cards.pop(name, None)
            case DeskAction.NOT_READY:
                is_possible = switchboard.set_not_ready(name, text[:MAX_REASON_CHARACTERS], now)
                events = self._search_again() if is_possible else []
                if is_possible:
                    self._cards.pop(name, None)
            case _:
                events = self._ask_hand_over(desk, action, text)
                is_possible = bool(events)
        self.publish_views()
        return is_possible, events

    def _ask_hand_over(self, desk: Desk, action: DeskAction, text: str) -> list[AddressedEvent]:
        """Translate an action into an event of the hand-over at this desk; empty when that is not possible now."""
        snapshot = self._directory.snapshot_of(desk.transfer_id)
        event = requested_event(desk.name, action, text, snapshot.transfer, self.switchboard) if snapshot else None
        if snapshot is None or event is None:
            return []
        if action is DeskAction.ACCEPT:
            self.switchboard.set_talking(desk.name, self._clock())
        if colleague := reserved_colleague(event, snapshot.transfer):
            # at once, so that no other caller gets this desk before the hand-over has handled the event
            self.occupy_desk(snapshot, OccupyDesk(colleague, talking=False))
        return [AddressedEvent(desk.transfer_id, event)]

    def _search_again(self) -> list[AddressedEvent]:
        """Look for a desk again for each waiting caller: maybe nobody is working any more."""
        return [
            AddressedEvent(waiting.transfer_id, self.find_desk(snapshot, waiting.without))
            for waiting in tuple(self.switchboard.queue)
            if (snapshot := self._directory.snapshot_of(waiting.transfer_id)) is not None
        ]

    # -- effects of hand-overs

    def find_desk(self, snapshot: HandOverSnapshot, without: tuple[str, ...]) -> DeskAssigned | NoDeskFree:
        """Reserve a desk for a caller, or put them into the queue."""
        transfer_id, department = snapshot.transfer.transfer_id, snapshot.order.department
        found = self.switchboard.find_desk(transfer_id, department, without, self._clock())
        self._queue_changed()
        return self._with_carrier(found, department) if isinstance(found, DeskAssigned) else found

    def _with_carrier(self, assigned: DeskAssigned, department: str) -> DeskAssigned:
        """Choose the carrier of a call to this desk."""
        desk = self.switchboard.desks[assigned.desk]
        carrier = self._carriers.choose(department, has_telephone=desk.has_telephone)
        return assigned.model_copy(update={"carrier": carrier.kind, "margin_s": carrier.answer_margin_s})

    def show_card(self, request: HandOverRequest, desk: str) -> None:
        """Show a desk who is calling."""
        self._cards[desk] = card_of(request)
        self.publish_views()
        self._tasks.spawn(self._add_facts(request, desk), own_context=True)

    async def _add_facts(self, request: HandOverRequest, desk: str) -> None:
        facts = await self._facts.facts_of(request.context.user_id)
        card = self._cards.get(desk)
        if card is not None and card.transfer_id == request.transfer_id:
            self._cards[desk] = card.model_copy(update={"facts": facts})
            self.publish_views()

    def release_desk(self, snapshot: HandOverSnapshot, effect: ReleaseDesk) -> list[AddressedEvent]:
        """Free a desk from a hand-over."""
        card, aside = self._cards.pop(effect.desk, None), self._put_aside.pop(effect.desk, None)
        desk = self.switchboard.desks.get(effect.desk)
        if card is not None and desk is not None and desk.state is DeskState.ON_CALL:
            # the card stays until the person is ready again, with the transcript
            id_ = part_id(snapshot) if effect.why is EndReason.PASSED_ON else card.transfer_id
            self._cards[effect.desk] = card.model_copy(update={"transfer_id": id_, "talk": snapshot.said})
        elif aside is not None and desk is not None:
            self._cards[effect.desk] = aside
        events = self._release(effect.desk, snapshot.transfer.transfer_id, effect.why)
        self.publish_views()
        return events

    def occupy_desk(self, snapshot: HandOverSnapshot, effect: OccupyDesk) -> None:
        """Mark a desk as ringing or talking for a caller whose call already exists."""
        transfer_id = snapshot.transfer.transfer_id
        card = self._cards.get(effect.desk)
        if card is not None and card.transfer_id != transfer_id:
            self._put_aside[effect.desk] = card
        self.switchboard.occupy(effect.desk, transfer_id, self._clock(), talking=effect.talking)
        if card is None or card.transfer_id != transfer_id:
            self.show_card(snapshot.order, effect.desk)
        self.publish_views()

    def release_colleague(self, snapshot: HandOverSnapshot, effect: ReleaseColleague) -> list[AddressedEvent]:
        """Free the desk of a colleague who did not get the caller."""
        name, transfer_id = effect.desk, snapshot.transfer.transfer_id
        desk = self.switchboard.desks.get(name)
        if desk is None or desk.transfer_id != transfer_id:
            return []
        self._cards.pop(name, None)
        if (card := self._put_aside.pop(name, None)) is not None:
            self._cards[name] = card
        found = self.switchboard.release_colleague(name, transfer_id, self._clock(), answered=effect.answered)
        events = self._settle_assignment(name, found)
        self.publish_views()
        return events

    def remove_caller(self, transfer_id: str) -> None:
        """Take a caller out of the queue."""
        self.switchboard.remove_caller(transfer_id)
        self._queue_changed()

    def _release(self, desk: str, transfer_id: str, why: EndReason) -> list[AddressedEvent]:
        return self._settle_assignment(desk, self.switchboard.release_desk(desk, transfer_id, why, self._clock()))

    def _settle_assignment(self, desk: str, found: Assignment | None) -> list[AddressedEvent]:
        """Return the assignment of a desk, or that of the next caller if the first hand-over no longer exists."""
        if found is None:
            return []
        self._queue_changed()
        snapshot = self._directory.snapshot_of(found.transfer_id)
        if snapshot is None:
            return self._release(desk, found.transfer_id, EndReason.CALLER_HUNG_UP)
        assigned = self._with_carrier(found.event, snapshot.order.department)
        return [AddressedEvent(found.transfer_id, assigned)]

    def _event_for(self, transfer_id: str, event: DeskEvent) -> list[AddressedEvent]:
        is_known = self._directory.snapshot_of(transfer_id) is not None
        return [AddressedEvent(transfer_id, event)] if is_known else []

    # -- views

    def call_backs_changed(self) -> None:
        """Make the desks read the list of callbacks again."""
        self._call_backs += 1
        self.publish_views()

    def publish_views_of(self, transfer_id: str) -> None:
        """Publish the views of the desks of one hand-over."""
        for name, published in self._published.items():
            desk = self.switchboard.desks.get(name)
            if desk is not None and desk.transfer_id == transfer_id:
                published.publish(self._view(name))

    def publish_views(self) -> None:
        """Publish the views of all desks, and have the call center saved."""
        for name, published in self._published.items():
            if name in self.switchboard.desks:
                published.publish(self._view(name))
        self._directory.call_center_changed()

    def _queue_changed(self) -> None:
        self._directory.refresh_views(waiting.transfer_id for waiting in self.switchboard.queue)
        self.publish_views()

    def _view(self, name: str) -> DeskView:
        desk, card = self.switchboard.desks[name], self._cards.get(name)
        snapshot = self._directory.snapshot_of(desk.transfer_id)
        talk = card.talk if card is not None else []
        return DeskView(
            state=desk.state,
            reason=desk.reason,
            since=desk.since,
            extension=desk.extension,
            card=card,
            call_state=snapshot.transfer.state if snapshot is not None else None,
            call=desk_call(snapshot, name, self.switchboard),
            said=snapshot.said if snapshot is not None else talk,
            call_backs=self._call_backs,
            queue={department: self.switchboard.waiting_in(department) for department in desk.departments},
        )

    def desks_by_state(self) -> dict[str, int]:
        """Return the number of desks in each state."""
        states = Counter(desk.state for desk in self.switchboard.desks.values())
        return {state: states[state] for state in DeskState}
