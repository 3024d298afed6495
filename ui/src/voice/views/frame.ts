/** Draws which section is shown, the state in words, and how long the caller has waited. */

import { element, setText } from "../../common/dom";
import type { Call } from "../call";
import { mood, type State } from "../state";
import { MOOD_WORDS } from "../words";

export function mountFrame(call: Call): (state: State) => void {
  const words = element("state", HTMLSpanElement);
  const callSection = element("call", HTMLElement);
  const dock = element("dock", HTMLDivElement);
  const ended = element("ended", HTMLElement);
  const endedWhy = element("ended-why", HTMLParagraphElement);
  element("restart", HTMLButtonElement).addEventListener("click", () => {
    call.restart();
  });
  const drawElapsed = mountElapsed();
  return (state) => {
    const now = mood(state);
    document.body.dataset["state"] = now;
    document.body.dataset["recording"] = String(state.recording);
    setText(words, stateWords(state));
    // after the end the conversation stays to be read
    callSection.hidden = !state.inSession && (state.link !== "ended" || state.transcript.length === 0);
    dock.hidden = !state.inSession;
    ended.hidden = state.link !== "ended";
    setText(endedWhy, state.endedBecause ?? "");
    drawElapsed(now === "thinking" ? state.waitingSince : null);
  };
}

function stateWords(state: State): string {
  const now = mood(state);
  if (now === "reconnecting" && state.recording) return "Reconnecting… keep talking, nothing is lost";
  if (now === "thinking" && state.detail) return state.detail;
  return MOOD_WORDS[now];
}

function mountElapsed(): (since: number | null) => void {
  const elapsed = element("elapsed", HTMLSpanElement);
  let shown: number | null = null;
  let timer: ReturnType<typeof setInterval> | undefined;
  const tick = () => {
    setText(elapsed, shown === null ? "" : `${Math.max(0, Math.floor((Date.now() - shown) / 1_000))} s`);
  };
  return (since) => {
    if (since === shown) return;
    shown = since;
    clearInterval(timer);
    if (since !== null) timer = setInterval(tick, 250);
    tick();
  };
}
