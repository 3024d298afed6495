/** Passing the caller on to a colleague: at once, or after asking. */

import { element, setText } from "../../common/dom";
import { consultationOf, type State } from "../state";
import type { Telephone } from "../telephone";
import { fold, mountFold } from "./fold";

const WORDS: Record<State["consultation"], string> = {
  none: "",
  ringing: "Ringing at your colleague…",
  talking: "You are talking with your colleague.",
};

export function mountTransfer(phone: () => Telephone | null): (state: State) => void {
  const form = element("transfer", HTMLFormElement);
  const extension = element("extension", HTMLInputElement);
  const now = element("transfer-now", HTMLButtonElement);
  const consult = element("consult", HTMLButtonElement);
  const complete = element("complete", HTMLButtonElement);
  const drop = element("drop-consultation", HTMLButtonElement);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    phone()?.transfer(extension.value);
  });
  consult.addEventListener("click", () => {
    if (form.reportValidity()) phone()?.consult(extension.value);
  });
  complete.addEventListener("click", () => phone()?.complete(extension.value));
  drop.addEventListener("click", () => phone()?.dropConsultation());
  mountFold("transfer");
  return (state) => {
    const { giving } = state;
    const consultation = consultationOf(state);
    const asking = consultation !== "none";
    for (const button of [now, consult, complete, drop]) button.disabled = giving;
    extension.readOnly = asking;
    now.hidden = consult.hidden = asking;
    drop.hidden = !asking;
    complete.hidden = consultation !== "talking";
    if (asking && form.hidden) fold("transfer", false); // the way back to the caller, after a reload
    setText(
      element("consultation", HTMLElement),
      giving ? "Giving the caller to your colleague…" : WORDS[consultation],
    );
  };
}
