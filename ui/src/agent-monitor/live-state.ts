/** The live state: numbers, calls, and the watched call. Changed by `reduceLive` only. */

import type {
  AnyMonitorServerMessage,
  CallState,
  LiveCall,
  LiveLine,
  MonitorLines,
  MonitorSnapshot,
  MonitorUpdate,
  Now,
  Today,
} from "../protocol.generated";

/** The call whose transcript is open. */
export interface Watched {
  sessionId: string;
  /** The last known state of the call; null if it was over before. */
  call: LiveCall | null;
  ended: boolean;
  /** By number; null until the server has sent them. */
  lines: ReadonlyMap<number, LiveLine> | null;
}

/** Which of the live calls are listed. */
export interface CallFilter {
  state: CallState | null;
  text: string;
}

export interface LiveState {
  staffName: string;
  /** Null until the first attempt has succeeded or failed. */
  connected: boolean | null;
  now: Now | null;
  today: Today | null;
  /** How far the server's clock is ahead of this one, in seconds. */
  ahead: number;
  calls: ReadonlyMap<string, LiveCall>;
  callFilter: CallFilter;
  watched: Watched | null;
  /** The server's message about a request that it refused. */
  refusal: string;
}

export type LiveAction =
  | { type: "connected"; on: boolean }
  /** `at` is this computer's Unix time in seconds. */
  | { type: "received"; message: AnyMonitorServerMessage; at: number }
  | { type: "watch"; sessionId: string | null }
  | { type: "filter_calls"; change: Partial<CallFilter> };

export const NO_LIVE: LiveState = {
  staffName: "",
  connected: null,
  now: null,
  today: null,
  ahead: 0,
  calls: new Map(),
  callFilter: { state: null, text: "" },
  watched: null,
  refusal: "",
};

export function reduceLive(state: LiveState, action: LiveAction): LiveState {
  switch (action.type) {
    case "connected":
      return { ...state, connected: action.on };
    case "received":
      return receive(state, action.message, action.at);
    case "watch":
      return { ...state, watched: action.sessionId === null ? null : watch(state, action.sessionId) };
    case "filter_calls":
      return { ...state, callFilter: { ...state.callFilter, ...action.change } };
  }
}

function receive(state: LiveState, message: AnyMonitorServerMessage, at: number): LiveState {
  switch (message.type) {
    case "monitor_snapshot":
      return snapshot(state, message, at);
    case "monitor_update":
      return update(state, message, at);
    case "monitor_lines":
      return lines(state, message);
    case "monitor_refused":
      return { ...state, refusal: message.message };
    case "monitor_alive_ack":
      return state;
  }
}

function snapshot(state: LiveState, { staff_name, now, today, calls }: MonitorSnapshot, at: number): LiveState {
  const byId = new Map(calls.map((call) => [call.session_id, call]));
  return follow({ ...state, staffName: staff_name, now, today, ahead: now.at - at, calls: byId, refusal: "" });
}

function update(state: LiveState, { now, today, calls, ended }: MonitorUpdate, at: number): LiveState {
  const next = { ...state, now: now ?? state.now, today: today ?? state.today };
  if (now) next.ahead = now.at - at;
  if (calls.length === 0 && ended.length === 0) return follow(next);
  const byId = new Map(state.calls);
  for (const call of calls) byId.set(call.session_id, call);
  for (const sessionId of ended) byId.delete(sessionId);
  return follow({ ...next, calls: byId });
}

function lines(state: LiveState, message: MonitorLines): LiveState {
  const { watched } = state;
  if (watched?.sessionId !== message.session_id) return state;
  const kept = message.all ? [] : (watched.lines ?? []);
  const byNumber = new Map([...kept, ...message.lines.map((line) => [line.number, line] as const)]);
  return { ...state, watched: { ...watched, lines: byNumber } };
}

function watch({ calls, watched }: LiveState, sessionId: string): Watched {
  if (watched?.sessionId === sessionId) return watched;
  const call = calls.get(sessionId) ?? null;
  return { sessionId, call, ended: call === null, lines: null };
}

/** Whether the calls are known: a monitor that has just started gets its first reports a moment later. */
export function hasHeardOfCalls(now: Now): boolean {
  return now.parts.some(({ part }) => part === "voice");
}

function follow(state: LiveState): LiveState {
  const { watched, calls, now } = state;
  if (!watched || !now || !hasHeardOfCalls(now)) return state;
  const call = calls.get(watched.sessionId);
  const ended = call === undefined;
  if (call === watched.call && ended === watched.ended) return state;
  return { ...state, watched: { ...watched, call: call ?? watched.call, ended } };
}

/** The listed calls, newest first. */
export function listedCalls({ calls, callFilter: { state, text } }: LiveState): LiveCall[] {
  const part = text.trim().toLowerCase();
  return [...calls.values()]
    .filter((call) => (state === null || call.state === state) && call.user_name.toLowerCase().includes(part))
    .sort((a, b) => b.began_at - a.began_at || (a.session_id < b.session_id ? -1 : 1));
}
