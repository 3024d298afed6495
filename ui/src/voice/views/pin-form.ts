/** Asks who is calling. Hidden as soon as the server knows, or when it does not want to. */

import { element, setText } from "../../common/dom";
import type { Call } from "../call";
import type { State } from "../state";
import { secondsWords, TEXT } from "../words";

export function mountPinForm(call: Call): (state: State) => void {
  const form = element("pin-form", HTMLFormElement);
  const input = element("pin", HTMLInputElement);
  const submit = element("pin-submit", HTMLButtonElement);
  const error = element("pin-error", HTMLParagraphElement);
  let countdown: ReturnType<typeof setInterval> | undefined;

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (submit.disabled || input.value === "") return;
    call.submitPin(input.value);
    input.value = "";
  });

  const draw = (state: State) => {
    const wasHidden = form.hidden;
    form.hidden = state.inSession || state.pinRequired !== true || state.link === "ended";
    const waitMs = Math.max(0, (state.pin.waitUntil ?? 0) - Date.now());
    submit.disabled = state.link !== "asked" || state.pin.checking || waitMs > 0;
    setText(submit, state.pin.checking ? "Checking…" : "Start the call");
    input.setAttribute("aria-invalid", String(state.pin.error !== null));
    setText(error, pinError(state, waitMs));
    if (wasHidden && !form.hidden) input.focus();
    clearInterval(countdown);
    if (waitMs > 0) {
      countdown = setInterval(() => {
        draw(state);
      }, 1_000);
    }
  };
  return draw;
}

function pinError({ pin }: State, waitMs: number): string {
  if (pin.error === null) return "";
  if (waitMs > 0) return `${pin.error} Please try again in ${secondsWords(waitMs)}.`;
  return pin.waitUntil === null ? pin.error : TEXT.tryAgainNow;
}
