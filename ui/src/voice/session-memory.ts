/** What outlives a reload: the right to the session and the conversation (this tab only), volume and mute (this browser). */

import type { HeardAnswer } from "./answer-audio";
import { INITIAL, type State } from "./state";

const SESSION_KEY = "convonet.voice.session";
const SOUND_KEY = "convonet.voice.sound";

type Kept = Pick<State, "userName" | "offline" | "lines" | "turns" | "waitingSince">;

/** What takes the session up again, at the place up to which it was heard. */
export interface Ticket {
  resumeToken: string;
  lastSeq: number;
  heard: readonly HeardAnswer[];
}

export interface SessionMemory extends Kept, Ticket {}

type Sound = Pick<State, "volume" | "muted">;

export function saveSession(state: State, ticket: Ticket | null): void {
  if (ticket === null) {
    write(sessionStorage, SESSION_KEY, null);
    return;
  }
  const { userName, offline, lines, turns, waitingSince } = state;
  write(sessionStorage, SESSION_KEY, { ...ticket, userName, offline, lines, turns, waitingSince });
}

export function loadSession(): SessionMemory | null {
  return read(sessionStorage, SESSION_KEY) as SessionMemory | null;
}

export function saveSound({ volume, muted }: Sound): void {
  write(localStorage, SOUND_KEY, { volume, muted });
}

/** The state to begin with after a load of the page. */
export function rememberedState(memory: SessionMemory | null): State {
  const sound = read(localStorage, SOUND_KEY) as Sound | null;
  const fresh: State = sound ? { ...INITIAL, volume: sound.volume, muted: sound.muted } : INITIAL;
  if (!memory) return fresh;
  const { userName, offline, lines, turns, waitingSince } = memory;
  return { ...fresh, link: "reconnecting", inSession: true, userName, offline, lines, turns, waitingSince };
}

function write(storage: Storage, key: string, value: unknown): void {
  try {
    if (value === null) storage.removeItem(key);
    else storage.setItem(key, JSON.stringify(value));
  } catch {
    // storage is full or forbidden: the page works, a reload begins anew
  }
}

function read(storage: Storage, key: string): unknown {
  try {
    return JSON.parse(storage.getItem(key) ?? "null");
  } catch {
    return null;
  }
}
