/** What each server message does to the voice page's state. */

import type {
  AgentStreamChunk,
  Announcement,
  AnyServerMessage,
  AuthOk,
  ErrorMessage,
  Greeting,
  ProcessingStart,
  ToolEvent,
  TransferStatus,
} from "../protocol.generated";
import { adopted, agentKey, callerKey, closed, lineOf, withLine } from "./lines";
import { INITIAL, type Line, type State } from "./state";
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
      return noted(state, message.seq, `You are being connected with ${message.department}.`);
    case "transfer_status":
      return transferred(state, message);
    case "error":
      return failed(state, message, now);
    case "audio_ack":
      return state; // the caller's own affair
    case "auth_required":
    case "heartbeat_ack":
    case "reconnect":
      return state; // the connection's own affair
  }
}

const PHASE_MARK = { started: "…", finished: " – done", failed: " – failed" } as const;

function welcomed(state: State, message: AuthOk): State {
  // how a hand-over goes is told anew
  const { pin, noRoom, micFault, transfer } = INITIAL;
  const known = { ...state, link: "live", inSession: true, pin, noRoom, micFault, transfer } as const;
  const who = { userName: message.user_name, offline: message.offline };
  if (!message.resumed) return { ...known, ...who, lines: [], turns: {}, unanswered: [] };
  // a turn that the server no longer works on will not end here
  const open = Object.entries(state.turns).filter(([, utterance]) => utterance === message.pending_utterance_id);
  const turns = Object.fromEntries(open);
  return { ...known, ...who, turns, lines: closed(state.lines, (turn) => !(turn in turns)) };
}

function begun(state: State, message: ProcessingStart, now: number): State {
  const utterance = message.utterance_id ?? "";
  const lines = adopted(state.lines, utterance, message.turn_id);
  return {
    ...state,
    lines: begunAnew(lines, message.turn_id),
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

/** A piece that is told again after a reload adds nothing, and none comes after the whole answer. */
function grown(state: State, { turn_id: turn, text_chunk: piece, seq }: AgentStreamChunk): State {
  const key = agentKey(turn);
  const line = lineOf(state.lines, key);
  if (line && (!line.draft || seq <= (line.grownBy ?? 0))) return state;
  const text = line?.grownBy === undefined ? piece : line.text + piece;
  return withText(state, { key, role: "agent", text, turn, draft: true, grownBy: seq });
}

/** What was shown of an answer stays until its first piece comes again. */
function begunAnew(lines: readonly Line[], turn: string): readonly Line[] {
  const line = lineOf(lines, agentKey(turn));
  return line ? withLine(lines, { key: line.key, role: "agent", text: line.text, turn, draft: true }) : lines;
}

function worked(state: State, { turn_id, tool, label, phase }: ToolEvent): State {
  const text = `${label}${PHASE_MARK[phase]}`;
  const key = `tool/${turn_id}/${tool}/${label}`;
  return withText(state, { key, role: "notice", text, turn: turn_id, draft: phase === "started" });
}

export function turnOver(state: State, turn: string): State {
  const turns = Object.fromEntries(Object.entries(state.turns).filter(([each]) => each !== turn));
  return { ...state, turns, lines: closed(state.lines, (each) => each === turn) };
}

function failed(state: State, error: ErrorMessage, now: number): State {
  // the rest of a recording that the server has given up already: nothing to tell, nothing to do
  if (error.code === "invalid_mode") return state;
  if (state.inSession) {
    if (state.lines.at(-1)?.text === errorWords(error)) return state; // one of a burst
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

function transferred(state: State, message: TransferStatus): State {
  const noticed = message.seq > 0 ? noted(state, message.seq, transferWords(message)) : state;
  if (message.state === "ended" || message.state === "failed") return { ...noticed, transfer: null, micMuted: false };
  const { department, agent_name: agentName, position, wait_s: waitS } = message;
  const transfer = { department, agentName: agentName ?? "", position: position ?? null, waitS: waitS ?? null };
  return { ...noticed, transfer: { ...transfer, stage: message.state } };
}

function noted(state: State, seq: number, text: string): State {
  return withText(state, { key: `notice/${seq}`, role: "notice", text, turn: null, draft: false });
}

function withText(state: State, line: Line): State {
  return { ...state, lines: withLine(state.lines, line) };
}
