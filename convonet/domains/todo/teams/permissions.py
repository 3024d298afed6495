"""A team member's rights by role: one table, and the questions that services ask of it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Role(StrEnum):
    """A member's role, the highest first."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"
    VIEWER = "viewer"

    @classmethod
    def of(cls, stored: str) -> Role:
        """Read a stored value; an unknown one counts as the role with the fewest rights."""
        return cls(stored) if stored in set(cls) else cls.VIEWER

    def outranks(self, other: Role) -> bool:
        """Return whether this role is above the other."""
        return _RANKS.index(self) < _RANKS.index(other)


_RANKS = tuple(Role)


class Right(StrEnum):
    """A right that some roles lack."""

    SEE = "see the team, its members and its todos"
    ADD_TODOS = "add todos"
    CHANGE_OWN_TODOS = "change and assign todos that they made or were given, delete those they made"
    CHANGE_ALL_TODOS = "change, assign and delete everybody's todos"
    MANAGE_LOWER_ROLES = "add, remove and change members below their own role"
    MANAGE_ALL_ROLES = "add, remove and change everybody"


_VIEWER = frozenset({Right.SEE})
_MEMBER = _VIEWER | {Right.ADD_TODOS, Right.CHANGE_OWN_TODOS}
_ADMIN = _MEMBER | {Right.CHANGE_ALL_TODOS, Right.MANAGE_LOWER_ROLES}
_OWNER = _ADMIN | {Right.MANAGE_ALL_ROLES}

RIGHTS: Mapping[Role, frozenset[Right]] = {
    Role.OWNER: _OWNER,
    Role.ADMIN: _ADMIN,
    Role.MEMBER: _MEMBER,
    Role.VIEWER: _VIEWER,
}
"""The table."""


def may_manage(actor: Role, *roles: Role) -> bool:
    """Return whether `actor` may give or take all these roles."""
    rights = RIGHTS[actor]
    if Right.MANAGE_ALL_ROLES in rights:
        return True
    return Right.MANAGE_LOWER_ROLES in rights and all(actor.outranks(role) for role in roles)


def may_change_todo(role: Role | None, *, created: bool, assigned: bool) -> bool:
    """Return whether a user may change a todo; `role` is the user's in its team, None for a todo without a team."""
    if role is None:
        return created or assigned
    rights = RIGHTS[role]
    return Right.CHANGE_ALL_TODOS in rights or ((created or assigned) and Right.CHANGE_OWN_TODOS in rights)


def may_delete_todo(role: Role | None, *, created: bool) -> bool:
    """Return whether a user may delete a todo; `role` is the user's in its team, None for a todo without a team."""
    return may_change_todo(role, created=created, assigned=False)
