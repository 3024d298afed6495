/**
 * What outlives a reload: the right to the session, the conversation and what was said without an answer (this tab only),
 * volume and mute (this browser).
 */

import type { HeardAnswer } from "./answer-audio";
import type { StoredUtterance } from "./outbox";
import { INITIAL, type State } from "./state";

const SESSION_KEY = "convonet.voice.session";
const UNANSWERED_KEY = "convonet.voice.unanswered";
const SOUND_KEY = "convonet.voice.sound";

type Kept = Pick<State, "userName" | "offline" | "lines" | "turns" | "waitingSince">;

/** What takes the session up again, at the place up to which it was heard. */
export interface Ticket {
  resumeToken: string;
  lastSeq: number;
  heard: readonly HeardAnswer[];
}

export interface SessionMemory extends Kept, Ticket {
  unanswered: readonly StoredUtterance[];
}

type Sound = Pick<State, "volume" | "muted">;

export function saveSession(state: State, ticket: Ticket | null): void {
  if (ticket === null) {
    write(sessionStorage, SESSION_KEY, null);
    return;
  }
  const { userName, offline, lines, turns, waitingSince } = state;
  write(sessionStorage, SESSION_KEY, { ...ticket, userName, offline, lines, turns, waitingSince });
}

/** When the page is left: it may be a megabyte, too much to be written at each change. */
export function saveUnanswered(utterances: readonly StoredUtterance[]): void {
  write(sessionStorage, UNANSWERED_KEY, utterances);
}

export function loadSession(): SessionMemory | null {
  const session = read(sessionStorage, SESSION_KEY) as Omit<SessionMemory, "unanswered"> | null;
  const unanswered = read(sessionStorage, UNANSWERED_KEY) as readonly StoredUtterance[] | null;
  write(sessionStorage, UNANSWERED_KEY, null);
  return session && { ...session, unanswered: unanswered ?? [] };
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
  const unanswered = memory.unanswered.filter(({ turn }) => turn === null).map(({ id }) => id);
  const known = { userName, offline, lines, turns, waitingSince, unanswered };
  return { ...fresh, link: "reconnecting", inSession: true, ...known };
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
