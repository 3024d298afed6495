/** Small labels. The words carry the meaning, the color only supports it. */

import { make, setText } from "../../common/dom";
import { nameOf } from "../words";

type Kind = "domain" | "state" | "status";

export function badge(kind: Kind, name: string): HTMLElement {
  return make("span", { class: "badge", [`data-${kind}`]: name }, nameOf(name));
}

/** Changes a badge; without a name it is hidden. */
export function setBadge(target: HTMLElement, kind: Kind, name: string | null | undefined): void {
  if (target.dataset[kind] === (name ?? "")) return;
  target.dataset[kind] = name ?? "";
  target.hidden = !name;
  setText(target, name ? nameOf(name) : "");
}
