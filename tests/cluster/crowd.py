"""Callers who talk all the time, each turn with words of its own: `Crowd` runs them on a host of the test network.

A caller speaks for a second in real time, hears the answer out, and goes on after a pause; a lost connection is taken
up again as the page does it. Every turn puts one thing on the caller's list that nobody else ever says, so that a turn
that was lost and one that was done twice are both seen in the database.

Run alone it prints what happens, one JSON object a line; it hangs up when its standard input ends.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import websockets

from bench.harness.clock import Clock, LagProbe, Quantiles
from deployments.launch.steps import ROOT
from tests.cluster.network import Host
from tests.cluster.speech import recording_of
from tests.e2e.page_caller import PageCaller

FIRST_PIN = 500_000
SLICE_S = 0.25
SLICES = 4
PAUSE_S = 2.0
ANSWERED_WITHIN_S = 120.0
"""A turn without an answer by then is lost."""

ARRIVALS_PER_S = 4.0
GREETED_WITHIN_S = 120.0
GONE_WITHIN_S = ANSWERED_WITHIN_S + 30.0

TOLD = ("auth_ok", "reconnect", "error", "call_ended", "agent_final")
"""Messages that the test wants to know of."""


class LiveCaller(PageCaller):
    """A caller of the crowd. `number` tells which."""

    def __init__(self, url: str, number: int) -> None:
        super().__init__(0, str(FIRST_PIN + number))
        self._url = url
        self._number = number

    async def say(self, text: str) -> str:
        """Speak for a second; returns the utterance's id. A connection that is lost meanwhile takes none of it."""
        utterance_id = f"{self._number}-{time.monotonic_ns()}"
        # as one recording for whoever gives it again, while this method gives it piece by piece
        self._unanswered[utterance_id] = messages = _messages(utterance_id, recording_of(text))
        losses, was_live = self.losses, self._is_live
        for type_, fields in messages:
            if type_ == "audio_chunk":
                await asyncio.sleep(SLICE_S)
            if was_live and self.losses == losses:
                await self.send(type_, **fields)
        return utterance_id

    async def live(self) -> None:
        """Keep the connection, until cancelled."""
        await self._live()

    async def _note(self, message: dict[str, Any]) -> None:
        if message["type"] in TOLD:
            known = ("resumed", "session_id", "code", "message", "text", "turn_id", "reason", "retry_after_ms")
            tell(self._number, message["type"], **{name: message[name] for name in known if name in message})
        await super()._note(message)

    async def _use(self) -> None:
        try:
            await super()._use()
        except websockets.ConnectionClosed as closed:
            tell(self._number, "lost", code=closed.rcvd.code if closed.rcvd else 1006)
            raise
        else:
            tell(self._number, "lost", code=1006)


def _messages(utterance_id: str, audio: bytes) -> list[tuple[str, dict[str, Any]]]:
    size = -(-len(audio) // SLICES)
    pieces = [base64.b64encode(audio[at : at + size]).decode() for at in range(0, len(audio), size)]
    chunks = [("audio_chunk", {"sequence": number, "data_b64": piece}) for number, piece in enumerate(pieces)]
    return [("start_recording", {"utterance_id": utterance_id}), *chunks, ("stop_recording", {})]


def tell(caller: int, kind: str, **fields: Any) -> None:
    """One line for the test."""
    sys.stdout.write(json.dumps({"caller": caller, "kind": kind, "at": time.monotonic(), **fields}) + "\n")
    sys.stdout.flush()


async def _talk(caller: LiveCaller, number: int, stamp: str, enough: asyncio.Event) -> None:
    await caller.until("greeting", wait_s=GREETED_WITHIN_S)
    turn = 0
    while not enough.is_set():
        turn += 1
        title = f"thing {number} of {turn} {stamp}"
        utterance = await caller.say(f"add {title} to my todo list")
        tell(number, "asked", title=title)
        try:
            answer = await caller.answer_to(utterance, wait_s=ANSWERED_WITHIN_S)
        except (AssertionError, TimeoutError) as error:
            tell(number, "unanswered", title=title, error=str(error)[:500])
            continue
        tell(number, "answered", title=title, text=answer["text"], final_at=answer["at"])
        # whatever was heard is known to the test by now
        caller.messages.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PAUSE_S):
                await enough.wait()


