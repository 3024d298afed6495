"""The product with a telephone: a PBX, a carrier, and desks in real Chromium."""

import asyncio
import json
import re
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from playwright.sync_api import expect

from tests.e2e.caller import WAIT_MS, CallerPage
from tests.e2e.product import ROOT
from tests.fixtures.servers import require_tool
from tests.speech_samples import SAMPLE_RATE, wav_bytes
from tests.telephony.pbx.leg import SipLeg
from tests.telephony.pbx.pbx import DOMAIN, PASSWORDS
from tests.vendors.twilio import ACCOUNT, PUBLIC, TOKEN, TwilioServer

FLAGS = [
    # ICE on the loopback address, which is where the PBX's media are
    "--allow-loopback-in-peer-connection",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
]

PLAIN_MICROPHONE = """
  // a steady tone is what noise suppression takes away
  const openPlain = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = () =>
    openPlain({ audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false } });
"""

EAR = """
  // what is played is also measured
  window.ears = [];
  const listenTo = (node) => {
    const ear = node.context.createAnalyser();
    ear.fftSize = 8192;
    ear.smoothingTimeConstant = 0;
    connectNode.call(node, ear);
    window.ears.push(ear);
  };
  const connectNode = AudioNode.prototype.connect;
  AudioNode.prototype.connect = function (target, ...rest) {
    if (target instanceof AudioDestinationNode) listenTo(this);
    return connectNode.call(this, target, ...rest);
  };
  const setStream = Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, "srcObject");
  Object.defineProperty(HTMLMediaElement.prototype, "srcObject", {
    get() { return setStream.get.call(this); },
    set(stream) {
      setStream.set.call(this, stream);
      if (stream) {
        const context = new AudioContext();
        listenTo(context.createMediaStreamSource(stream));
      }
    },
  });
  window.heard = () => {
    let best = { hz: 0, db: -200 };
    for (const ear of window.ears) {
      if (ear.context.state === "closed") continue;
      const bins = new Float32Array(ear.frequencyBinCount);
      ear.getFloatFrequencyData(bins);
      bins.forEach((db, index) => {
        if (db > best.db) best = { hz: (index * ear.context.sampleRate) / ear.fftSize, db };
      });
    }
    return best;
  };
"""

AUDIBLE_DB = -60

PASSWORD = "correct horse battery"
CALLER_HZ, DESK_HZ, COLLEAGUE_HZ = 900, 500, 700


class Carrier:
    """The loopback Twilio in a thread of its own; its calls are SIP calls to the PBX."""

    def __init__(self, pbx):
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.server = TwilioServer(make_leg=lambda to: SipLeg(to, pbx))
        self._do(self.server.__aenter__())

    def stop(self):
        self._do(self.server.__aexit__())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def nothing_left(self, within_s=5):
        """Whether every call is over, as soon as the PBX and our server have said so; else what is open."""
        deadline = time.monotonic() + within_s
        while self.server.open_calls and time.monotonic() < deadline:
            time.sleep(0.05)
        return not self.server.open_calls or [(call.sid, call.statuses) for call in self.server.open_calls]

    def _do(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)


def settings_of(pbx, carrier):
    """What an operator sets."""
    return {
        "TWILIO_ACCOUNT_SID": ACCOUNT,
        "TWILIO_AUTH_TOKEN": TOKEN,
        "TWILIO_BASE_URL": carrier.server.url,
        "FREEPBX_DOMAIN": DOMAIN,
        "FREEPBX_WSS_URL": pbx.wss_url,
        "VOICE_GATEWAY_PUBLIC_URL": PUBLIC,
    }


def add_person(product, username, extension, password):
    """As an operator adds one: with the command line."""
    convonet = [str(Path(sys.executable).with_name("convonet")), "staff"]
    options = {"cwd": ROOT, "env": product.environment, "check": True, "capture_output": True, "timeout": 60}
    subprocess.run([*convonet, "add", username, "--name", username.title(), "--password", password], **options)
    desk = ["desk", username, "--extension", extension, "--sip-password", PASSWORDS[extension]]
    subprocess.run([*convonet, *desk], **options)


def add_desk(product, username, extension, password):
    """A person whose page carries the calls itself."""
    product.add_staff(username, password)
    product.run_convonet("staff", "desk", username, "--extension", extension)


def demo_desk_link(product):
    """The link that the launcher prints for whoever tries the product."""
    (link,) = re.findall(r"Demo desk, once +(\S+)", product.output)
    return link


