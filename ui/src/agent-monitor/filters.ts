/** The filters of the list of turns, and their form in the URLs of the page and of the server. */

import type { TurnRow } from "../protocol.generated";

export interface Filters {
  text: string;
  provider: string;
  agent_type: string;
  status: string;
  source: string;
  user: string;
  session: string;
  /** Unix seconds. */
  since: number | null;
  until: number | null;
  slow_ms: number | null;
  hand_over: boolean;
  failed_tool: boolean;
}

export const NO_FILTERS: Filters = {
  text: "",
  provider: "",
  agent_type: "",
  status: "",
  source: "",
  user: "",
  session: "",
  since: null,
  until: null,
  slow_ms: null,
  hand_over: false,
  failed_tool: false,
};

const WORDS = ["text", "provider", "agent_type", "status", "source", "user", "session"] as const;
const NUMBERS = ["since", "until", "slow_ms"] as const;
const MARKS = ["hand_over", "failed_tool"] as const;

/** Query parameters of the filters that are set. */
export function toQuery(filters: Filters): URLSearchParams {
  const query = new URLSearchParams();
  for (const name of WORDS) if (filters[name] !== "") query.set(name, filters[name]);
  for (const name of NUMBERS) if (filters[name] !== null) query.set(name, String(filters[name]));
  for (const name of MARKS) if (filters[name]) query.set(name, "true");
  return query;
}

/** Reads filters from a URL and ignores everything else. */
export function fromQuery(query: URLSearchParams): Filters {
  const filters = { ...NO_FILTERS };
  for (const name of WORDS) filters[name] = query.get(name)?.trim() ?? "";
  for (const name of NUMBERS) filters[name] = toNumber(query.get(name) ?? "");
  for (const name of MARKS) filters[name] = query.get(name) === "true";
  return filters;
}

/** A number of zero or more, else null. */
export function toNumber(text: string): number | null {
  const number = Number(text);
  return text.trim() !== "" && Number.isFinite(number) && number >= 0 ? number : null;
}

export function isEmpty(filters: Filters): boolean {
  return toQuery(filters).size === 0;
}

/** Whether a turn that has just ended matches the filters, judged by its shortened text. */
export function matches(turn: TurnRow, filters: Filters): boolean {
  const exact = (["provider", "agent_type", "status", "source"] as const).every(
    (name) => filters[name] === "" || filters[name] === turn[name],
  );
  const { since, until, slow_ms: slow } = filters;
  return (
    exact &&
    says(`${turn.user_prompt} ${turn.agent_response}`, filters.text) &&
    (contains(turn.user_name, filters.user) || turn.user_id === filters.user) &&
    (filters.session === "" || filters.session === turn.session_id) &&
    (since === null || turn.timestamp >= since) &&
    (until === null || turn.timestamp < until) &&
    (slow === null || (turn.first_audio_ms ?? turn.duration_ms) > slow) &&
    (!filters.hand_over || turn.hand_over) &&
    (!filters.failed_tool || turn.failed_tools > 0)
  );
}

/** Matches words in any order, each as a prefix, like the server's search. */
function says(said: string, wanted: string): boolean {
  const words = wordsOf(said);
  const isThere = (word: string) => words.some((candidate) => candidate.startsWith(word));
  return wanted.trim() === "" || (wordsOf(wanted).length > 0 && wordsOf(wanted).every(isThere));
}

function wordsOf(text: string): string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}\p{M}]+/gu) ?? [];
}

function contains(text: string, part: string): boolean {
  return text.toLowerCase().includes(part.toLowerCase());
}
