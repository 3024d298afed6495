"""One-time login links, for the first person, the demo desk and everybody who forgot a password."""

from __future__ import annotations

from enum import StrEnum
from urllib.parse import urlencode

from convonet.core.errors import AuthRefused
from convonet.staff.accounts import Role, StaffAccounts, StaffMember
from convonet.staff.tokens import mint_link

FIRST_USERNAME = "owner"


class StartPage(StrEnum):
    """Pages on which a link lands. The application of the page logs the person in."""

    BOOK = "/hanok/admin"
    DESK = "/call-center"


def start_page_of(member: StaffMember) -> StartPage:
    """Return the page on which a person begins to work."""
    return StartPage.DESK if member.role is Role.AGENT and member.telephone is not None else StartPage.BOOK


async def one_time_link(
    accounts: StaffAccounts, username: str, target: StartPage, base_url: str, *, secret: bytes
) -> str:
    """Make a link that logs `username` in once. Earlier links become void. Raises `AuthRefused`."""
    token = mint_link(*await accounts.next_link(username), secret=secret)
    application = target.split("/")[1]
    return f"{base_url.rstrip('/')}/{application}/staff/link?{urlencode({'token': token, 'to': target})}"


async def first_link(accounts: StaffAccounts, base_url: str, *, secret: bytes) -> str | None:
    """Make a link for the owner of this installation, with an account if nobody has one.

    Returns None when there are accounts but not the owner's; `convonet staff link` makes links for the others.
    """
    if await accounts.is_empty():
        await accounts.add_member(FIRST_USERNAME, "Owner", Role.SUPERVISOR, None)
    try:
        return await one_time_link(accounts, FIRST_USERNAME, StartPage.BOOK, base_url, secret=secret)
    except AuthRefused:
        return None
