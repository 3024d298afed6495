"""The refusals that several healthcare tools share, with the words that a caller hears."""

from __future__ import annotations

from convonet.core.errors import DomainError


class NotAMember(DomainError):
    """The caller has no membership of a health plan."""

    spoken = "I can't find a health plan membership for you. I can connect you to a person who can look into it."
