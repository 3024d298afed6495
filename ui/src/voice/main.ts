/** Assembles the voice page: one store, one call, and the views. */

import { LevelMeter } from "../audio/level";
import { TalkAudio } from "../audio/talk-audio";
import { Store } from "../common/store";
import { Call } from "./call";
import { HoldTone, isHeld } from "./hold-tone";
import { reduce } from "./reducer";
import { loadSession, rememberedState, saveSession, saveSound, saveUnanswered } from "./session-memory";
import { openSocket } from "./socket";
import { SpeakerOutput } from "./speaker-output";
import type { State } from "./state";
import { mountHangUp, mountNotes, mountSound, mountStop, mountTextInput } from "./views/controls";
import { mountConversation } from "./views/conversation";
import { mountFrame } from "./views/frame";
import { mountHuman } from "./views/human";
import { mountNoRoom } from "./views/no-room";
import { mountPinForm } from "./views/pin-form";
import { drawLevel, mountTalk } from "./views/talk";

const memory = loadSession();
const store = new Store(reduce, rememberedState(memory));
const output = new SpeakerOutput((blocked) => {
  store.dispatch({ type: "audio_blocked", blocked });
});
const meter = new LevelMeter(drawLevel);
const holdTone = new HoldTone(output);
const call = new Call({
  store,
  output,
  openSocket,
  memory,
  openTalk: (callbacks) => new TalkAudio(callbacks),
  onStream: (stream) => {
    if (stream) meter.start(output.context.createMediaStreamSource(stream));
    else meter.stop();
  },
});

const views = [
  mountFrame(call),
  mountPinForm(call),
  mountNoRoom(call),
  mountConversation(),
  mountTalk(call),
  mountTextInput(call),
  mountStop(call),
  mountSound(call, (action) => {
    store.dispatch(action);
  }),
  mountHuman(call),
  mountHangUp(call),
  mountNotes(),
];
for (const view of views) store.subscribe(view);

store.subscribe((state: State) => {
  const volume = state.muted ? 0 : state.volume;
  output.setVolume(volume);
  call.setTalkVolume(volume);
  holdTone.set(isHeld(state));
  saveSound(state);
  saveSession(state, call.ticket);
});

window.addEventListener("online", () => {
  call.connection.retryNow();
});
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible") call.connection.retryNow();
});
window.addEventListener("pagehide", () => {
  saveSession(store.state, call.ticket);
  saveUnanswered(call.unanswered);
});
for (const gesture of ["pointerup", "keydown"] as const) {
  document.addEventListener(gesture, () => {
    call.unblockSound();
  });
}
