/** Shows that the server has no room for the call, and when the page retries. */

import { element, setText } from "../../common/dom";
import type { Call } from "../call";
import type { State } from "../state";
import { againWords } from "../words";
import { Countdown } from "./countdown";

export function mountNoRoom(call: Call): (state: State) => void {
  const panel = element("no-room", HTMLElement);
  const why = element("no-room-why", HTMLParagraphElement);
  const wait = element("no-room-wait", HTMLParagraphElement);
  const tryNow = element("try-now", HTMLButtonElement);
  const stop = element("stop-trying", HTMLButtonElement);
  // announced to screen readers once, not every second
  const countdown = new Countdown((leftMs) => {
    setText(wait, againWords(leftMs));
  });
  tryNow.addEventListener("click", () => {
    call.tryNow();
  });
  stop.addEventListener("click", () => {
    call.stopTrying();
  });
  let drawn: State["noRoom"] = null;
  return ({ noRoom, inSession }) => {
    if (noRoom === drawn) return;
    const isNew = drawn === null;
    drawn = noRoom;
    panel.hidden = noRoom === null;
    setText(why, noRoom ? `${noRoom.because} The page tries again by itself.` : "");
    countdown.set(noRoom?.retryAt ?? null);
    stop.hidden = inSession; // hanging up does the same
    // the form that had the focus is hidden now
    if (isNew && !inSession) tryNow.focus();
  };
}
