"""The routes of the API for the restaurant's staff: the book of reservations, and every change in it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from convonet.domains.hanok.access import ByStaff
from convonet.domains.hanok.enums import Status
from convonet.domains.hanok.http_guests import CHANGE_RESPONSES, with_change_header
from convonet.domains.hanok.http_schemas import LocalDay, Phone, Priority, ReservationId, StaffDetails, StaffStatus
from convonet.domains.hanok.schemas import Reservation, ReservationPage
from convonet.domains.hanok.service import ReservationService
from convonet.web.refusals import refusal_responses

MAX_PAGE = 10_000
MAX_PAGE_SIZE = 100


class StaffRoutes:
    """Each method is a route."""

    def __init__(self, reservations: ReservationService) -> None:
        self._reservations = reservations

    def add_to(self, router: APIRouter) -> None:
        """Add the routes."""
        known = refusal_responses(404)
        changes = {**refusal_responses(403, 404), **CHANGE_RESPONSES}
        router.add_api_route("", self.search, methods=["GET"])
        router.add_api_route("/lookup", self.lookup, methods=["GET"], responses=known)
        router.add_api_route("/{reservation_id:int}", self.get, methods=["GET"], responses=known)
        router.add_api_route("/{reservation_id:int}", self.amend, methods=["PATCH"], responses=changes)
        router.add_api_route("/{reservation_id:int}/status", self.set_status, methods=["PATCH"], responses=changes)
        router.add_api_route("/{reservation_id:int}/priority", self.set_priority, methods=["PATCH"], responses=changes)

    async def search(
        self,
        status: Status | None = None,
        date: LocalDay | None = None,
        page: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 1,
        page_size: Annotated[int, Query(ge=1, le=MAX_PAGE_SIZE)] = 50,
    ) -> ReservationPage:
        """The book: reservations by time, of one status or one day of the restaurant if named."""
        return await self._reservations.search(status, date, page, page_size)

    async def lookup(
        self, guest_phone: Phone, guest_name: Annotated[str | None, Query(max_length=255)] = None
    ) -> Reservation:
        """The reservation ahead under a phone number; when several fit (409 `several_match`), name the guest too."""
        return await self._reservations.lookup(guest_phone, guest_name)

    async def get(self, reservation_id: ReservationId) -> Reservation:
        """One reservation."""
        return await self._reservations.get(ByStaff(reservation_id))

    async def amend(self, reservation_id: ReservationId, body: StaffDetails, response: Response) -> Reservation:
        """Change details. A party that moves gets new tables, or keeps what it has (409 `no_table`)."""
        changed = await self._reservations.amend(ByStaff(reservation_id), body.amendment(body.guest_phone))
        return with_change_header(response, changed)

    async def set_status(self, reservation_id: ReservationId, body: StaffStatus, response: Response) -> Reservation:
        """Confirm, seat, complete or cancel."""
        changed = await self._reservations.set_status(
            ByStaff(reservation_id),
            body.status,
            retention_offer_acknowledged=body.retention_offer_acknowledged,
        )
        return with_change_header(response, changed)

    async def set_priority(self, reservation_id: ReservationId, body: Priority, response: Response) -> Reservation:
        """Make a guest a VIP, who comes first on the waitlist, or remove that."""
        return with_change_header(
            response, await self._reservations.set_priority(ByStaff(reservation_id), body.guest_priority)
        )
