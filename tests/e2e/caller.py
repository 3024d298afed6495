"""A caller in a real browser: what they do with the page, and what went over its WebSocket."""

import base64
import json
import time

WAIT_MS = 20_000


class CallerPage:
    """The voice page of one caller."""

    def __init__(self, page, product, seconds):
        self.page = page
        self.frames = []
        self.sent = []
        self.seconds = seconds
        self._product = product
        self._errors = []
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

    def hold_and_speak(self):
        """Hold the talk button while the microphone plays the sentence."""
        button = self.page.get_by_test_id("talk")
        button.hover()
        self.page.mouse.down()
        self.page.wait_for_timeout(self.seconds * 1000 + 300)
        self.page.mouse.up()

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
        """Text and audio bytes of the first whole answer from frame `after` on."""
        self.until("audio_chunk", after=after, wait_s=wait_s, is_final=True)
        text = self.until("agent_final", after=after)["text"]
        chunks = [m for m in self.frames[after:] if m["type"] == "audio_chunk"]
        return text, [base64.b64decode(m["data_b64"]) for m in chunks if m["data_b64"]]

    def lines(self, role):
        """What the page shows as said by `role` (caller, agent or notice)."""
        return self.page.locator(f"[data-role={role}]").all_inner_texts()

    def resume_token(self):
        return [m for m in self.frames if m["type"] == "auth_ok"][-1]["resume_token"]

    def console_errors(self):
        """Errors of the page itself; that a killed server's socket breaks is the test's own doing."""
        return [error for error in self._errors if "WebSocket" not in error]

    def _watch(self, socket):
        socket.on("framereceived", lambda frame: self.frames.append(json.loads(frame)))
        socket.on("framesent", lambda frame: self.sent.append(json.loads(frame)))
