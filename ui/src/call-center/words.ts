/** The texts of a desk's page that depend on its state. */

import type { MicFault } from "../audio/microphone";
import type { DeskView } from "../protocol.generated";
import { callOf, consultationOf, isDirect, type Registration, type State } from "./state";

const STATE_WORDS: Record<DeskView["state"], string> = {
  ready: "Ready",
  not_ready: "Not ready",
  ringing: "A call for you",
  on_call: "On a call",
  wrap_up: "After the call",
};

export const MIC_WORDS: Record<MicFault, string> = {
  refused: "The microphone is blocked. Allow it with the icon beside the page's address, then try again.",
  missing: "No microphone was found. Plug one in, then try again.",
  in_use: "The microphone can't be opened; another program may be using it. Close that program, then try again.",
  insecure: "Browsers allow the microphone on secure addresses only. Open this page with https:// or on localhost.",
  unsupported: "This browser can't carry a call. Please use a current one.",
  lost: "The microphone was disconnected. Plug it in, then reload the page; the call goes on.",
};

const TELEPHONE_WORDS: Record<Exclude<Registration, "page">, string> = {
  none: "",
  registering: "Telephone: connecting…",
  registered: "Telephone: ready",
  failed: "Telephone: not working",
};

/** The state of the desk. */
export function deskWords({ view, connected, takenOver }: State): string {
  if (takenOver) return "In another window";
  return view && connected ? STATE_WORDS[view.state] : "Connecting…";
}

/** The line about the desk's telephone. */
export function lineWords({ registration, registrationFault, connected, micFault }: State): string {
  if (registration !== "page") return registrationFault || TELEPHONE_WORDS[registration];
  if (micFault !== null) return "This page is your telephone: no microphone";
  return `This page is your telephone: ${connected ? "ready" : "connecting…"}`;
}

/** The headline of the call. */
export function callWords(state: State): string {
  const { view } = state;
  const call = callOf(state);
  const name = view?.card?.name ?? call?.from ?? "Somebody";
  if (call?.stage === "talking") return talkWords(state, name);
  const colleague = view?.call?.from_colleague;
  if (colleague) return `${colleague} asks you about ${name}`;
  return call ? `${name} is calling` : `${name} is about to ring…`;
}

function talkWords(state: State, name: string): string {
  const { view } = state;
  const colleague = view?.call?.from_colleague;
  const other = callOf(state)?.from ?? name;
  if (isDirect(state) && !state.streaming) return `Connecting you with ${other}…`;
  if (isDirect(state) && state.audioBlocked) return `${other} can't hear you yet`;
  if (colleague) return `Talking with ${colleague} about ${name}`;
  if (consultationOf(state) === "talking") return `Talking with your colleague, ${name} is on hold`;
  if (callOf(state)?.held) return `${name} is on hold`;
  return view?.call_state === "whisper" ? `Announcing the caller: ${name}` : `Talking with ${name}`;
}
