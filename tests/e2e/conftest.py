"""The running product, and callers in real Chromium whose microphones play spoken sentences."""

from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import sync_playwright

from tests.e2e.call_center import PASSWORD, Carrier, add_person, settings_of
from tests.e2e.caller import CallerPage
from tests.e2e.hosted import Vendors, hosted_product
from tests.e2e.product import PIN, TRUSTED_PROXY, Product
from tests.fixtures.collector import Collector
from tests.fixtures.servers import require_tool
from tests.speech_samples import SAMPLE_RATE, silence, speak, wav_bytes
from tests.telephony.pbx.pbx import pbx

__all__ = ["pbx"]

HERE = Path(__file__).parent

LONGEST_S = 900
"""Any of these tests may be the one that starts a product, which takes three minutes on two slow cores."""

LEAD_S = 3.0
"""From opening the microphone to the first sentence: the greeting is over or may be interrupted by then."""

PAUSE_S = 4.0
ROUNDS = 3
BEFORE_S = 0.6
"""From pressing the button to the first sound: on a busy machine a page needs half of it to open its recorder."""

AFTER_S = 0.25

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
]


def pytest_collection_modifyitems(items):
    """One product at a time: first tests with one of their own, last those that kill processes of the shared one."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.timeout(LONGEST_S))
    items.sort(key=lambda item: (item.get_closest_marker("kills") is not None, "product" in item.fixturenames))


@pytest.fixture(scope="session")
def carrier(pbx):
    """The loopback Twilio."""
    carrier = Carrier(pbx)
    yield carrier
    carrier.stop()


@pytest.fixture(scope="session")
def traces():
    """The collector that the product sends its traces to."""
    collector = Collector()
    yield collector
    collector.close()


@pytest.fixture(scope="session")
def product(tmp_path_factory, pbx, carrier, traces):
    """The embedded product with a telephone; one for all tests."""
    settings = {
        **settings_of(pbx, carrier),
        "OTEL_EXPORTER_OTLP_ENDPOINT": traces.url,
        # the guests of all tests come from one address, one after the other
        "HANOK_REQUESTS_PER_MINUTE": "1000",
        "FORWARDED_ALLOW_IPS": TRUSTED_PROXY,
    }
    product = Product(tmp_path_factory.mktemp("product"), VOICE_PIN=PIN, **settings)
    carrier.server.gateway = product.url
    product.start()
    yield product
    product.stop()
    assert not product.processes(), "the product left processes behind"


@pytest.fixture(scope="session")
def hosted(tmp_path_factory):
    """The product with hosted speech and a hosted model, one for all tests that need them."""
    with Vendors() as vendors:
        product = hosted_product(tmp_path_factory.mktemp("hosted"), vendors)
        product.start()
        yield product
        product.stop()
    assert not product.processes()


@pytest.fixture(scope="session")
def dora(product):
    """Somebody who works at a desk."""
    add_person(product, "dora", "2001", PASSWORD)
    return "dora"


@pytest.fixture(scope="session")
def eve(product):
    """A colleague of dora's."""
    add_person(product, "eve", "2002", PASSWORD)
    return "eve"


@pytest.fixture
def playwright():
    # per test: as long as it runs, its event loop is in the way of every asynchronous test
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture
def chromium(playwright, tmp_path):
    """Opens callers: `chromium(product, says="…")` is a context manager of a `CallerPage`."""
    return partial(open_caller, playwright, tmp_path)


@contextmanager
def open_caller(
    playwright,
    folder,
    product,
    *,
    says=(),
    voice="slt",
    samples=None,
    microphone=True,
    viewport=None,
    log_in=True,
):
    """A caller in a browser of their own, whose microphone plays `says` or `samples`; the recording is in `folder`."""
    spoken = (
        [samples] if samples is not None else [speak(s, voice) for s in ([says] if isinstance(says, str) else says)]
    )
    recording = folder / "microphone.wav"
    file, sentences = _timeline(spoken)
    recording.write_bytes(wav_bytes(file))
    # without %noloop the sentence would be said again and again
    flags = [*FLAGS, f"--use-file-for-fake-audio-capture={recording}%noloop"]
    browser = playwright.chromium.launch(executable_path=require_tool("chromium", "/usr/bin/chromium"), args=flags)
    try:
        context = browser.new_context(viewport=viewport or {"width": 1280, "height": 800})
        if microphone:
            context.grant_permissions(["microphone"])
        page = CallerPage(context.new_page(), product, sentences)
        page.open()
        if log_in:
            page.log_in()
        yield page
        assert page.console_errors() == []
    finally:
        browser.close()


def _timeline(spoken):
    """One recording with all sentences and pauses to answer them in, and when it says each.

    Several are said in rounds: on a slow machine an answer may come when the next sentence has been said already.
    """
    pieces, times, at = [silence(LEAD_S)], [[] for _ in spoken], LEAD_S
    for _ in range(ROUNDS if len(spoken) > 1 else 1):
        for samples, said in zip(spoken, times, strict=True):
            seconds = len(samples) / SAMPLE_RATE
            said.append((at - BEFORE_S, at + seconds + AFTER_S))
            pieces += [samples, silence(PAUSE_S)]
            at += seconds + PAUSE_S
    return np.concatenate(pieces), times
