"""The one-time links that the launcher prints, as `preparation` hands them over."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class StaffLinks:
    """Links that log somebody in once."""

    owner: str | None
    """None when there are accounts but not the owner's."""
    demo_desk: str | None
    """None with an operator's database."""

    @classmethod
    def from_json(cls, text: str) -> StaffLinks:
        """Read what `to_json` has written."""
        return cls(**json.loads(text))

    def to_json(self) -> str:
        """Write them as one line."""
        return json.dumps(asdict(self))
