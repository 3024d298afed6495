/** Notices about stale data: a lost connection, a store that is down, a silent component. */

import type { Now, PartView, StoreView } from "../protocol.generated";
import { hasHeardOfCalls } from "./live-state";
import type { State } from "./state";
import { counted, moment, number, componentName, timeOfDay } from "./words";

export interface Notice {
  kind: "away" | "reading" | "silent" | "reconnecting";
  words: string;
}

/** A component reports at least every four seconds; after this long something is wrong. */
const SILENT_S = 6;
const MAX_SILENT = 3;

export function noticesOf({ live: { connected, now, refusal } }: State): Notice[] {
  const notices: Notice[] = [];
  if (connected === false) {
    const words = now
      ? `Reconnecting… What you see is from ${moment(now.at)}.`
      : "The monitor or the database can't be reached. Trying again…";
    notices.push({ kind: "reconnecting", words });
  }
  for (const store of now?.stores ?? []) notices.push(...ofStore(store));
  if (now) notices.push(...ofComponents(now));
  if (now && !hasHeardOfCalls(now)) notices.push({ kind: "reading", words: "No voice replica has reported yet" });
  if (refusal) notices.push({ kind: "silent", words: refusal });
  return notices;
}

function ofStore(store: StoreView): Notice[] {
  const { state, since, waiting } = store;
  if (state === "away") {
    const wait = waiting > 0 ? `; ${counted(waiting, "record waits", "records wait")}` : "";
    return [{ kind: "away", words: `${storeName(store)} has been unreachable since ${timeOfDay(since)}${wait}` }];
  }
  return state === "reading" ? [{ kind: "reading", words: readingWords(store) }] : [];
}

/** The note above the list of turns: why it is empty, or that more will come. */
export function listNote(store: StoreView | undefined, rows: number, isFiltered: boolean): string {
  if (store?.state === "reading") return `${readingWords(store)}. Older turns are missing until then.`;
  if (store?.state === "away" && rows === 0) {
    return `The turns can't be read: ${storeName(store)} has been unreachable since ${timeOfDay(store.since)}.`;
  }
  if (rows > 0) return "";
  return isFiltered ? "No turn matches. Try fewer filters." : "No turns yet. They appear here as soon as one is over.";
}

/** The reason why the list can't be loaded. */
export function listError({ live: { now }, turns }: State): string {
  if (turns.error === "") return "";
  const database = now?.stores.find(({ name, state }) => name === "database" && state === "away");
  // reading turns needs a login, and the accounts are in the database
  const why = database ? `The turns can't be read while ${storeName(database)} can't be reached.` : turns.error;
  return turns.page?.turns.length ? `${why} Below is what was read before.` : why;
}

export function recordStore({ live }: State): StoreView | undefined {
  return live.now?.stores.find(({ name }) => name === "records");
}

function readingWords({ progress }: StoreView): string {
  return progress == null ? "Loading the last week" : `Loading the last week, ${number(progress * 100)} %`;
}

function storeName({ name, kind }: StoreView): string {
  const what = { redis: "Redis", postgresql: "PostgreSQL", embedded: "The embedded store" }[kind];
  const whose = { records: "turn records", checkpoints: "checkpoints", database: "data of the domains" }[name];
  return `${what} (${whose})`;
}

export function isSilent({ silent_for_s }: PartView): boolean {
  return silent_for_s > SILENT_S;
}

function ofComponents({ parts, at }: Now): Notice[] {
  const silent = parts.filter(isSilent);
  const rest = silent.length - MAX_SILENT;
  const each = silent.slice(0, rest > 0 ? MAX_SILENT : silent.length).map(({ part, replica, silent_for_s }): Notice => {
    // a time, not a duration: text that is read aloud must not change every second
    const since = timeOfDay(at - silent_for_s);
    return { kind: "silent", words: `${componentName(part)} ${shortName(replica)} has been silent since ${since}` };
  });
  return rest > 0
    ? [...each, { kind: "silent", words: `${counted(rest, "more component is", "more components are")} silent` }]
    : each;
}

/** The end of a replica's name, which distinguishes it from its siblings. */
export function shortName(replica: string): string {
  return replica.length > 8 ? `…${replica.slice(-6)}` : replica;
}
