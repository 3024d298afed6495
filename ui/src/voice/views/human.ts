/** The panel of a hand-over: who is being called or connected, mute, and leave. */

import { element, setText } from "../../common/dom";
import { isThisMachine } from "../../common/local-address";
import type { Call } from "../call";
import type { State } from "../state";
import { TEXT, waitWords } from "../words";

/** On the own machine there may be nobody yet who takes calls: the page says how to try it. */
export function mountHuman(call: Call, isLocal = isThisMachine(location.hostname)): (state: State) => void {
  const panel = element("human", HTMLElement);
  const words = element("human-words", HTMLParagraphElement);
  const ask = element("ask-human", HTMLButtonElement);
  const leave = element("leave-human", HTMLButtonElement);
  const mute = element("mute-mic", HTMLButtonElement);
  const hint = element("try-human", HTMLParagraphElement);
  ask.addEventListener("click", () => {
    call.askForHuman();
  });
  leave.addEventListener("click", () => {
    call.leaveHuman();
  });
  mute.addEventListener("click", () => {
    call.muteMicrophone(mute.getAttribute("aria-pressed") !== "true");
  });
  // the agent does not listen while a human is connected
  const forAgent = [
    element("controls", HTMLElement),
    element("talk-help", HTMLElement),
    element("composer", HTMLFormElement),
  ];
  return ({ transfer, micMuted, nobodyThere }) => {
    const talking = transfer?.stage === "connected";
    panel.hidden = transfer === null;
    ask.hidden = transfer !== null;
    setText(words, transfer ? waitWords(transfer) : "");
    hint.hidden = !(isLocal && nobodyThere);
    setText(hint, hint.hidden ? "" : TEXT.tryTheHuman);
    setText(leave, talking ? "End the talk" : "Stop waiting");
    mute.hidden = !talking;
    mute.setAttribute("aria-pressed", String(micMuted));
    for (const part of forAgent) part.hidden = talking;
  };
}
