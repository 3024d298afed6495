"""The HTTP API of the restaurant, below /api/reservations: what everybody may do, and what its staff may.

A code of four letters can be guessed. So the code alone tells the status and the table, nothing about the person; name,
order and every change take the phone number besides, which travels in the body and not in an address that is logged.
A wrong phone number and an unknown code look alike (404), and after ten of them an address has to wait (429).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from fastapi import APIRouter, Depends, Request, Response, Security
from fastapi.routing import APIRoute
from fastapi.security import APIKeyCookie

from convonet.domains.hanok.http_public import PublicRoutes
from convonet.domains.hanok.http_staff import StaffRoutes
from convonet.domains.hanok.refusals import ReservationRefused
from convonet.domains.hanok.service import Reservations
from convonet.domains.hanok.visits import Visits
from convonet.staff.http import COOKIE
from convonet.web.refusals import Refused, refusal_responses

PREFIX = "/api/reservations"

RequireStaff = Callable[[Request], Awaitable[object]]
"""A dependency that lets the staff in and refuses others with 401 or 403."""


class _RefusalsWithReason(APIRoute):
    """A rule's refusal becomes a 409 with the rule's own code."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                return await answer(request)
            except ReservationRefused as refused:
                raise Refused(409, refused.reason, refused.spoken) from refused

        return handler


def router(reservations: Reservations, require_staff: RequireStaff, visits: Visits) -> APIRouter:
    """All routes; the application answers errors in the one shape by `convonet.web.refusals`."""
    public = APIRouter(
        prefix=PREFIX, tags=["guests"], route_class=_RefusalsWithReason, responses=refusal_responses(409, 422, 429, 503)
    )
    PublicRoutes(reservations, visits).add_to(public)
    # it only says in the document how the staff is let in
    cookie = APIKeyCookie(name=COOKIE, auto_error=False, description="What the staff's login sets.")
    staff = APIRouter(
        prefix=PREFIX,
        tags=["staff"],
        route_class=_RefusalsWithReason,
        dependencies=[Security(cookie), Depends(require_staff)],
        responses=refusal_responses(401, 409, 422, 503),
    )
    StaffRoutes(reservations).add_to(staff)
    both = APIRouter()
    both.include_router(public)
    both.include_router(staff)
    return both
