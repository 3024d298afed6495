"""Tests on virtual time: waiting costs nothing, and a wait that nothing will ever end is an error."""

import asyncio
import functools
import selectors


class _JumpingSelector(selectors.SelectSelector):
    """Where a real selector would sleep, the clock jumps."""

    now = 0.0

    def select(self, timeout=None):
        events = super().select(0)
        if not events and timeout is None:
            raise AssertionError("the test waits for something that will never happen")
        if not events and timeout > 0:
            self.now += timeout
        return events


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock runs as fast as its work."""

    def __init__(self):
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self):
        return self._jumping.now


def virtual_time(test):
    """Run an async test on a loop of its own with virtual time; a task that it leaves behind fails it."""

    @functools.wraps(test)
    def run(*args, **kwargs):
        with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
            runner.run(_checked(test(*args, **kwargs)))

    return run


async def _checked(work):
    await work
    await asyncio.sleep(0)
    left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert not left, f"tasks left behind: {left}"
