/** Small labels: the words tell, the colour only helps. */

import { make, setText } from "../../common/dom";
import { nameOf } from "../words";

type Kind = "domain" | "state" | "status";

export function badge(kind: Kind, name: string): HTMLElement {
  return make("span", { class: "badge", [`data-${kind}`]: name }, nameOf(name));
}

/** Makes a badge say something else; without a name it is not shown. */
export function setBadge(target: HTMLElement, kind: Kind, name: string | null | undefined): void {
  if (target.dataset[kind] === (name ?? "")) return;
  target.dataset[kind] = name ?? "";
  target.hidden = !name;
  setText(target, name ? nameOf(name) : "");
}
