"""One page that follows the monitor, with the versions that it has and the call that it shows."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from convonet.monitor.messages import LiveLine, MonitorLines, Now, Today


class Viewer:
    """One page. The page's socket creates it; the monitor's host reads and updates it."""

    def __init__(self) -> None:
        self.session_id: str | None = None
        """The call whose transcript the page shows."""
        self.board_version = 0
        self.turn_count = 0
        self.now: Now | None = None
        self.today: Today | None = None
        self._entries: dict[int, LiveLine] | None = None
        self._changed = asyncio.Event()

    def watch_call(self, session_id: str | None) -> None:
        """Show this call from now on, or none."""
        self.session_id, self._entries = session_id, None
        self.notify()

    def notify(self) -> None:
        """Wake the page up, since there may be changes."""
        self._changed.set()

    async def wait_for_changes(self) -> None:
        """Wait for the next `notify`."""
        await self._changed.wait()
        self._changed.clear()

    def is_behind(self, now: Now, today: Today) -> bool:
        """Return whether the page has other gauges or totals than these."""
        return self.now is not now or self.today is not today

    def new_entries(self, session_id: str, entries: Sequence[LiveLine]) -> MonitorLines | None:
        """Return the transcript entries that the page lacks; all of them the first time, None when it has all."""
        before = self._entries
        self._entries = {entry.number: entry for entry in entries}
        if before is None:
            return MonitorLines(session_id=session_id, lines=list(entries), all=True)
        new = [entry for entry in entries if before.get(entry.number) != entry]
        return MonitorLines(session_id=session_id, lines=new) if new else None
