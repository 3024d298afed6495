"""A supervisor watches a spoken turn appear and grow, finds it again by its words, and sees how the time was spent."""

import logging

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.e2e.supervisor import choose, supervisor, until

log = logging.getLogger(__name__)

TOO_LONG = f"add {'very ' * 60}long title to my list"
"""A title that the todo tool refuses."""

WITHIN_MS = 40
"""How exactly the stages add up to what the caller waited."""

NOTE_WAIT = """
  const send = WebSocket.prototype.send;
  window.waits = [];
  WebSocket.prototype.send = function (data) {
    if (/"(stop_recording|text_input)"/.test(data)) {
      const began = performance.now();
      const hear = ({ data }) => {
        if (typeof data === "string") return;
        window.waits.push(performance.now() - began);
        this.removeEventListener("message", hear);
      };
      this.addEventListener("message", hear);
    }
    return send.call(this, data);
  };
"""
"""Notes how long the caller's page waits for the first audio of each answer, in milliseconds."""


NOTE_SAID = """
  window.said = {};
  window.WebSocket = class extends WebSocket {
    constructor(...of) {
      super(...of);
      this.addEventListener("message", ({ data }) => {
        const { type, text } = typeof data === "string" ? JSON.parse(data) : {};
        if (["transcript_final", "agent_final"].includes(type)) window.said[text] ??= Date.now();
      });
    }
  };
"""
"""Notes when the caller's page is told what was heard and what is answered, by the words."""

NOTE_SHOWN = """
  list => {
    window.shown = {};
    new MutationObserver(() => {
      for (const { textContent } of list.querySelectorAll("p")) window.shown[textContent] ??= Date.now();
    }).observe(list, { childList: true, characterData: true, subtree: true });
  }
"""
"""Notes when the monitor's page has these words in its transcript."""

ON_SCREEN_WITHIN_MS = 3_000
"""The goal is a second, which docs/performance.md has measured; a test machine may be busy with other things."""


def spans(monitor):
    """The opened turn's waterfall: (name, kind, from, to) of each span."""
    read = "all => all.map(({dataset: d}) => [d.span, d.kind, Number(d.from), Number(d.to)])"
    return monitor.get_by_test_id("waterfall").locator("[data-span]").evaluate_all(read)


def until_shown(caller, monitor):
    """How long after the caller's page the monitor's had each words, in milliseconds."""
    said = caller.page.evaluate("window.said")
    until(monitor, lambda: said.keys() <= monitor.evaluate("window.shown").keys())
    shown = monitor.evaluate("window.shown")
    waits = [shown[words] - came for words, came in said.items()]
    log.info("on the supervisor's screen %s ms after the caller's page had it", waits)
    return waits


def find(monitor, words):
    """Search the turns for words and open the newest that has them."""
    monitor.get_by_role("link", name="Turns", exact=True).click()
    monitor.get_by_test_id("text").fill(words)
    monitor.get_by_test_id("turns").get_by_role("row").filter(has_text=words).first.click()
    monitor.get_by_test_id("detail-body").get_by_test_id("turn-prompt").wait_for()


def test_a_spoken_turn_appears_grows_and_is_found_again(product, chromium):
    said = [f"add buy {thing} to my todo list" for thing in ("milk", "bread")]
    with chromium(product, says=said, log_in=False) as caller:
        caller.page.add_init_script(NOTE_WAIT + NOTE_SAID)
        caller.page.reload()
        with supervisor(caller, product) as monitor:
            caller.log_in()
            choose(monitor, caller)
            lines = monitor.get_by_test_id("line-list")
            lines.get_by_text("What can I help you with today").wait_for()
            lines.evaluate(NOTE_SHOWN)
            heard = []
            for number in range(len(said)):
                mark = len(caller.frames)
                caller.hold_and_speak(number)
                # as it was heard: a browser's microphone on a busy machine may swallow a syllable
                heard.append(caller.until("transcript_final", after=mark)["text"])
                lines.get_by_text(heard[-1]).wait_for()
                answer, _ = caller.answer(after=mark)
                lines.get_by_text(answer).wait_for()
            assert max(until_shown(caller, monitor)) < ON_SCREEN_WITHIN_MS
            beside = []
            for words, waited in zip(heard, caller.page.evaluate("window.waits"), strict=True):
                find(monitor, words)
                assert words in monitor.get_by_test_id("turn-prompt").inner_text()
                shown = float(monitor.get_by_test_id("waited").get_attribute("data-ms"))
                stages = [(start, end) for _, kind, start, end in spans(monitor) if kind == "stage"]
                assert sum(end - start for start, end in stages) == pytest.approx(shown, abs=1)
                beside.append(abs(waited - shown))
                assert Axe().run(monitor).response["violations"] == []
                monitor.get_by_test_id("close-detail").click()
            # two pages and the product share the machine: one of them may have been late
            assert min(beside) <= WITHIN_MS, beside


def test_a_failed_tool_is_seen_as_one_live_and_afterwards(product, chromium):
    with chromium(product) as caller, supervisor(caller, product) as monitor:
        choose(monitor, caller)
        caller.type(TOO_LONG)
        monitor.get_by_test_id("line-list").locator("[data-failed]").first.wait_for()
        caller.answer()
        find(monitor, TOO_LONG[:40])
        assert monitor.locator("[data-tool=create_todo]").get_attribute("data-status") == "failed"
        assert [name for name, kind, *_ in spans(monitor) if kind == "failed"] == ["create_todo"]
        monitor.get_by_test_id("close-detail").click()
        monitor.get_by_role("link", name="Today").click()
        monitor.get_by_test_id("tools-table").locator("[data-failed]").filter(has_text="create_todo").wait_for()
        assert Axe().run(monitor).response["violations"] == []
