/**
 * State that outlives a reload: the resume token, the conversation and unanswered utterances (in this tab), and volume
 * and mute (in this browser).
 */

import type { HeardAnswer } from "./answer-audio";
import type { StoredUtterance } from "./outbox";
import { INITIAL, type State } from "./state";

const SESSION_KEY = "convonet.voice.session";
const UNANSWERED_KEY = "convonet.voice.unanswered";
const SOUND_KEY = "convonet.voice.sound";

type Kept = Pick<State, "userName" | "offline" | "turns" | "waitingSince"> & { lines: State["transcript"] };

/** The data to resume the session at the place up to which it was played. */
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
  const { userName, offline, transcript: lines, turns, waitingSince } = state;
  write(sessionStorage, SESSION_KEY, { ...ticket, userName, offline, lines, turns, waitingSince });
}

/** Called when the page is left: it may be a megabyte, too much to write at each change. */
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

/** The initial state after a page load. */
export function rememberedState(memory: SessionMemory | null): State {
  const sound = read(localStorage, SOUND_KEY) as Sound | null;
  const fresh: State = sound ? { ...INITIAL, volume: sound.volume, muted: sound.muted } : INITIAL;
  if (!memory) return fresh;
  const { userName, offline, lines: transcript, turns, waitingSince } = memory;
  const unanswered = memory.unanswered.filter(({ turn }) => turn === null).map(({ id }) => id);
  const known = { userName, offline, transcript, turns, waitingSince, unanswered };
  return { ...fresh, link: "reconnecting", inSession: true, ...known };
}

function write(storage: Storage, key: string, value: unknown): void {
  try {
    if (value === null) storage.removeItem(key);
    else storage.setItem(key, JSON.stringify(value));
  } catch {
    // storage is full or forbidden: the page works, but a reload starts over
  }
}

function read(storage: Storage, key: string): unknown {
  try {
    return JSON.parse(storage.getItem(key) ?? "null");
  } catch {
    return null;
  }
}
