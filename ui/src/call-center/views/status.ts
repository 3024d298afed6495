/** The desk's status: telephone, state, account, and what is wrong. */

import { element, setText } from "../../common/dom";
import type { DeskView } from "../../protocol.generated";
import type { State } from "../state";
import { deskWords, lineWords, MIC_WORDS } from "../words";
import type { CallActions } from "./controls";

export function mountStatus(actions: CallActions): (state: State) => void {
  const desk = element("state", HTMLSpanElement);
  const who = element("who", HTMLElement);
  const fault = element("fault", HTMLParagraphElement);
  const ready = element("ready", HTMLButtonElement);
  const notReady = element("not-ready", HTMLButtonElement);
  const reason = element("reason", HTMLSelectElement);
  ready.addEventListener("click", actions.becomeReady);
  notReady.addEventListener("click", () => {
    actions.sendAction("not_ready", reason.value);
  });
  const drawSince = mountSince();
  return (state) => {
    const { view, connected } = state;
    drawLine(state);
    setText(who, state.who);
    setText(desk, deskWords(state));
    const words = state.fault || (state.micFault ? MIC_WORDS[state.micFault] : "");
    setText(fault, words);
    fault.hidden = words === "";
    const busy = !connected || view === null || view.state === "ringing" || view.state === "on_call";
    ready.disabled = busy || view.state === "ready";
    notReady.disabled = busy || view.state === "not_ready";
    drawSince(view);
  };
}

function drawLine(state: State): void {
  const { registration, connected, micFault } = state;
  const page = micFault === null ? (connected ? "registered" : "registering") : "failed";
  element("line-dot", HTMLElement).dataset["line"] = registration === "page" ? page : registration;
  setText(element("line", HTMLElement), lineWords(state));
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
