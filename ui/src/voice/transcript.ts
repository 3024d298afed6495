/** Changes to the conversation on the page, as pure functions. Keys make sure that repeated entries are shown once. */

import type { TranscriptEntry } from "./state";

type Transcript = readonly TranscriptEntry[];

/** More would not be read, and sessionStorage is small. */
const MAX_ENTRIES = 100;

/** Adds an entry: it replaces the one with its key, or follows the last entry of its turn, or goes to the end. */
export function withEntry(transcript: Transcript, entry: TranscriptEntry): Transcript {
  const known = transcript.findIndex((each) => each.key === entry.key);
  if (known >= 0) return transcript.with(known, entry);
  const sibling = entry.turn === null ? -1 : transcript.findLastIndex((each) => each.turn === entry.turn);
  return transcript.toSpliced(sibling < 0 ? transcript.length : sibling + 1, 0, entry).slice(-MAX_ENTRIES);
}

export function entryOf(transcript: Transcript, key: string): TranscriptEntry | undefined {
  return transcript.find((each) => each.key === key);
}

/** Marks growing answers as complete: those of turns for which `isOver` is true, by default all. */
export function closed(transcript: Transcript, isOver: (turn: string) => boolean = () => true): Transcript {
  const isClosed = ({ role, draft, turn }: TranscriptEntry) =>
    role === "agent" && draft && turn !== null && isOver(turn);
  if (!transcript.some(isClosed)) return transcript;
  return transcript.map((entry) => (isClosed(entry) ? { ...entry, draft: false } : entry));
}

export function callerKey(turn: string): string {
  return `caller/${turn}`;
}

export function agentKey(turn: string): string {
  return `agent/${turn}`;
}

/** Key of a typed entry until the server has started its turn. */
export function typedKey(utterance: string): string {
  return `typed/${utterance}`;
}

/** Gives a typed entry the key of the turn that the server has started for it. */
export function adopted(transcript: Transcript, utterance: string, turn: string): Transcript {
  const typed = transcript.findIndex((each) => each.key === typedKey(utterance));
  const entry = transcript[typed];
  return entry ? transcript.with(typed, { ...entry, key: callerKey(turn), turn, draft: false }) : transcript;
}
