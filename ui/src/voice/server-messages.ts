/** State transitions of the voice page for each server message. */

import type {
  AgentStreamChunk,
  Announcement,
  AnyServerMessage,
  AuthOk,
  ErrorMessage,
  Greeting,
  ProcessingStart,
  ToolEvent,
  TransferInitiated,
  TransferStatus,
} from "../protocol.generated";
import { adopted, agentKey, callerKey, closed, entryOf, withEntry } from "./transcript";
import { INITIAL, type State, type TranscriptEntry } from "./state";
import { errorWords, plainErrorWords, transferWords } from "./words";

export function reduceServer(state: State, message: AnyServerMessage, now: number): State {
  switch (message.type) {
    case "auth_ok":
      return welcomed(state, message);
    case "greeting":
    case "announcement":
      return announced(state, message);
    case "status":
      return { ...state, detail: message.message };
    case "processing_start":
      return begun(state, message, now);
    case "transcript_partial":
    case "transcript_final":
      return heard(state, message.turn_id, message.text, !message.is_final);
    case "agent_stream_chunk":
      return grown(state, message);
    case "agent_final":
      return answered(state, message.turn_id, message.text);
    case "tool_event":
      return worked(state, message);
    case "audio_chunk":
      return message.is_final ? turnOver(state, message.turn_id) : state;
    case "playback_stop":
      return message.turn_id ? turnOver(state, message.turn_id) : state;
    case "transfer_initiated":
      return initiated(state, message);
    case "transfer_status":
      return transferred(state, message);
    case "error":
      return failed(state, message, now);
    case "audio_ack":
      return state; // handled by `Caller`
    case "auth_required":
    case "heartbeat_ack":
    case "reconnect":
      return state; // handled by `Connection`
  }
}

/** `transfer_status.reason` of a hand-over that found no desk. */
const NOBODY_THERE = "nobody_there";

const PHASE_MARK = { started: "…", finished: " – done", failed: " – failed" } as const;

function welcomed(state: State, message: AuthOk): State {
  // the server sends the state of a hand-over again
  const { pin, noRoom, micFault, transfer } = INITIAL;
  const known = { ...state, link: "live", inSession: true, pin, noRoom, micFault, transfer } as const;
  const who = { userName: message.user_name, offline: message.offline };
  if (!message.resumed) return { ...known, ...who, transcript: [], turns: {}, unanswered: [] };
  // a turn that the server no longer works on never ends here
  const open = Object.entries(state.turns).filter(([, utterance]) => utterance === message.pending_utterance_id);
  const turns = Object.fromEntries(open);
  return { ...known, ...who, turns, transcript: closed(state.transcript, (turn) => !(turn in turns)) };
}

function begun(state: State, message: ProcessingStart, now: number): State {
  const utterance = message.utterance_id ?? "";
  const transcript = adopted(state.transcript, utterance, message.turn_id);
  return {
    ...state,
    transcript: restarted(transcript, message.turn_id),
    unanswered: state.unanswered.filter((each) => each !== utterance),
    turns: { ...state.turns, [message.turn_id]: utterance },
    waitingSince: state.waitingSince ?? now,
  };
}

function heard(state: State, turn: string, text: string, draft: boolean): State {
  return withText(state, { key: callerKey(turn), role: "caller", text, turn, draft });
}

function answered(state: State, turn: string, text: string): State {
  return withText(state, { key: agentKey(turn), role: "agent", text, turn, draft: false });
}

/** Ignores pieces that are repeated after a reload, and pieces after the complete answer. */
function grown(state: State, { turn_id: turn, text_chunk: piece, seq }: AgentStreamChunk): State {
  const key = agentKey(turn);
  const entry = entryOf(state.transcript, key);
  if (entry && (!entry.draft || seq <= (entry.grownBy ?? 0))) return state;
  const text = entry?.grownBy === undefined ? piece : entry.text + piece;
  return withText(state, { key, role: "agent", text, turn, draft: true, grownBy: seq });
}

/** Keeps the text of an answer until its first piece arrives again. */
function restarted(transcript: readonly TranscriptEntry[], turn: string): readonly TranscriptEntry[] {
  const entry = entryOf(transcript, agentKey(turn));
  return entry
    ? withEntry(transcript, { key: entry.key, role: "agent", text: entry.text, turn, draft: true })
    : transcript;
}

function worked(state: State, { turn_id, tool, label, phase }: ToolEvent): State {
  const text = `${label}${PHASE_MARK[phase]}`;
  const key = `tool/${turn_id}/${tool}/${label}`;
  return withText(state, { key, role: "notice", text, turn: turn_id, draft: phase === "started" });
}

export function turnOver(state: State, turn: string): State {
  const turns = Object.fromEntries(Object.entries(state.turns).filter(([each]) => each !== turn));
  return { ...state, turns, transcript: closed(state.transcript, (each) => each === turn) };
}

function failed(state: State, error: ErrorMessage, now: number): State {
  // the rest of a recording that the server has already dropped: nothing to show
  if (error.code === "invalid_mode") return state;
  if (state.inSession) {
    if (state.transcript.at(-1)?.text === errorWords(error)) return state; // one of a burst
    const key = `notice/${error.turn_id ?? ""}/${error.code}/${error.seq || now}`;
    return withText(state, { key, role: "notice", text: errorWords(error), turn: error.turn_id ?? null, draft: false });
  }
  const waitUntil = error.retry_after_ms ? now + error.retry_after_ms : null;
  return { ...state, pin: { checking: false, error: plainErrorWords(error), waitUntil } };
}

function announced(state: State, { type, seq, text }: Greeting | Announcement): State {
  const key = type === "greeting" ? type : `announcement/${seq}`;
  return withText(state, { key, role: "agent", text, turn: null, draft: false });
}

function initiated(state: State, { seq, department }: TransferInitiated): State {
  return noted({ ...state, nobodyThere: false }, seq, `You are being connected with ${department}.`);
}

function transferred(state: State, message: TransferStatus): State {
  const noticed = message.seq > 0 ? noted(state, message.seq, transferWords(message)) : state;
  if (message.state === "ended" || message.state === "failed") {
    const nobodyThere = message.state === "failed" && message.reason === NOBODY_THERE;
    return { ...noticed, transfer: null, micMuted: false, nobodyThere };
  }
  const { department, agent_name: agentName, position, wait_s: waitS } = message;
  const transfer = { department, agentName: agentName ?? "", position: position ?? null, waitS: waitS ?? null };
  return { ...noticed, transfer: { ...transfer, stage: message.state } };
}

function noted(state: State, seq: number, text: string): State {
  return withText(state, { key: `notice/${seq}`, role: "notice", text, turn: null, draft: false });
}

function withText(state: State, entry: TranscriptEntry): State {
  return { ...state, transcript: withEntry(state.transcript, entry) };
}
