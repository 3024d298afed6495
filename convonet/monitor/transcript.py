"""The newest entries of one live call's transcript, as many as a screen holds; `LiveCalls` keeps one for each call."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable

from convonet.monitor.messages import LiveLine, Who
from convonet.protocol.server import ToolEvent
from convonet.records.record import valid_unicode

MAX_ENTRIES = 100
MAX_ENTRY_CHARACTERS = 1_000
"""With both limits a call takes some 30 kB at most, and usually 5 kB."""


class LiveTranscript:
    """Numbered entries; an entry that changes is reported again under its number."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._entries: deque[LiveLine] = deque(maxlen=MAX_ENTRIES)
        self._last_number = 0
        self._changed: dict[int, LiveLine] = {}
        self._growing: LiveLine | None = None
        self._tools: defaultdict[str, deque[LiveLine]] = defaultdict(deque)
        self.talk_sentences = 0
        """Number of sentences that were added from the talk with a human."""

    @property
    def growing(self) -> str:
        """Text of the unfinished answer."""
        return self._growing.text if self._growing is not None else ""

    def add_entry(self, who: Who, text: str, *, failed: bool = False, is_open: bool = False) -> LiveLine:
        """Add an entry; `is_open` says that more of it is to come."""
        self._last_number += 1
        entry = LiveLine(
            number=self._last_number,
            at=self._clock(),
            who=who,
            text=valid_unicode(text[:MAX_ENTRY_CHARACTERS]),
            failed=failed,
            open=is_open,
        )
        self._entries.append(entry)
        self._changed[entry.number] = entry
        return entry

    def extend_answer(self, text: str) -> None:
        """Add a piece to the agent's answer."""
        if self._growing is None:
            self._growing = self.add_entry("agent", text, is_open=True)
        else:
            self._growing.text = (self._growing.text + valid_unicode(text))[:MAX_ENTRY_CHARACTERS]
            self._changed[self._growing.number] = self._growing

    def end_turn(self) -> None:
        """Close the answer and the tools of this turn as they are."""
        self.close_answer()
        for entry in (entry for entries in self._tools.values() for entry in entries):
            entry.open = False
            self._changed[entry.number] = entry
        self._tools.clear()

    def close_answer(self, text: str | None = None) -> None:
        """Replace the answer by its whole text; None leaves an answer that broke off as it is."""
        if self._growing is None:
            if text:
                self.add_entry("agent", text)
            return
        self._growing.open = False
        self._growing.text = valid_unicode(text or self._growing.text)[:MAX_ENTRY_CHARACTERS]
        self._changed[self._growing.number] = self._growing
        self._growing = None

    def add_tool_event(self, event: ToolEvent) -> None:
        """Add a tool that has started, or close the entry of one that has ended."""
        if event.phase == "started":
            self._tools[event.tool].append(self.add_entry("tool", event.label, is_open=True))
        elif self._tools[event.tool]:
            entry = self._tools[event.tool].popleft()
            entry.open, entry.failed = False, event.phase == "failed"
            self._changed[entry.number] = entry

    def take_changes(self, *, everything: bool = False) -> tuple[LiveLine, ...]:
        """Return the entries that are new or changed since the last call, or all that are kept."""
        entries = tuple(self._entries) if everything else tuple(self._changed.values())
        self._changed.clear()
        return tuple(entry.model_copy() for entry in entries)
