/** The desk's status: telephone, state, account, and the last error. */

import { element, setText } from "../../common/dom";
import type { DeskView } from "../../protocol.generated";
import type { State } from "../state";
import type { CallActions } from "./controls";

const STATE_WORDS: Record<DeskView["state"], string> = {
  ready: "Ready",
  not_ready: "Not ready",
  ringing: "A call for you",
  on_call: "On a call",
  wrap_up: "After the call",
};

export function mountStatus(actions: CallActions): (state: State) => void {
  const words = element("state", HTMLSpanElement);
  const who = element("who", HTMLElement);
  const fault = element("fault", HTMLParagraphElement);
  const ready = element("ready", HTMLButtonElement);
  const notReady = element("not-ready", HTMLButtonElement);
  const reason = element("reason", HTMLSelectElement);
  ready.addEventListener("click", () => {
    actions.sendAction("ready");
  });
  notReady.addEventListener("click", () => {
    actions.sendAction("not_ready", reason.value);
  });
  const drawSince = mountSince();
  return (state) => {
    const { view, connected } = state;
    drawRegistration(state);
    setText(who, state.who);
    setText(words, view && connected ? STATE_WORDS[view.state] : "Connecting…");
    setText(fault, state.fault);
    fault.hidden = state.fault === "";
    const busy = !connected || view === null || view.state === "ringing" || view.state === "on_call";
    ready.disabled = busy || view.state === "ready";
    notReady.disabled = busy || view.state === "not_ready";
    drawSince(view);
  };
}

function drawRegistration({ registration, registrationFault }: State): void {
  const words = {
    none: "No telephone",
    registering: "Telephone: connecting…",
    registered: "Telephone: ready",
    failed: "Telephone: not working",
  };
  element("line-dot", HTMLElement).dataset["line"] = registration;
  setText(element("line", HTMLElement), registrationFault || words[registration]);
}

function mountSince(): (view: DeskView | null) => void {
  const since = element("since", HTMLParagraphElement);
  let shown: DeskView | null = null;
  const tick = () => {
    const minutes = shown ? Math.floor((Date.now() / 1_000 - shown.since) / 60) : 0;
    const time = minutes < 1 ? "since a moment ago" : `for ${String(minutes)} min`;
    setText(since, shown ? [shown.reason, time].filter(Boolean).join(", ") : "");
  };
  setInterval(tick, 10_000);
  return (view) => {
    shown = view;
    tick();
  };
}
