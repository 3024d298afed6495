/** All texts of the voice page. */

import type { MicFault } from "../audio/microphone";
import type { ErrorCode, ErrorMessage, TransferStatus } from "../protocol.generated";
import type { Mood, OfflinePart, Transfer } from "./state";

export const MOOD_WORDS: Record<Mood, string> = {
  connecting: "Connecting…",
  pin: "Please sign in",
  ready: "Ready",
  listening: "Listening…",
  thinking: "Thinking…",
  speaking: "Speaking…",
  waiting: "Connecting you…",
  talking: "With a person",
  reconnecting: "Reconnecting…",
  busy: "No free line yet",
  ended: "Call ended",
};

/** Null where the server's message is better, because it knows the case. */
const ERROR_WORDS: Record<ErrorCode, string | null> = {
  bad_json: "The page and the server misunderstood each other. Please reload the page.",
  unknown_type: "The page and the server misunderstood each other. Please reload the page.",
  bad_field: null,
  bad_base64: "Part of the recording was damaged on its way. Please say it again.",
  message_too_large: "That was too much at once. Please make it shorter.",
  rate_limited: "That was too fast. Please wait a moment.",
  origin_refused: "This page may not use the service. Please open it at its own address.",
  auth_required: "Please sign in first.",
  auth_failed: "That PIN was not accepted. Please try again.",
  auth_throttled: "Too many attempts.",
  resume_failed: null,
  invalid_mode: null,
  busy: "One moment, I'm still working on what you said.",
  recording_too_short: "That was too short. Hold the button while you speak.",
  utterance_too_long: "That was too long. Please say it in shorter pieces.",
  bad_audio: "I couldn't read that recording. Please try again.",
  no_speech: "I didn't catch that. Please say it again.",
  stt_failed: null,
  agent_failed: null,
  tts_failed: "I can't speak right now, so please read my answer.",
  overloaded: "All lines are busy right now.",
  too_many_sessions: "There are too many calls from your network right now.",
  session_ended: null,
  internal_error: null,
};

/** Omits the time to retry, for places that count it down. */
export function plainErrorWords(error: ErrorMessage): string {
  return ERROR_WORDS[error.code] ?? error.message;
}

export function errorWords(error: ErrorMessage): string {
  const words = plainErrorWords(error);
  return error.retry_after_ms ? `${words} Please try again in ${secondsWords(error.retry_after_ms)}.` : words;
}

export function secondsWords(ms: number): string {
  const seconds = Math.max(1, Math.ceil(ms / 1_000));
  return seconds === 1 ? "1 second" : `${seconds} seconds`;
}

/** Says when the page retries. */
export function againWords(leftMs: number): string {
  return leftMs === 0 ? TEXT.tryingNow : `Trying again in ${secondsWords(leftMs)}.`;
}

const OFFLINE_WORDS: Record<OfflinePart, string> = {
  stt: "speech recognition",
  tts: "voice",
  agent: "agent",
  database: "database",
  checkpoints: "call memory",
};

export function offlineWords(parts: readonly OfflinePart[]): string {
  return parts.length === 0 ? "" : `Offline: ${parts.map((part) => OFFLINE_WORDS[part]).join(", ")}`;
}

const TRANSFER_WORDS: Record<TransferStatus["state"], (who: string) => string> = {
  queued: (who) => `Waiting for ${who}…`,
  dialing: (who) => `Calling ${who}…`,
  ringing: (who) => `Ringing at ${who}…`,
  connected: (who) => `You are connected with ${who}.`,
  ended: (who) => `The call with ${who} is over.`,
  failed: (who) => `You were not connected with ${who}.`,
};

export function transferWords({ state, department, agent_name: name }: TransferStatus): string {
  return TRANSFER_WORDS[state](name ? `${name} (${department})` : department);
}

/** Text of the panel while a human is being called or connected. */
export function waitWords({ stage, department, agentName, position, waitS }: Transfer): string {
  const who = agentName ? `${agentName} (${department})` : department;
  if (stage !== "queued") return TRANSFER_WORDS[stage](who);
  // nobody is at work, so the wait is unknown
  if (waitS === null) return `Nobody in ${who} is free right now. Still trying…`;
  const place = position === 1 ? "You are next in line" : `You are number ${String(position ?? "")} in line`;
  const minutes = Math.max(1, Math.round(waitS / 60));
  return `${place} for ${who}, about ${minutes === 1 ? "a minute" : `${String(minutes)} minutes`}.`;
}

export const MIC_WORDS: Record<MicFault, string> = {
  refused:
    "The microphone is blocked. Allow it with the icon beside the page's address, then press the button again. You can type meanwhile.",
  missing: "No microphone was found. Plug one in, then press the button again. You can type meanwhile.",
  in_use:
    "The microphone can't be opened; another program may be using it. Close that program, then press the button again. You can type meanwhile.",
  insecure:
    "Browsers allow the microphone on secure addresses only. Open this page with https:// or on localhost. You can type meanwhile.",
  unsupported: "This browser can't record or play a call. Please use a current one. You can type meanwhile.",
  lost: "The microphone was disconnected. Plug it in, then press the button again.",
};

export const TEXT = {
  tryTheHuman:
    "To be the human yourself: open the link that “make run” printed in a second window, press “I'm ready” there, then ask again here.",
  tryAgainNow: "You can try again now.",
  hangUp: "You hung up.",
  resumeFailed: "The call could not be resumed. Please sign in again.",
  takenOver: "This call continues in another window.",
  stopped: "Stopped.",
  holdAgain: "The microphone is ready. Hold the button and speak.",
  stoppedWaiting: "You stopped waiting for a free line.",
  tryingNow: "Trying again now…",
  recordingFull: "That was half a minute. I'm answering what I have heard so far.",
} as const;