async def _call(url: str, callers: int, stamp: str) -> None:
    enough, clock = asyncio.Event(), Clock()
    lag = LagProbe(clock)
    watching = asyncio.create_task(lag.run())
    crowd = [LiveCaller(url, number) for number in range(callers)]
    lives: list[asyncio.Task[None]] = []
    talks: list[asyncio.Task[None]] = []
    for number, caller in enumerate(crowd):
        lives.append(asyncio.create_task(caller.live()))
        talks.append(asyncio.create_task(_talk(caller, number, stamp, enough)))
        await asyncio.sleep(1 / ARRIVALS_PER_S)
    await asyncio.to_thread(sys.stdin.read)
    enough.set()
    for number, talk in enumerate(await asyncio.gather(*talks, return_exceptions=True)):
        if isinstance(talk, BaseException):
            tell(number, "gave_up", error=repr(talk)[:500])
    for task in (*lives, watching):
        task.cancel()
    await asyncio.gather(*lives, watching, return_exceptions=True)
    late = Quantiles.of(lag.late_ms)
    clock.close()
    tell(-1, "lag", p50=late.p50, p99=late.p99, worst=late.worst)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that a caller of the crowd has seen, or done. `at` is monotonic seconds, the same in all processes."""

    caller: int
    kind: str
    at: float
    more: dict[str, Any] = field(repr=True, default_factory=dict)


class Crowd:
    """The callers of one test; `events` grows while they talk."""

    def __init__(self, host: Host, url: str, callers: int, stamp: str) -> None:
        self.callers = callers
        self.stamp = stamp
        self.events: list[Event] = []
        command = ["python", "-m", "tests.cluster.crowd", "--url", url, "--callers", str(callers), "--stamp", stamp]
        self._process = subprocess.Popen(
            host.command(sys.executable, *command[1:]),
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def hang_up(self) -> None:
        """Let each finish the turn they are in, and go."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._process.stdin.close()
        try:
            self._process.wait(GONE_WITHIN_S)
        finally:
            self._process.kill()
            self._reader.join()
            if self._process.stdout is not None:
                self._process.stdout.close()

    def kinds(self, kind: str, since: float = 0.0) -> list[Event]:
        """All events of a kind from a moment on."""
        return [event for event in list(self.events) if event.kind == kind and event.at >= since]

    def wait_for_turns(self, each: int, since: float = 0.0, timeout_s: float = 180.0) -> float:
        """Until every caller has had so many answers to what they asked after that moment; returns when."""
        deadline = time.monotonic() + timeout_s
        while True:
            answered = self._answers_since(since)
            if all(answered.get(number, 0) >= each for number in range(self.callers)):
                return time.monotonic()
            assert self._process.poll() is None, "the callers' process has ended"
            assert time.monotonic() < deadline, f"turns by caller: {answered}; last: {self.events[-20:]}"
            time.sleep(0.1)

    def _answers_since(self, since: float) -> dict[int, int]:
        asked = {event.more["title"] for event in self.kinds("asked", since)}
        found: dict[int, int] = {}
        for event in self.kinds("answered", since):
            if event.more["title"] in asked:
                found[event.caller] = found.get(event.caller, 0) + 1
        return found

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            fields = json.loads(line)
            self.events.append(Event(fields.pop("caller"), fields.pop("kind"), fields.pop("at"), fields))


@contextlib.contextmanager
def talking(host: Host, url: str, callers: int, stamp: str) -> Iterator[Crowd]:
    """That many callers, each of whom has had an answer; they hang up at the end."""
    crowd = Crowd(host, url, callers, stamp)
    try:
        crowd.wait_for_turns(1)
        yield crowd
    finally:
        crowd.hang_up()


Talking = Callable[[], contextlib.AbstractContextManager[Crowd]]
"""What the fixture `callers` gives."""


def pins(callers: int) -> Sequence[str]:
    """With which they log in."""
    return [str(FIRST_PIN + number) for number in range(callers)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--callers", type=int, required=True)
    parser.add_argument("--stamp", required=True)
    options = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_call(options.url, options.callers, options.stamp))
