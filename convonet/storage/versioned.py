"""The base of checkpoint bodies, which the next release reads too and, after a rollback, the previous one.

A reader ignores unknown fields, and missing fields have defaults, so most changes need nothing else. A change that
older releases would misread raises `VERSION`, and `needs` keeps those releases from reading the body.
"""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import BaseModel, model_validator


class Versioned(BaseModel):
    """State in a checkpoint. A body without a version counts as version 1."""

    VERSION: ClassVar[int] = 2
    """One version for all kinds of bodies, since one release writes them all."""

    version: int = 1
    needs: int = 1
    """Oldest version that can read this body."""

    def to_checkpoint(self) -> bytes:
        """Serialize the state."""
        self.version = self.VERSION
        return self.model_dump_json().encode()

    @classmethod
    def from_checkpoint(cls, body: bytes) -> Self:
        """Restore a state that `to_checkpoint` wrote.

        Raises `ValueError` for a body that is broken or needs a newer release.
        """
        return cls.model_validate_json(body)

    @model_validator(mode="after")
    def _is_readable(self) -> Self:
        if self.needs > self.VERSION:
            raise ValueError(f"version {self.version} can be read from version {self.needs} on; this is {self.VERSION}")
        return self
