/** The call: accept, decline, talk, hold, keypad, and the notes after it. */

import { element, make, setText } from "../../common/dom";
import type { DeskAction } from "../../protocol.generated";
import { callOf, consultationOf, isDirect, panel, type State } from "../state";
import type { Telephone } from "../telephone";
import { callWords } from "../words";
import { fold, mountFold } from "./fold";
import { mountTransfer } from "./transfer";

export interface CallActions {
  /** Returns false, and says so, if the server can't be reached now. */
  sendAction: (action: DeskAction, text?: string) => boolean;
  /** Becomes ready, once the microphone may be used. */
  becomeReady: () => void;
  accept: () => void;
  decline: (reason: string) => void;
  hangUp: () => void;
  phone: () => Telephone | null;
  /** Lets the browser play and record, from a gesture. */
  unblock: () => void;
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
    mountTransfer(actions.phone),
    mountWrapUp(actions),
  ];
  mountKeypad(actions.phone);
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
    since = callOf(state)?.since ?? null;
    if (since === null) setText(clock, "");
  };
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
    accept.disabled = callOf(state) === null;
    // not disabled meanwhile, which would take the focus away
    accept.setAttribute("aria-busy", String(state.answering));
    setText(accept, state.answering ? "Opening the microphone…" : "Accept");
    if (wasHidden && !row.hidden) accept.focus();
  };
}

function mountTalking(actions: CallActions): (state: State) => void {
  const row = element("talking", HTMLElement);
  const mute = element("mute", HTMLButtonElement);
  const hold = element("hold", HTMLButtonElement);
  const unblock = element("unblock", HTMLButtonElement);
  unblock.addEventListener("click", actions.unblock);
  const isOn = (button: HTMLButtonElement) => button.getAttribute("aria-pressed") === "true";
  mute.addEventListener("click", () => actions.phone()?.setMuted(!isOn(mute)));
  hold.addEventListener("click", () => actions.phone()?.setHeld(!isOn(hold)));
  element("hang-up", HTMLButtonElement).addEventListener("click", actions.hangUp);
  return (state) => {
    row.hidden = panel(state) !== "talking";
    const call = callOf(state);
    mute.setAttribute("aria-pressed", String(call?.muted ?? false));
    hold.setAttribute("aria-pressed", String(call?.held ?? false));
    // a colleague who asks has the caller, and tones are for the machines behind a telephone
    const isAsked = Boolean(state.view?.call?.from_colleague);
    hold.hidden = isAsked;
    hold.disabled = isDirect(state) && consultationOf(state) !== "none";
    element("transfer-toggle", HTMLButtonElement).hidden = isAsked;
    element("keypad-toggle", HTMLButtonElement).hidden = isDirect(state);
    unblock.hidden = !state.audioBlocked;
    if (row.hidden) for (const name of ["keypad", "transfer"] as const) fold(name, true);
  };
}

function mountKeypad(phone: CallActions["phone"]): void {
  const keypad = element("keypad", HTMLElement);
  for (const key of KEYS) {
    const button = make("button", { type: "button", class: "quiet", "data-key": key }, key);
    button.addEventListener("click", () => phone()?.press(key));
    keypad.append(button);
  }
  mountFold("keypad");
}

function mountWrapUp(actions: CallActions): (state: State) => void {
  const form = element("wrap-up", HTMLFormElement);
  const notes = element("notes", HTMLTextAreaElement);
  const note = element("notes-state", HTMLElement);
  let transfer = "";
  /** Unsaved notes by call: a colleague's call may come between, and their caller must not get them. */
  const drafts = new Map<string, string>();
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    setText(note, "Saving…");
    const of = transfer;
    const saved = notes.value.trim() === "" ? Promise.resolve() : actions.saveNotes(of, notes.value);
    saved.then(
      () => {
        drafts.delete(of);
        if (of === transfer) notes.value = "";
        setText(note, "");
        actions.becomeReady();
      },
      () => {
        setText(note, "Not saved. Please try again.");
      },
    );
  });
  return (state) => {
    form.hidden = panel(state) !== "wrap_up";
    const shown = state.view?.card?.transfer_id ?? "";
    if (shown === transfer) return;
    drafts.set(transfer, notes.value);
    notes.value = drafts.get(shown) ?? "";
    transfer = shown;
  };
}

function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  return `${String(Math.floor(seconds / 60))}:${String(seconds % 60).padStart(2, "0")}`;
}
