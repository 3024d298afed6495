/** Parts of the call's panel that a button shows and hides. */

import { element } from "../../common/dom";

export type Folded = "keypad" | "transfer";

export function mountFold(name: Folded): void {
  element(`${name}-toggle`, HTMLButtonElement).addEventListener("click", () => {
    fold(name, !element(name, HTMLElement).hidden);
  });
}

export function fold(name: Folded, hidden: boolean): void {
  element(name, HTMLElement).hidden = hidden;
  element(`${name}-toggle`, HTMLButtonElement).setAttribute("aria-expanded", String(!hidden));
}
