"""The routes for everybody: the menu, free tables, and one's own reservation."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from convonet.domains.hanok.enums import Status
from convonet.domains.hanok.http_schemas import (
    Code,
    CreateReservation,
    GuestDetails,
    GuestStatus,
    LocalDay,
    Menu,
    WithPhone,
)
from convonet.domains.hanok.menu import DISCOUNT_PERCENT, MENU
from convonet.domains.hanok.rate_limits import AddressLimits
from convonet.domains.hanok.schemas import Availability, Changed, Reservation, ReservationStatus
from convonet.domains.hanok.seating.tables import MAX_PARTY
from convonet.domains.hanok.service import ReservationService
from convonet.web.refusals import refusal_responses

DEDUPLICATED = "X-Hanok-Deduplicated"
CHANGED = "X-Hanok-Reservation-Changed"


def flag_header(name: str, meaning: str) -> dict[str, Any]:
    """Describe a header in OpenAPI that is 0 or 1."""
    return {"headers": {name: {"description": meaning, "schema": {"type": "string", "enum": ["0", "1"]}}}}


CHANGE_RESPONSES: dict[int | str, dict[str, Any]] = {200: flag_header(CHANGED, "1 when anything is different now.")}


def with_change_header(response: Response, changed: Changed) -> Reservation:
    """The reservation; the header says whether it is different now."""
    response.headers[CHANGED] = str(int(changed.changed))
    return changed.reservation


class GuestRoutes:
    """Each method is a route."""

    def __init__(self, reservations: ReservationService, limits: AddressLimits) -> None:
        self._reservations = reservations
        self._limits = limits

    def add_to(self, router: APIRouter) -> None:
        """Add the routes."""
        limited = [Depends(self._limits.admit)]
        router.add_api_route("/menu/items", self.menu, methods=["GET"], dependencies=limited)
        router.add_api_route("/seating/availability", self.availability, methods=["GET"], dependencies=limited)
        router.add_api_route(
            "",
            self.create,
            methods=["POST"],
            status_code=201,
            dependencies=[Depends(self._limits.admit_booking)],
            responses={
                200: {"model": Reservation, "description": "The same voice order, made a moment ago."}
                | flag_header(DEDUPLICATED, "Always 1."),
                201: flag_header(DEDUPLICATED, "Always 0."),
            },
        )
        known, changes = refusal_responses(404), {**refusal_responses(404), **CHANGE_RESPONSES}
        router.add_api_route("/by-code/{code}", self.status, methods=["GET"], dependencies=limited, responses=known)
        router.add_api_route(
            "/by-code/{code}/details",
            self.details,
            methods=["POST"],
            dependencies=limited,
            responses=refusal_responses(404),
        )
        router.add_api_route("/by-code/{code}", self.amend, methods=["PATCH"], dependencies=limited, responses=changes)
        router.add_api_route(
            "/by-code/{code}/status", self.set_status, methods=["PATCH"], dependencies=limited, responses=changes
        )

    async def menu(self) -> Menu:
        """The menu; prices in cents."""
        return Menu(items=list(MENU), preorder_discount_percent=DISCOUNT_PERCENT)

    async def availability(
        self, date: LocalDay, party_size: Annotated[int, Query(ge=1, le=MAX_PARTY)] = 2
    ) -> Availability:
        """The half hours of a day that are still ahead, and whether a party gets a table for two hours."""
        return await self._reservations.availability(date, party_size)

    async def create(self, body: CreateReservation, response: Response) -> Reservation:
        """Make a reservation. When the house is full it goes on the waitlist, unless it must not wait."""
        booked = await self._reservations.book(body.booking())
        response.headers[DEDUPLICATED] = str(int(booked.deduplicated))
        if booked.deduplicated:
            response.status_code = 200
        return booked.reservation

    async def status(self, code: Code, request: Request) -> ReservationStatus:
        """Status, time and table, or the place on the waitlist: all that the code alone shows."""
        with self._limits.guess(request):
            return await self._reservations.status_of(code)

    async def details(self, code: Code, body: WithPhone, request: Request) -> Reservation:
        """The whole reservation, with the code and its phone number."""
        with self._limits.guess(request):
            return await self._reservations.get(body.requester(code))

    async def amend(self, code: Code, body: GuestDetails, request: Request, response: Response) -> Reservation:
        """Change details. A party that moves gets new tables, or keeps what it has (409 `no_table`)."""
        with self._limits.guess(request):
            return with_change_header(response, await self._reservations.amend(body.requester(code), body.amendment()))

    async def set_status(self, code: Code, body: GuestStatus, request: Request, response: Response) -> Reservation:
        """Confirm or cancel. A large pre-order takes a second step (409 `premium_cancel_requires_retention_step`)."""
        with self._limits.guess(request):
            changed = await self._reservations.set_status(
                body.requester(code),
                Status(body.status),
                retention_offer_acknowledged=body.retention_offer_acknowledged,
            )
        return with_change_header(response, changed)
