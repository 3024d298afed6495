"""A caller in a real browser: what they do with the page, and what went over its WebSocket."""

import json
import time
from dataclasses import asdict

from convonet.protocol.frames import HEADER_BYTES, FrameHeader, SoundKind

WAIT_MS = 20_000

LATE_S = 0.3
"""After this the page would miss the first word."""

NOTE_MICROPHONE = """
  const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    const stream = await open(wanted);
    window.microphoneOpenedAt = performance.now();
    return stream;
  };
"""
"""Chromium plays the fake microphone's file from its beginning whenever the microphone is opened."""


class CallerPage:
    """The voice page of one caller."""

    def __init__(self, page, product, sentences):
        """`sentences` has, for each, the (start, end) seconds of every time that the microphone's file says it."""
        self.page = page
        self.frames = []
        self.sent = []
        self._sentences = list(sentences)
        self._product = product
        self._errors = []
        page.add_init_script(NOTE_MICROPHONE)
        page.set_default_timeout(WAIT_MS)
        page.on("websocket", self._watch)
        page.on("console", lambda message: self._errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self._errors.append(str(error)))

    def open(self):
        self.page.goto(f"{self._product.url}/voice_assistant")

    def enter_pin(self, pin):
        self.page.get_by_test_id("pin").fill(pin)
        self.page.get_by_test_id("pin-submit").click()

    def log_in(self):
        self.enter_pin(self._product.pin)
        self.until("greeting")

    def hold_and_speak(self, number=0):
        """Hold the talk button while the microphone plays the sentence of this number."""
        end = self._in_time(number)
        self.page.mouse.down()
        self.wait_for_microphone(end)
        self.page.mouse.up()

    def _in_time(self, number):
        """Wait for the sentence with the mouse over the button; on a slow machine that may take until it has begun.

        Returns when it ends.
        """
        while True:
            start, end = said = self.sentence(number)
            self.wait_for_microphone(start)
            self.point_at_talk()
            if self._played_s() < start + LATE_S or said == self._sentences[number][-1]:
                return end

    def point_at_talk(self):
        """Move the mouse over the talk button, also while it is animated."""
        box = self.page.get_by_test_id("talk").bounding_box()
        self.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)

    def wait_for_microphone(self, second):
        """Wait until the microphone has played up to here."""
        while (played := self._played_s()) < 0:
            self.page.wait_for_timeout(20)
        self.page.wait_for_timeout(max(0, 1000 * (second - played)))

    def sentence(self, number=0):
        """When the microphone says this next: start and end, in seconds of its file."""
        played, times = self._played_s(), self._sentences[number]
        return next((said for said in times if said[0] >= played), times[-1])

    def _played_s(self):
        """Negative before the microphone is opened."""
        return self.page.evaluate("performance.now() - (window.microphoneOpenedAt ?? Infinity)") / 1000

    def type(self, text):
        self.page.get_by_test_id("text").fill(text)
        self.page.get_by_test_id("text-send").click()

    def until(self, type_, *, after=0, wait_s=20, **fields):
        """The first message of this type (and fields) among the frames from index `after` on."""
        deadline = time.monotonic() + wait_s
        while time.monotonic() < deadline:
            for message in self.frames[after:]:
                if message["type"] == type_ and all(message.get(k) == v for k, v in fields.items()):
                    return message
            self.page.wait_for_timeout(20)
        raise AssertionError(f"no {type_} {fields} within {wait_s} s; got {[m['type'] for m in self.frames[after:]]}")

    def answer(self, *, after=0, wait_s=20):
        """Text and PCM of the first whole answer from frame `after` on."""
        self.until("sound", after=after, wait_s=wait_s, is_last=True)
        text = self.until("agent_final", after=after)["text"]
        return text, [m["pcm"] for m in self.frames[after:] if m["type"] == "sound" and m["pcm"]]

    def lines(self, role):
        """What the page shows as said by `role` (caller, agent or notice)."""
        return self.page.locator(f"[data-role={role}]").all_inner_texts()

    def resume_token(self):
        return [m for m in self.frames if m["type"] == "auth_ok"][-1]["resume_token"]

    def console_errors(self):
        """Errors of the page itself; that a killed server's socket breaks is the test's own doing."""
        return [error for error in self._errors if "WebSocket" not in error]

    def _watch(self, socket):
        socket.on("framereceived", lambda frame: self._note(self.frames, frame))
        socket.on("framesent", lambda frame: self._note(self.sent, frame))

    def _note(self, frames, frame):
        if isinstance(frame, str):
            frames.append(json.loads(frame))
            return
        header = FrameHeader.unpack(frame)
        # others are the sound of a talk with a human
        if header.kind is SoundKind.ANSWER_PCM16:
            frames.append({"type": "sound", **asdict(header), "pcm": frame[HEADER_BYTES:]})
