"""A talk in a few words, for the records, the desk's history and who reads them later. No model is asked for it."""

from __future__ import annotations

from convonet.telephony.messages import HandOverRequest, Spoken

MAX_ACTIVITIES = 5
MINUTE_S = 60


def summary_of(order: HandOverRequest, *, agent_name: str, talked_s: float, said: list[Spoken]) -> str:
    """Who talked with whom and for how long, what the caller wanted, and what the agent had done before."""
    who = order.context.user_name or "The caller"
    parts = [f"{who} talked with {agent_name or order.department} for {_length(talked_s)}."]
    if order.reason:
        parts.append(f"Wanted: {order.reason.rstrip('.')}.")
    if activities := order.context.activities[-MAX_ACTIVITIES:]:
        parts.append(f"Done by the agent before: {'; '.join(activities)}.")
    if said:
        parts.append(f"{len(said)} sentences of the talk were written down.")
    return " ".join(parts)


def _length(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), MINUTE_S)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
