/** What a reader must know to trust what the page shows: a lost connection, a store that is away, a part that is silent. */

import type { Now, PartView, StoreView } from "../protocol.generated";
import { hasHeardOfCalls } from "./live-state";
import type { State } from "./state";
import { counted, moment, number, partName, timeOfDay } from "./words";

export interface Notice {
  kind: "away" | "reading" | "silent" | "reconnecting";
  words: string;
}

/** A part reports every four seconds at least; after this long something is wrong with it. */
const SILENT_S = 6;
const MOST_SILENT = 3;

export function noticesOf({ live: { connected, now, refusal } }: State): Notice[] {
  const notices: Notice[] = [];
  if (connected === false) {
    const words = now
      ? `Reconnecting… What you see is from ${moment(now.at)}.`
      : "The monitor or the database can't be reached. Trying again…";
    notices.push({ kind: "reconnecting", words });
  }
  for (const store of now?.stores ?? []) notices.push(...ofStore(store));
  if (now) notices.push(...ofParts(now));
  if (now && !hasHeardOfCalls(now)) notices.push({ kind: "reading", words: "No voice replica has reported yet" });
  if (refusal) notices.push({ kind: "silent", words: refusal });
  return notices;
}

function ofStore(store: StoreView): Notice[] {
  const { state, since, waiting } = store;
  if (state === "away") {
    const wait = waiting > 0 ? `; ${counted(waiting, "record waits", "records wait")}` : "";
    return [{ kind: "away", words: `${storeName(store)} can't be reached since ${timeOfDay(since)}${wait}` }];
  }
  return state === "reading" ? [{ kind: "reading", words: readingWords(store) }] : [];
}

/** What a list of turns says besides its rows: why there are none, or that more will come. */
export function listNote(store: StoreView | undefined, rows: number, isFiltered: boolean): string {
  if (store?.state === "reading") return `${readingWords(store)}. Older turns are missing until then.`;
  if (store?.state === "away" && rows === 0) {
    return `The turns can't be read: ${storeName(store)} can't be reached since ${timeOfDay(store.since)}.`;
  }
  if (rows > 0) return "";
  return isFiltered
    ? "No turn is like that. Try fewer filters."
    : "No turns yet. They appear here as soon as one is over.";
}

/** Why the list can't be read, in words; `why` is what the server has said. */
export function listError({ live: { now }, turns }: State): string {
  if (turns.error === "") return "";
  const database = now?.stores.find(({ name, state }) => name === "database" && state === "away");
  // who asks for turns must be known, and the accounts are there
  const why = database ? `The turns can't be read while ${storeName(database)} can't be reached.` : turns.error;
  return turns.page?.turns.length ? `${why} Below is what was read before.` : why;
}

export function recordStore({ live }: State): StoreView | undefined {
  return live.now?.stores.find(({ name }) => name === "records");
}

function readingWords({ progress }: StoreView): string {
  return progress == null ? "Reading the last week" : `Reading the last week, ${number(progress * 100)} %`;
}

function storeName({ name, kind }: StoreView): string {
  const what = { redis: "Redis", postgresql: "PostgreSQL", embedded: "The embedded store" }[kind];
  const whose = { records: "turn records", checkpoints: "checkpoints", database: "data of the domains" }[name];
  return `${what} (${whose})`;
}

export function isSilent({ silent_for_s }: PartView): boolean {
  return silent_for_s > SILENT_S;
}

function ofParts({ parts, at }: Now): Notice[] {
  const silent = parts.filter(isSilent);
  const rest = silent.length - MOST_SILENT;
  const each = silent
    .slice(0, rest > 0 ? MOST_SILENT : silent.length)
    .map(({ part, replica, silent_for_s }): Notice => {
      // when, not how long: what is read aloud must not change every second
      const since = timeOfDay(at - silent_for_s);
      return { kind: "silent", words: `${partName(part)} ${shortName(replica)} has been silent since ${since}` };
    });
  return rest > 0
    ? [...each, { kind: "silent", words: `${counted(rest, "more part is", "more parts are")} silent` }]
    : each;
}

/** A replica's name ends in what tells it from its siblings. */
export function shortName(replica: string): string {
  return replica.length > 8 ? `…${replica.slice(-6)}` : replica;
}
