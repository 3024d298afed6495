/** The talk button, by mouse, touch, space bar and screen reader, and the level around it. */

import { element, setText } from "../../common/dom";
import type { Call } from "../call";
import { mood, type State } from "../state";
import { TalkGesture } from "../talk-gesture";

const HINT = "Hold to talk, or hold the space bar. A short tap starts, the next one sends.";
const HINT_RECORDING = "Let go to send. After a short tap: tap again to send.";

export function mountTalk(call: Call): (state: State) => void {
  const button = element("talk", HTMLButtonElement);
  const label = element("talk-label", HTMLSpanElement);
  const hint = element("talk-help", HTMLParagraphElement);
  const gesture = new TalkGesture({
    start: () => {
      call.startTalking();
    },
    send: () => {
      call.stopTalking();
    },
  });
  listenToPointer(button, gesture);
  listenToSpaceBar(button, gesture);

  let wasRecording = false;
  return (state) => {
    const { recording } = state;
    if ((wasRecording && !recording) || state.micFault !== null) gesture.reset();
    wasRecording = recording;
    button.setAttribute("aria-pressed", String(recording));
    button.dataset["mood"] = mood(state);
    setText(label, recording ? "Send what I said" : "Talk");
    setText(hint, recording ? HINT_RECORDING : HINT);
  };
}

export function drawLevel(level: number): void {
  const ring = element("level", HTMLSpanElement);
  ring.style.setProperty("--level", level.toFixed(2));
  ring.dataset["level"] = level.toFixed(2);
}

function listenToPointer(button: HTMLButtonElement, gesture: TalkGesture): void {
  button.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    button.setPointerCapture(event.pointerId);
    gesture.press(performance.now());
  });
  for (const end of ["pointerup", "pointercancel"] as const) {
    button.addEventListener(end, () => {
      gesture.release(performance.now());
    });
  }
  button.addEventListener("click", (event) => {
    // detail is 0 when no pointer made it: a screen reader, a switch, the Enter key
    if (event.detail === 0) gesture.click(performance.now());
  });
  button.addEventListener("contextmenu", (event) => {
    event.preventDefault(); // a long touch is talking
  });
}

function listenToSpaceBar(button: HTMLButtonElement, gesture: TalkGesture): void {
  const isTalk = (event: KeyboardEvent) => event.code === "Space" && !usesSpaceItself(event.target, button);
  document.addEventListener("keydown", (event) => {
    if (!isTalk(event) || button.closest("[hidden]") !== null) return;
    event.preventDefault(); // no scrolling, no click of the button
    if (!event.repeat) gesture.press(performance.now());
  });
  document.addEventListener("keyup", (event) => {
    if (!isTalk(event)) return;
    event.preventDefault();
    gesture.release(performance.now());
  });
  // the key's end is never told to a window that lost the focus
  window.addEventListener("blur", () => {
    gesture.release(performance.now());
  });
}

function usesSpaceItself(target: EventTarget | null, talk: HTMLElement): boolean {
  if (!(target instanceof Element) || target === talk) return false;
  return target.closest("button, a, summary, textarea, select, input:not([type=range])") !== null;
}
