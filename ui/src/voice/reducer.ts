/** Pure state transitions of the voice page. */

import { closed, typedKey, withEntry } from "./transcript";
import { reduceServer, turnOver } from "./server-messages";
import { INITIAL, isThinking, type Action, type State } from "./state";
import { TEXT } from "./words";

const FRESH_PIN = INITIAL.pin;

export function reduce(state: State, action: Action): State {
  switch (action.type) {
    case "connecting":
      return { ...INITIAL, volume: state.volume, muted: state.muted };
    case "auth_required":
      return asked(state, action.pinRequired);
    case "pin_submitted":
      return { ...state, pin: { ...FRESH_PIN, checking: true } };
    case "lost":
      return { ...state, link: "reconnecting", noRoom: null };
    case "no_room":
      return { ...state, noRoom: { because: action.because, retryAt: action.retryAt } };
    case "resume_failed":
      return forgotten(state);
    case "ended":
      return { ...idle(state), ...GONE, endedBecause: action.because };
    case "server":
      return settled(reduceServer(state, action.message, action.now));
    case "said":
      return said(state, action.utterance, action.text, action.now);
    case "refused":
      return settled({ ...state, unanswered: state.unanswered.filter((each) => each !== action.utterance) });
    case "answer_over":
      return settled(turnOver(state, action.turn));
    case "cancelled":
      return idle(state);
    default:
      return reduceDevices(state, action);
  }
}

type DeviceAction = Extract<
  Action,
  { type: "recording" | "notice" | "mic_fault" | "mic_muted" | "playing" | "audio_blocked" | "talk_blocked" | "volume" }
>;

function reduceDevices(state: State, action: DeviceAction): State {
  switch (action.type) {
    case "recording":
      return { ...state, recording: action.on, micFault: action.on ? null : state.micFault };
    case "notice":
      return { ...state, transcript: withEntry(state.transcript, notice(action.key, action.text)) };
    case "mic_fault":
      return { ...state, micFault: action.fault };
    case "mic_muted":
      return { ...state, micMuted: action.on };
    case "playing":
      return { ...state, playing: action.on };
    case "audio_blocked":
      return { ...state, audioBlocked: action.blocked };
    case "talk_blocked":
      return { ...state, talkBlocked: action.blocked };
    case "volume":
      return { ...state, volume: action.volume, muted: action.muted };
  }
}

const GONE = { link: "ended", noRoom: null, inSession: false, recording: false, transfer: null } as const;

function idle(state: State): State {
  const transcript = closed(state.transcript);
  return { ...state, transcript, unanswered: [], turns: {}, waitingSince: null, detail: null, playing: false };
}

function asked(state: State, pinRequired: boolean): State {
  return { ...state, link: "asked", pinRequired, pin: { ...state.pin, checking: false }, noRoom: null };
}

function said(state: State, utterance: string, text: string | null, now: number): State {
  const key = typedKey(utterance);
  const transcript =
    text === null
      ? state.transcript
      : withEntry(state.transcript, { key, role: "caller", text, turn: null, draft: true });
  return { ...state, transcript, unanswered: [...state.unanswered, utterance], waitingSince: now };
}

function forgotten(state: State): State {
  const { volume, muted, transcript, pinRequired } = state;
  const fresh = { ...INITIAL, volume, muted, transcript: closed(transcript), pinRequired };
  return { ...fresh, pin: { ...FRESH_PIN, error: TEXT.resumeFailed } };
}

function settled(state: State): State {
  return isThinking(state) ? state : { ...state, waitingSince: null, detail: null };
}

function notice(key: string, text: string) {
  return { key, role: "notice", text, turn: null, draft: false } as const;
}
