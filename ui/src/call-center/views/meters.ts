/**
 * Levels of the microphone and of the other side in a direct call. Screen readers find the value and are not told of
 * its changes.
 */

import { element, setText } from "../../common/dom";
import { callOf, consultationOf, isDirect, type State } from "../state";

const DRAW_MS = 80;
/** Share of a level that is left at the next drawing, so that a peak can be seen. */
const DECAY = 0.6;
/** Drawings per change of the value for screen readers: about a second. */
const PER_VALUE = 12;

class Meter {
  private level = 0;
  private drawn = -1;
  private drawings = 0;

  constructor(private readonly bar: HTMLElement) {}

  add(level: number): void {
    this.level = Math.max(this.level, level);
  }

  draw(): void {
    const percent = Math.round(100 * this.level);
    this.level *= DECAY;
    if (percent !== this.drawn) this.bar.style.setProperty("--level", (percent / 100).toFixed(2));
    if (this.drawings % PER_VALUE === 0) this.bar.setAttribute("aria-valuenow", String(percent));
    this.drawn = percent;
    this.drawings += 1;
  }
}

export interface Meters {
  draw: (state: State) => void;
  add: (whose: "own" | "other", level: number) => void;
}

export function mountMeters(): Meters {
  const panel = element("meters", HTMLElement);
  const label = element("other-label", HTMLElement);
  const meters = {
    own: new Meter(element("own-level", HTMLElement)),
    other: new Meter(element("other-level", HTMLElement)),
  };
  setInterval(() => {
    if (!panel.hidden) for (const meter of Object.values(meters)) meter.draw();
  }, DRAW_MS);
  return {
    draw: (state) => {
      panel.hidden = !isDirect(state) || callOf(state)?.stage !== "talking";
      const isColleague = consultationOf(state) === "talking" || Boolean(state.view?.call?.from_colleague);
      setText(label, isColleague ? "Your colleague" : "The caller");
    },
    add: (whose, level) => {
      meters[whose].add(level);
    },
  };
}
