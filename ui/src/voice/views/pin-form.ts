/** Asks for the PIN. Hidden after login, or if no PIN is required. */

import { element, setText } from "../../common/dom";
import type { Call } from "../call";
import type { State } from "../state";
import { secondsWords, TEXT } from "../words";
import { Countdown } from "./countdown";

export function mountPinForm(call: Call): (state: State) => void {
  const form = element("pin-form", HTMLFormElement);
  const input = element("pin", HTMLInputElement);
  const submit = element("pin-submit", HTMLButtonElement);
  const error = element("pin-error", HTMLParagraphElement);
  const wait = element("pin-wait", HTMLParagraphElement);

  input.addEventListener("input", () => {
    call.expectPin();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (submit.disabled || input.value === "") return;
    call.submitPin(input.value);
    input.value = "";
  });

  let current: State | null = null;
  const countdown = new Countdown((waitMs) => {
    if (current) drawButton(current, waitMs);
  });
  const drawButton = ({ link, pin }: State, waitMs: number) => {
    submit.disabled = link !== "asked" || pin.checking || waitMs > 0;
    setText(error, pin.waitUntil !== null && waitMs === 0 ? TEXT.tryAgainNow : (pin.error ?? ""));
    // outside the error, which is announced to screen readers once, not every second
    setText(wait, waitMs > 0 ? `Please try again in ${secondsWords(waitMs)}.` : "");
  };
  return (state) => {
    const wasHidden = form.hidden;
    form.hidden = state.inSession || state.pinRequired !== true || state.link === "ended" || state.noRoom !== null;
    current = state;
    countdown.set(state.pin.waitUntil);
    setText(submit, state.pin.checking ? "Checking…" : "Start the call");
    input.setAttribute("aria-invalid", String(state.pin.error !== null));
    if (wasHidden && !form.hidden) input.focus();
  };
}
