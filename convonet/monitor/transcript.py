"""The transcript of one live call, line by line; the newest part of it, as much as a screen can hold."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable

from convonet.monitor.messages import LiveLine, Who
from convonet.protocol.server import ToolEvent
from convonet.records.record import valid_unicode

MOST_LINES = 100
MOST_CHARACTERS = 1_000
"""Of one line. With the above some 30 kB a call at most, and 5 kB as a rule."""


class LiveTranscript:
    """Lines are numbered; one that changes is given out again under its number."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lines: deque[LiveLine] = deque(maxlen=MOST_LINES)
        self._written = 0
        self._changed: dict[int, LiveLine] = {}
        self._growing: LiveLine | None = None
        self._tools: defaultdict[str, deque[LiveLine]] = defaultdict(deque)
        self.heard_of_talk = 0
        """How many sentences of the talk with a human are among the lines."""

    @property
    def growing(self) -> str:
        """The answer so far."""
        return self._growing.text if self._growing is not None else ""

    def add(self, who: Who, text: str, *, failed: bool = False, is_open: bool = False) -> LiveLine:
        """A new line."""
        self._written += 1
        line = LiveLine(
            number=self._written,
            at=self._clock(),
            who=who,
            text=valid_unicode(text[:MOST_CHARACTERS]),
            failed=failed,
            open=is_open,
        )
        self._lines.append(line)
        self._changed[line.number] = line
        return line

    def grow(self, text: str) -> None:
        """The agent's answer goes on."""
        if self._growing is None:
            self._growing = self.add("agent", text, is_open=True)
        else:
            self._growing.text = (self._growing.text + valid_unicode(text))[:MOST_CHARACTERS]
            self._changed[self._growing.number] = self._growing

    def end_turn(self) -> None:
        """Nothing of this turn comes any more: what was begun stays as it is."""
        self.close()
        for line in (line for lines in self._tools.values() for line in lines):
            line.open = False
            self._changed[line.number] = line
        self._tools.clear()

    def close(self, text: str | None = None) -> None:
        """The answer is complete: `text` is all of it. None when it broke off."""
        if self._growing is None:
            if text:
                self.add("agent", text)
            return
        self._growing.open = False
        self._growing.text = valid_unicode(text or self._growing.text)[:MOST_CHARACTERS]
        self._changed[self._growing.number] = self._growing
        self._growing = None

    def tool(self, event: ToolEvent) -> None:
        """A tool begins its work, or has done it."""
        if event.phase == "started":
            self._tools[event.tool].append(self.add("tool", event.label, is_open=True))
        elif self._tools[event.tool]:
            line = self._tools[event.tool].popleft()
            line.open, line.failed = False, event.phase == "failed"
            self._changed[line.number] = line

    def take(self, *, everything: bool = False) -> tuple[LiveLine, ...]:
        """Lines that are new or changed since the last time, or all that are kept."""
        lines = tuple(self._lines) if everything else tuple(self._changed.values())
        self._changed.clear()
        return tuple(line.model_copy() for line in lines)
