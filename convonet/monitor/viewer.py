"""One page that follows the monitor: what it has seen, and which call's transcript it shows."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from convonet.monitor.messages import LiveLine, MonitorLines, Now, Today


class Viewer:
    """Made with the page's socket."""

    def __init__(self) -> None:
        self.session_id: str | None = None
        """The call whose transcript is shown."""
        self.board = 0
        self.turns = 0
        self.now: Now | None = None
        self.today: Today | None = None
        self._lines: dict[int, LiveLine] | None = None
        self._news = asyncio.Event()

    def watch(self, session_id: str | None) -> None:
        """Show this call from now on."""
        self.session_id, self._lines = session_id, None
        self.wake()

    def wake(self) -> None:
        """There may be news."""
        self._news.set()

    async def wait(self) -> None:
        """Until there may be news."""
        await self._news.wait()
        self._news.clear()

    def has_other_news(self, now: Now, today: Today) -> bool:
        """Whether the numbers are not those that the page has."""
        return self.now is not now or self.today is not today

    def news_of(self, session_id: str, lines: Sequence[LiveLine]) -> MonitorLines | None:
        """Those of the lines that the page lacks; all of them the first time."""
        before = self._lines
        self._lines = {line.number: line for line in lines}
        if before is None:
            return MonitorLines(session_id=session_id, lines=list(lines), all=True)
        new = [line for line in lines if before.get(line.number) != line]
        return MonitorLines(session_id=session_id, lines=new) if new else None
