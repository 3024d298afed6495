/** The state of past turns: a page of the list, and the open turn. Changed by `reduceTurns` only. */

import type { Choices, TurnPage, TurnRecord, TurnRow } from "../protocol.generated";
import { isEmpty, matches, NO_FILTERS, type Filters } from "./filters";

/** Turns that end while the first page is shown are added on top, up to this many rows. */
export const MAX_ROWS = 100;

export interface TurnsState {
  filters: Filters;
  /** Cursor of the page that is shown or requested; null is the newest. */
  cursor: string | null;
  /** Number of the latest request; answers to older ones are ignored. */
  asked: number;
  /** Null until the first was read. */
  page: TurnPage | null;
  loading: boolean;
  /** The reason why the page could not be loaded. */
  error: string;
  /** Turns that have ended and are not in the list. */
  unseen: number;
  /** Turns that ended while a page was loading, and may or may not be on it. */
  late: readonly TurnRow[];
  choices: Choices | null;
  /** Request id of the open turn. */
  open: string | null;
  detail: TurnRecord | null;
  detailError: string;
}

export type TurnsAction =
  | { type: "filter"; filters: Filters }
  | { type: "older" }
  | { type: "newest" }
  | { type: "page"; asked: number; page: TurnPage }
  | { type: "page_failed"; asked: number; why: string }
  | { type: "over"; turns: readonly TurnRow[] }
  | { type: "choices"; choices: Choices }
  | { type: "open"; requestId: string | null }
  | { type: "detail"; record: TurnRecord }
  | { type: "detail_failed"; requestId: string; why: string };

export const NO_TURNS: TurnsState = {
  filters: NO_FILTERS,
  cursor: null,
  asked: 0,
  page: null,
  loading: false,
  error: "",
  unseen: 0,
  late: [],
  choices: null,
  open: null,
  detail: null,
  detailError: "",
};

export function reduceTurns(state: TurnsState, action: TurnsAction): TurnsState {
  switch (action.type) {
    case "filter":
      return ask({ ...state, filters: action.filters }, null);
    case "older":
      return state.page?.next ? ask(state, state.page.next) : state;
    case "newest":
      return ask(state, null);
    case "page":
      return action.asked === state.asked ? answered(state, { page: action.page, error: "" }) : state;
    case "page_failed":
      return action.asked === state.asked ? answered(state, { error: action.why }) : state;
    case "over":
      return over(state, action.turns);
    case "choices":
      return { ...state, choices: action.choices };
    case "open":
      return action.requestId === state.open
        ? state
        : { ...state, open: action.requestId, detail: null, detailError: "" };
    case "detail":
      return action.record.request_id === state.open ? { ...state, detail: action.record, detailError: "" } : state;
    case "detail_failed":
      return action.requestId === state.open ? { ...state, detailError: action.why } : state;
  }
}

function ask(state: TurnsState, cursor: string | null): TurnsState {
  return { ...state, cursor, asked: state.asked + 1, loading: true, error: "", unseen: 0, late: [] };
}

function answered(state: TurnsState, change: Pick<TurnsState, "error"> & Partial<TurnsState>): TurnsState {
  return over({ ...state, ...change, loading: false, late: [] }, state.late);
}

function over(state: TurnsState, turns: readonly TurnRow[]): TurnsState {
  const { page, filters } = state;
  if (state.loading) return { ...state, late: [...state.late, ...turns] };
  const listed = new Set(page?.turns.map(({ request_id }) => request_id));
  const added = turns.filter((turn) => !listed.has(turn.request_id) && matches(turn, filters));
  if (added.length === 0) return state;
  // with a gap the list would be wrong
  const isLive = page !== null && state.cursor === null && isEmpty(filters) && state.unseen === 0;
  if (!isLive || page.turns.length + added.length > MAX_ROWS) return { ...state, unseen: state.unseen + added.length };
  return { ...state, page: { ...page, turns: [...added.toReversed(), ...page.turns] } };
}
