"""The tools of the restaurant, served over MCP.

A caller owns what they book by voice. For another reservation they must give its confirmation code and phone number.
"""

from __future__ import annotations

from typing import Annotated

from mcp_types import CallToolResult
from pydantic import Field

from convonet.core.errors import DomainError, NotFound
from convonet.domains.hanok import speech
from convonet.domains.hanok.access import ByCaller, ByCode, Proof
from convonet.domains.hanok.confirmation_codes import code_of
from convonet.domains.hanok.enums import SourceChannel, Status
from convonet.domains.hanok.errors import no_reservation
from convonet.domains.hanok.house import House
from convonet.domains.hanok.menu import DISCOUNT_PERCENT, MENU
from convonet.domains.hanok.preorders import order_of
from convonet.domains.hanok.schemas import (
    Acknowledged,
    Amendment,
    Booking,
    Call,
    Changed,
    Day,
    Dishes,
    DishesJson,
    Locale,
    Minutes,
    Name,
    NewPhone,
    Party,
    Phone,
    ProofCode,
    ProofPhone,
    Reservation,
    ReservationId,
    SpecialRequests,
    When,
)
from convonet.domains.hanok.service import ReservationService
from convonet.mcp.server import DomainServer, owner_of, tool_result
from convonet.settings import Settings
from convonet.storage.database import Database


def server(database: Database, settings: Settings) -> DomainServer:
    """The MCP server of the restaurant."""
    reservations = ReservationService(database, House.of(settings.hanok))
    mcp = DomainServer("hanok", "Table reservations and pre-orders at the Hanok restaurant.")
    _add_reading(mcp, reservations)
    _add_booking(mcp, reservations)
    _add_ending(mcp, reservations)
    return mcp


def _add_reading(mcp: DomainServer, reservations: ReservationService) -> None:
    @mcp.tool()
    async def list_menu_items(context: Call) -> CallToolResult:
        """The Hanok restaurant's menu with prices. Use it when the caller asks what there is, or orders ahead."""
        owner_of(context)
        data = {
            "items": [item.model_dump(mode="json") for item in MENU],
            "preorder_discount_percent": DISCOUNT_PERCENT,
        }
        return tool_result(speech.menu(), data)

    @mcp.tool()
    async def get_reservation(
        context: Call,
        guest_phone: Annotated[str | None, Field(max_length=40, description="Only those under this number.")] = None,
        guest_name: Annotated[str | None, Field(max_length=255, description="Only those under this name.")] = None,
    ) -> CallToolResult:
        """The caller's own restaurant reservations that are still ahead, and their ids. Use it before a change."""
        found = await reservations.of_caller(owner_of(context).user_id, guest_phone, guest_name)
        if not found:
            raise no_reservation_of_caller()
        return tool_result(speech.list_of(found), {"reservations": [one.model_dump(mode="json") for one in found]})

    @mcp.tool()
    async def get_reservation_by_code(
        context: Call, confirmation_code: Annotated[str, Field(max_length=40)], guest_phone: ProofPhone = None
    ) -> CallToolResult:
        """A restaurant reservation by its confirmation code, such as HNK-7K2M.

        Use it when the caller states a code, or asks about a table that was booked online: then ask for its phone too.
        """
        code = code_of(confirmation_code)
        try:
            if code is None:
                raise no_reservation()
            found = await reservations.get(ByCode(code, guest_phone, owner_of(context).user_id))
        except NotFound as error:
            if guest_phone is None:
                raise NotFound(str(error), spoken="Please tell me the phone number of that reservation too.") from None
            raise
        return _shown(found, speech.about(found))

    @mcp.tool()
    async def search_seating_availability(context: Call, date: Day, party_size: Party = 2) -> CallToolResult:
        """When the Hanok restaurant has a free table on a day. Use it before booking, or when a time was full."""
        owner_of(context)
        day = await reservations.availability(date, party_size)
        return tool_result(speech.availability(day), {"availability": day.model_dump(mode="json")})


