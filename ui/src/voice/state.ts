/** The state of the voice page, and the mood that the caller sees. Changed by `reduce` only. */

import type { MicFault } from "../audio/microphone";
import type { AnyServerMessage, AuthOk, TransferStatus } from "../protocol.generated";

export type Link = "connecting" | "asked" | "live" | "reconnecting" | "ended";
export type OfflinePart = AuthOk["offline"][number];
export type Mood =
  | "connecting"
  | "pin"
  | "ready"
  | "listening"
  | "thinking"
  | "speaking"
  | "waiting"
  | "talking"
  | "reconnecting"
  | "busy"
  | "ended";

export interface TranscriptEntry {
  /** A later entry with the same key replaces this one. */
  key: string;
  role: "caller" | "agent" | "notice";
  text: string;
  turn: string | null;
  /** Not yet confirmed by the server, or still growing. */
  draft: boolean;
  /** `seq` of the last piece of an entry that grows. */
  grownBy?: number;
}

export interface PinForm {
  checking: boolean;
  error: string | null;
  /** Unix time in ms before which no attempt is allowed. */
  waitUntil: number | null;
}

/** The server has no room for this call now. */
export interface NoRoom {
  because: string;
  /** Unix time in ms at which the page tries again by itself. */
  retryAt: number;
}

/** A hand-over to a human. */
export interface Transfer {
  stage: Exclude<TransferStatus["state"], "ended" | "failed">;
  department: string;
  agentName: string;
  position: number | null;
  waitS: number | null;
}

export interface State {
  link: Link;
  /** Null until the server has sent it. */
  pinRequired: boolean | null;
  pin: PinForm;
  noRoom: NoRoom | null;
  /** Whether there is a session, live or to be resumed. */
  inSession: boolean;
  userName: string;
  offline: readonly OfflinePart[];
  transcript: readonly TranscriptEntry[];
  recording: boolean;
  micFault: MicFault | null;
  /** Utterances that the server has not started to process. */
  unanswered: readonly string[];
  /** Turns in progress: utterance id by turn id. */
  turns: Readonly<Record<string, string>>;
  /** Unix time in ms at which the caller began to wait. */
  waitingSince: number | null;
  /** The current step, in the server's words. */
  detail: string | null;
  transfer: Transfer | null;
  /** The last hand-over failed, because nobody was there. */
  nobodyThere: boolean;
  /** The human does not hear the caller. */
  micMuted: boolean;
  playing: boolean;
  /** The browser blocks sound until a gesture: the agent's, or that of a talk with a human. */
  audioBlocked: boolean;
  talkBlocked: boolean;
  endedBecause: string | null;
  volume: number;
  muted: boolean;
}

export type Action =
  | { type: "connecting" }
  | { type: "auth_required"; pinRequired: boolean }
  | { type: "pin_submitted" }
  | { type: "lost" }
  | { type: "no_room"; because: string; retryAt: number }
  | { type: "resume_failed" }
  | { type: "ended"; because: string }
  | { type: "server"; message: AnyServerMessage; now: number }
  | { type: "recording"; on: boolean }
  | { type: "said"; utterance: string; text: string | null; now: number }
  | { type: "refused"; utterance: string }
  | { type: "answer_over"; turn: string }
  | { type: "cancelled" }
  | { type: "notice"; key: string; text: string }
  | { type: "mic_fault"; fault: MicFault | null }
  | { type: "playing"; on: boolean }
  | { type: "audio_blocked"; blocked: boolean }
  | { type: "talk_blocked"; blocked: boolean }
  | { type: "mic_muted"; on: boolean }
  | { type: "volume"; volume: number; muted: boolean };

export const INITIAL: State = {
  link: "connecting",
  pinRequired: null,
  pin: { checking: false, error: null, waitUntil: null },
  noRoom: null,
  inSession: false,
  userName: "",
  offline: [],
  transcript: [],
  recording: false,
  micFault: null,
  unanswered: [],
  turns: {},
  waitingSince: null,
  detail: null,
  transfer: null,
  nobodyThere: false,
  micMuted: false,
  playing: false,
  audioBlocked: false,
  talkBlocked: false,
  endedBecause: null,
  volume: 0.9,
  muted: false,
};

export function isThinking(state: State): boolean {
  return state.unanswered.length > 0 || Object.keys(state.turns).length > 0;
}

export function mood(state: State): Mood {
  switch (state.link) {
    case "connecting":
    case "ended":
      return state.link;
    case "reconnecting":
      return state.noRoom ? "busy" : "reconnecting";
    case "asked":
      return state.pinRequired === true ? "pin" : "connecting";
    case "live":
      if (state.transfer?.stage === "connected") return "talking";
      if (state.recording) return "listening";
      if (state.playing) return "speaking";
      if (isThinking(state)) return "thinking";
      return state.transfer ? "waiting" : "ready";
  }
}
