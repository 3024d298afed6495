/** The call: accept, decline, talk, hold, keypad, transfer, and the notes after it. */

import { element, make, setText } from "../../common/dom";
import type { DeskAction } from "../../protocol.generated";
import type { Phone } from "../phone";
import { panel, type State } from "../state";

export interface CallActions {
  sendAction: (action: DeskAction, text?: string) => void;
  accept: () => void;
  decline: (reason: string) => void;
  hangUp: () => void;
  phone: () => Phone | null;
  saveNotes: (transfer: string, text: string) => Promise<void>;
  calledBack: (id: string) => Promise<void>;
  tell: (words: string) => void;
}

const KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "0", "#"];

export function mountControls(actions: CallActions): (state: State) => void {
  const views = [
    mountPanels(),
    mountRinging(actions),
    mountTalking(actions),
    mountTransfer(actions),
    mountWrapUp(actions),
  ];
  mountKeypad(actions);
  return (state) => {
    for (const view of views) view(state);
  };
}

function mountPanels(): (state: State) => void {
  const idle = element("idle", HTMLElement);
  const call = element("call", HTMLElement);
  const words = element("call-words", HTMLElement);
  const clock = element("clock", HTMLElement);
  let since: number | null = null;
  setInterval(() => {
    setText(clock, since === null ? "" : duration(Date.now() - since));
  }, 500);
  return (state) => {
    const now = panel(state);
    document.body.dataset["panel"] = now;
    idle.hidden = now !== "idle";
    call.hidden = now !== "ringing" && now !== "talking";
    setText(words, callWords(state));
    since = state.call?.since ?? null;
    if (since === null) setText(clock, "");
  };
}

function callWords({ call, view }: State): string {
  const name = view?.card?.name ?? call?.from ?? "Somebody";
  if (call?.held) return `${name} is on hold`;
  if (call?.stage === "talking")
    return view?.call_state === "whisper" ? `Announcing the caller: ${name}` : `Talking with ${name}`;
  return call ? `${name} is calling` : `${name} is about to ring…`;
}

function mountRinging(actions: CallActions): (state: State) => void {
  const row = element("ringing", HTMLElement);
  const accept = element("accept", HTMLButtonElement);
  const reason = element("decline-reason", HTMLSelectElement);
  accept.addEventListener("click", actions.accept);
  element("decline", HTMLButtonElement).addEventListener("click", () => {
    actions.decline(reason.value);
  });
  return (state) => {
    const wasHidden = row.hidden;
    row.hidden = panel(state) !== "ringing";
    // the telephone rings a moment after the card has come
    accept.disabled = state.call === null;
    if (wasHidden && !row.hidden) accept.focus();
  };
}

function mountTalking(actions: CallActions): (state: State) => void {
  const row = element("talking", HTMLElement);
  const mute = element("mute", HTMLButtonElement);
  const hold = element("hold", HTMLButtonElement);
  const isOn = (button: HTMLButtonElement) => button.getAttribute("aria-pressed") === "true";
  mute.addEventListener("click", () => actions.phone()?.setMuted(!isOn(mute)));
  hold.addEventListener("click", () => actions.phone()?.setHeld(!isOn(hold)));
  element("hang-up", HTMLButtonElement).addEventListener("click", actions.hangUp);
  return (state) => {
    row.hidden = panel(state) !== "talking";
    mute.setAttribute("aria-pressed", String(state.call?.muted ?? false));
    hold.setAttribute("aria-pressed", String(state.call?.held ?? false));
    if (row.hidden) for (const name of ["keypad", "transfer"]) fold(name, true);
  };
}

function mountKeypad(actions: CallActions): void {
  const keypad = element("keypad", HTMLElement);
  for (const key of KEYS) {
    const button = make("button", { type: "button", class: "quiet", "data-key": key }, key);
    button.addEventListener("click", () => actions.phone()?.press(key));
    keypad.append(button);
  }
  for (const name of ["keypad", "transfer"]) {
    element(`${name}-toggle`, HTMLButtonElement).addEventListener("click", () => {
      fold(name, !element(name, HTMLElement).hidden);
    });
  }
}

function fold(name: string, hidden: boolean): void {
  element(name, HTMLElement).hidden = hidden;
  element(`${name}-toggle`, HTMLButtonElement).setAttribute("aria-expanded", String(!hidden));
}

function mountTransfer(actions: CallActions): (state: State) => void {
  const form = element("transfer", HTMLFormElement);
  const extension = element("extension", HTMLInputElement);
  const now = element("transfer-now", HTMLButtonElement);
  const consult = element("consult", HTMLButtonElement);
  const complete = element("complete", HTMLButtonElement);
  const drop = element("drop-consultation", HTMLButtonElement);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    actions.phone()?.transfer(extension.value);
  });
  consult.addEventListener("click", () => {
    if (form.reportValidity()) actions.phone()?.consult(extension.value);
  });
  complete.addEventListener("click", () => actions.phone()?.complete(extension.value));
  drop.addEventListener("click", () => actions.phone()?.dropConsultation());
  return ({ consultation, giving }) => {
    const asking = consultation !== "none";
    for (const button of [now, consult, complete, drop]) button.disabled = giving;
    now.hidden = consult.hidden = asking;
    drop.hidden = !asking;
    complete.hidden = consultation !== "talking";
    const words = { none: "", ringing: "Ringing at your colleague…", talking: "You are talking with your colleague." };
    setText(
      element("consultation", HTMLElement),
      giving ? "Giving the caller to your colleague…" : words[consultation],
    );
  };
}

function mountWrapUp(actions: CallActions): (state: State) => void {
  const form = element("wrap-up", HTMLFormElement);
  const notes = element("notes", HTMLTextAreaElement);
  const note = element("notes-state", HTMLElement);
  let transfer = "";
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    setText(note, "Saving…");
    const saved = notes.value.trim() === "" ? Promise.resolve() : actions.saveNotes(transfer, notes.value);
    saved.then(
      () => {
        notes.value = "";
        setText(note, "");
        actions.sendAction("ready");
      },
      () => {
        setText(note, "Not saved. Please try again.");
      },
    );
  });
  return (state) => {
    form.hidden = panel(state) !== "wrap_up";
    transfer = state.view?.card?.transfer_id ?? "";
  };
}

function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  return `${String(Math.floor(seconds / 60))}:${String(seconds % 60).padStart(2, "0")}`;
}