class DeskPage:
    """The call center's page of one person."""

    def __init__(self, page, product):
        self.page = page
        self._product = product
        self._errors = []
        self.sent = []
        """What the page has told our server."""
        self._received = []
        page.on("websocket", self._watch)
        page.set_default_timeout(WAIT_MS)
        page.add_init_script(PLAIN_MICROPHONE)
        page.add_init_script(EAR)
        page.on("console", lambda message: self._errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self._errors.append(str(error)))

    def log_in(self, username, password):
        self.page.goto(f"{self._product.url}/call-center")
        self.page.get_by_test_id("username").fill(username)
        self.page.get_by_test_id("password").fill(password)
        self.page.get_by_test_id("submit").click()
        self.is_connected()

    def follow(self, link):
        """Log in with a one-time link."""
        self.page.goto(link)
        self.is_connected()

    def is_connected(self):
        """Its telephone, or the page as one, is ready."""
        self.until("line", "elephone: ready")
        expect(self.page.get_by_test_id("state")).not_to_have_text("Connecting…", timeout=WAIT_MS)

    def be_ready(self):
        # whoever was ready a moment ago still is
        if self.page.get_by_test_id("state").inner_text() != "Ready":
            self.page.get_by_test_id("ready").click()
        self.until("state", "Ready")

    def be_not_ready(self):
        if self.page.get_by_test_id("state").inner_text() != "Not ready":
            self.page.get_by_test_id("not-ready").click()
        self.until("state", "Not ready")

    def be_ready_again(self):
        """After a call, without notes."""
        self.click("save-notes")

    def leave(self):
        """Close the page and be forgotten, so that it does not ring in the next test."""
        if "/staff/login" in self.page.url:
            return
        self.page.on("dialog", lambda dialog: dialog.accept())
        self.click("logout")
        self.page.get_by_test_id("username").wait_for()

    def click(self, test_id):
        self.page.get_by_test_id(test_id).click()

    def until(self, test_id, words, wait_s=20):
        """Wait until this part of the page has these words in it."""
        part = self.page.get_by_test_id(test_id)
        deadline = time.monotonic() + wait_s
        while words not in (shown := part.inner_text()):
            assert time.monotonic() < deadline, f"{test_id} shows {shown!r}, not {words!r}"
            self.page.wait_for_timeout(50)

    def until_enabled(self, test_id):
        """Wait until this button can be pressed: the telephone rings."""
        expect(self.page.get_by_test_id(test_id)).to_be_enabled(timeout=WAIT_MS)

    def _watch(self, socket):
        if socket.url.endswith("/call-center/ws"):
            socket.on("framesent", lambda frame: self.sent.append(json.loads(frame)))
            socket.on("framereceived", lambda frame: self._received.append(json.loads(frame)))

    def transfer_id(self):
        """Of the direct call that the page shows now."""
        views = [message["view"] for message in self._received if message["type"] == "desk_view"]
        return views[-1]["call"]["transfer_id"]

    def hears(self, hz, wait_s=6):
        return hears(self.page, hz, wait_s)

    def console_errors(self):
        return [error for error in self._errors if "WebSocket" not in error]


def hears(page, hz, wait_s=6):
    """Whether the page plays this tone, within a while; returns what it heard."""
    deadline = time.monotonic() + wait_s
    while True:
        heard = page.evaluate("window.heard()")
        if heard["db"] > AUDIBLE_DB and abs(heard["hz"] - hz) < 15:
            return True
        if time.monotonic() > deadline:
            return json.dumps(heard)
        page.wait_for_timeout(100)


def hears_nothing(page, wait_s=4):
    """Whether the page falls silent within a while."""
    deadline = time.monotonic() + wait_s
    while True:
        heard = page.evaluate("window.heard()")
        if heard["db"] < AUDIBLE_DB:
            return True
        if time.monotonic() > deadline:
            return json.dumps(heard)
        page.wait_for_timeout(100)


BROWSER_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    *FLAGS,
]


def tone_file(folder, hz):
    t = np.arange(4 * SAMPLE_RATE) / SAMPLE_RATE
    path = folder / f"tone-{hz}.wav"
    path.write_bytes(wav_bytes((9000 * np.sin(2 * np.pi * hz * t)).astype(np.int16)))
    return path


@contextmanager
def browser_page(playwright, folder, hz, viewport=None):
    """A page of a browser of its own, at whose microphone this tone is played."""
    flags = [*BROWSER_FLAGS, f"--use-file-for-fake-audio-capture={tone_file(folder, hz)}"]
    browser = playwright.chromium.launch(executable_path=require_tool("chromium", "/usr/bin/chromium"), args=flags)
    try:
        context = browser.new_context(viewport=viewport or {"width": 1280, "height": 900})
        context.grant_permissions(["microphone"])
        yield context.new_page()
    finally:
        browser.close()


@contextmanager
def desk_page(playwright, product, folder, name, hz):
    with browser_page(playwright, folder, hz) as page:
        desk = DeskPage(page, product)
        desk.log_in(name, PASSWORD)
        yield desk
        assert desk.console_errors() == []


@contextmanager
def caller_page(playwright, product, folder):
    """A caller who is logged in; a tone is played at their microphone."""
    with browser_page(playwright, folder, CALLER_HZ) as page:
        page.add_init_script(PLAIN_MICROPHONE)
        page.add_init_script(EAR)
        caller = CallerPage(page, product, [])
        caller.open()
        caller.log_in()
        yield caller
        assert caller.console_errors() == []


def ring(desk, caller):
    """The caller asks for a human, and this desk rings."""
    desk.be_ready()
    caller.type("let me talk to a person")
    desk.until("call-words", "Demo is calling")
    desk.until_enabled("accept")


def connect(desk, caller):
    """The caller and this desk hear each other."""
    ring(desk, caller)
    seen = len(caller.frames)
    desk.click("accept")
    caller.until("transfer_status", after=seen, state="connected")
    assert desk.hears(CALLER_HZ) is True