def _add_booking(mcp: DomainServer, reservations: ReservationService) -> None:
    @mcp.tool()
    async def create_reservation(
        context: Call,
        guest_name: Name,
        guest_phone: Phone,
        party_size: Party,
        starts_at: When,
        preorder_lines_json: DishesJson = None,
        preorder_items: Dishes = None,
        special_requests: SpecialRequests = None,
        preferred_locale: Locale = None,
        source_channel: SourceChannel = SourceChannel.VOICE,
    ) -> CallToolResult:
        """Book a table at the Hanok restaurant, with dishes ordered ahead if the caller likes (seven percent off).

        A full house means the waitlist; the answer says which it is. Read time and party back before booking.
        """
        owner = owner_of(context)
        booking = Booking(
            guest_name=guest_name,
            guest_phone=guest_phone,
            party_size=party_size,
            starts_at=starts_at,
            special_requests=special_requests,
            preorder=order_of(preorder_items, preorder_lines_json) or (),
            source_channel=source_channel,
            preferred_locale=preferred_locale or "en",
        )
        booked = await reservations.book(booking, owner)
        data = booked.model_dump(mode="json")
        return tool_result(speech.booked(booked), data)

    @mcp.tool()
    async def update_reservation_details(
        context: Call,
        reservation_id: ReservationId,
        guest_name: Name | None = None,
        party_size: Party | None = None,
        starts_at: When | None = None,
        special_requests: SpecialRequests = None,
        preorder_items: Dishes = None,
        preorder_lines_json: DishesJson = None,
        duration_minutes: Minutes = None,
        preferred_locale: Locale = None,
        new_guest_phone: NewPhone = None,
        confirmation_code: ProofCode = None,
        guest_phone: ProofPhone = None,
    ) -> CallToolResult:
        """Change time, party, pre-order or wishes of a restaurant reservation; refused when no table is free then.

        An order that is given replaces the old one. Find the id with get_reservation first.
        """
        owner = owner_of(context)
        amendment = Amendment(
            guest_name=guest_name,
            guest_phone=new_guest_phone,
            party_size=party_size,
            starts_at=starts_at,
            special_requests=special_requests,
            preorder=order_of(preorder_items, preorder_lines_json),
            duration_minutes=duration_minutes,
            preferred_locale=preferred_locale,
        )
        if amendment == Amendment():
            raise DomainError("empty change", spoken="Please tell me what to change.")
        requester = ByCaller(owner.user_id, reservation_id, _proof(confirmation_code, guest_phone))
        changed = await reservations.amend(requester, amendment, owner)
        return _changed(changed, speech.amended(changed))


def _add_ending(mcp: DomainServer, reservations: ReservationService) -> None:
    async def change_status(
        context: Call, reservation_id: int, status: Status, acknowledged: bool, proof: Proof | None
    ) -> Changed:
        owner = owner_of(context)
        return await reservations.set_status(
            ByCaller(owner.user_id, reservation_id, proof),
            status,
            retention_offer_acknowledged=acknowledged,
            owner=owner,
        )

    @mcp.tool()
    async def set_reservation_status(
        context: Call,
        reservation_id: ReservationId,
        status: Status,
        retention_offer_acknowledged: Acknowledged = False,
        confirmation_code: ProofCode = None,
        guest_phone: ProofPhone = None,
    ) -> CallToolResult:
        """Confirm a waiting restaurant reservation if a table is free by now, or cancel one; the rest is for staff."""
        proof = _proof(confirmation_code, guest_phone)
        changed = await change_status(context, reservation_id, status, retention_offer_acknowledged, proof)
        return _changed(changed, speech.stepped(changed))

    @mcp.tool()
    async def cancel_reservation(
        context: Call,
        reservation_id: ReservationId,
        retention_offer_acknowledged: Acknowledged = False,
        confirmation_code: ProofCode = None,
        guest_phone: ProofPhone = None,
    ) -> CallToolResult:
        """Cancel a restaurant reservation. Ask the caller to confirm first.

        With a pre-order of 300 dollars or more the first try answers with an offer; repeat it only after their yes.
        """
        proof = _proof(confirmation_code, guest_phone)
        changed = await change_status(context, reservation_id, Status.CANCELLED, retention_offer_acknowledged, proof)
        return _changed(changed, speech.stepped(changed))


def no_reservation_of_caller() -> DomainError:
    """The refusal for a caller without a matching reservation made by voice."""
    return DomainError(
        "no reservation",
        spoken="I can't find a reservation of yours. If it was booked online, tell me its code and phone number.",
    )


def _proof(confirmation_code: str | None, guest_phone: str | None) -> Proof | None:
    code = code_of(confirmation_code) if confirmation_code else None
    return Proof(code, guest_phone) if code and guest_phone else None


def _shown(reservation: Reservation, sentence: str) -> CallToolResult:
    return tool_result(sentence, {"reservation": reservation.model_dump(mode="json")})


def _changed(changed: Changed, sentence: str) -> CallToolResult:
    return tool_result(sentence, changed.model_dump(mode="json"))
