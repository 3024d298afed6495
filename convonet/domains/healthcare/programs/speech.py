"""The sentence of care programs."""

from __future__ import annotations

from convonet.domains.healthcare.programs.schemas import Program
from convonet.domains.speech import counted
from convonet.language.sentences import enumerated

MAX_SPOKEN = 4
"""Names that a caller can follow in one breath."""


def of_programs(programs: list[Program]) -> str:
    """Name the programs, and those in which the caller is enrolled."""
    if not programs:
        return "There are no care programs at the moment."
    names = [program.name for program in programs[:MAX_SPOKEN]]
    rest = len(programs) - len(names)
    listed = enumerated([*names, f"{rest} more"] if rest else names)
    joined = [program.name for program in programs if program.enrolled_on is not None]
    current = f" You are enrolled in {enumerated(joined)}." if joined else ""
    return f"There are {counted(len(programs), 'care program', 'care programs')}: {listed}.{current}"
