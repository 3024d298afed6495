"""The summary of a talk for the records and the desk's history, made without a language model."""

from __future__ import annotations

from convonet.telephony.messages import HandOverRequest, Spoken

MAX_ACTIVITIES = 5
MINUTE_S = 60


def summary_of(request: HandOverRequest, *, agent_name: str, talked_s: float, said: list[Spoken]) -> str:
    """Summarize a talk: its people and length, the caller's reason, and what the agent did before."""
    who = request.context.user_name or "The caller"
    parts = [f"{who} talked with {agent_name or request.department} for {_length(talked_s)}."]
    if request.reason:
        parts.append(f"Wanted: {request.reason.rstrip('.')}.")
    if activities := request.context.activities[-MAX_ACTIVITIES:]:
        parts.append(f"Done by the agent before: {'; '.join(activities)}.")
    if said:
        parts.append(f"{len(said)} sentences of the talk were written down.")
    return " ".join(parts)


def _length(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), MINUTE_S)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
