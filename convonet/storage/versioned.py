"""Bodies of checkpoints that another release may read: the one after this, and in a rollback the one before.

A reader ignores fields that it does not know, and a field that it lacks has a default. So most changes need nothing
else; one that an older release would get wrong raises `VERSION`, and `needs` keeps those releases from reading it.
"""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import BaseModel, model_validator


class Versioned(BaseModel):
    """What a checkpoint holds. Bodies from before there were versions have none, which counts as 1."""

    VERSION: ClassVar[int] = 2
    """Of all bodies together: they are written by one release."""

    version: int = 1
    needs: int = 1
    """The oldest version that can read this body."""

    def to_checkpoint(self) -> bytes:
        """The state as bytes."""
        self.version = self.VERSION
        return self.model_dump_json().encode()

    @classmethod
    def from_checkpoint(cls, body: bytes) -> Self:
        """The state that `to_checkpoint` wrote.

        Raises `ValueError` for a body that this release can't read: it is broken, or of a newer one that says so.
        """
        return cls.model_validate_json(body)

    @model_validator(mode="after")
    def _is_readable(self) -> Self:
        if self.needs > self.VERSION:
            raise ValueError(f"version {self.version} can be read from version {self.needs} on; this is {self.VERSION}")
        return self
