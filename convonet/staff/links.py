"""One-time login links, for the first person and for everybody who forgot a password."""

from __future__ import annotations

from urllib.parse import urlencode

from convonet.core.errors import AuthRefused
from convonet.staff.accounts import Role, StaffAccounts
from convonet.staff.tokens import mint_link

FIRST_USERNAME = "owner"
PATH = "/hanok/staff/link"
START_PAGE = "/hanok/admin"


async def one_time_link(accounts: StaffAccounts, username: str, base_url: str, *, secret: bytes) -> str:
    """Make a link that logs `username` in once. Earlier links become void. Raises `AuthRefused`."""
    token = mint_link(*await accounts.next_link(username), secret=secret)
    return f"{base_url.rstrip('/')}{PATH}?{urlencode({'token': token, 'to': START_PAGE})}"


async def first_link(accounts: StaffAccounts, base_url: str, *, secret: bytes) -> str | None:
    """Make a link for the owner of this installation, with an account if nobody has one.

    Returns None when there are accounts but not the owner's; `convonet staff link` makes links for the others.
    """
    if await accounts.is_empty():
        await accounts.add_member(FIRST_USERNAME, "Owner", Role.SUPERVISOR, None)
    try:
        return await one_time_link(accounts, FIRST_USERNAME, base_url, secret=secret)
    except AuthRefused:
        return None
