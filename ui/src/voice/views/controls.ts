/** Everything around the talk button: stop, hang up, volume, mute, typed input, what runs embedded, microphone help. */

import { element, setText } from "../../common/dom";
import type { Call } from "../call";
import { isThinking, type Action, type State } from "../state";
import { MIC_WORDS, offlineWords } from "../words";

type View = (state: State) => void;

export function mountTextInput(call: Call): View {
  const form = element("composer", HTMLFormElement);
  const input = element("text", HTMLInputElement);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = input.value.trim();
    if (text === "") return;
    call.sendText(text);
    input.value = "";
  });
  return () => undefined; // it always works: what is typed without a connection is sent with the next one
}

export function mountStop(call: Call): View {
  const stop = element("stop", HTMLButtonElement);
  const press = () => {
    if (!stop.disabled) call.stop();
  };
  stop.addEventListener("click", press);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") press();
  });
  return (state) => {
    stop.disabled = !(state.inSession && (state.recording || state.playing || isThinking(state)));
  };
}

export function mountSound(call: Call, dispatch: (action: Action) => void): View {
  const volume = element("volume", HTMLInputElement);
  const mute = element("mute", HTMLButtonElement);
  const unblock = element("unblock", HTMLButtonElement);
  const change = (muted: boolean) => {
    dispatch({ type: "volume", volume: volume.valueAsNumber / 100, muted });
  };
  volume.addEventListener("input", () => {
    change(false);
  });
  mute.addEventListener("click", () => {
    change(mute.getAttribute("aria-pressed") !== "true");
  });
  unblock.addEventListener("click", () => {
    call.unblockSound();
  });
  return (state) => {
    volume.value = String(Math.round(state.volume * 100));
    mute.setAttribute("aria-pressed", String(state.muted));
    const talking = state.transfer?.stage === "connected";
    unblock.hidden = talking ? !state.talkBlocked : !(state.audioBlocked && state.playing);
    setText(unblock, talking ? "Tap to go on talking" : "Tap to hear the answer");
  };
}

export function mountHangUp(call: Call): View {
  const hangUp = element("hangup", HTMLButtonElement);
  hangUp.addEventListener("click", () => {
    call.hangUp();
  });
  return (state) => {
    hangUp.hidden = !state.inSession;
  };
}

export function mountNotes(): View {
  const offline = element("offline", HTMLParagraphElement);
  const help = element("mic-help", HTMLParagraphElement);
  return (state) => {
    const words = offlineWords(state.offline);
    offline.hidden = words === "";
    setText(offline, words);
    help.hidden = state.micFault === null;
    setText(help, state.micFault === null ? "" : MIC_WORDS[state.micFault]);
  };
}
