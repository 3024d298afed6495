/** The state of the page: live data, past turns, and the visible section. */

import { NO_LIVE, reduceLive, type LiveAction, type LiveState } from "./live-state";
import { NO_TURNS, reduceTurns, type TurnsAction, type TurnsState } from "./turns-state";
import { toQuery, type Filters } from "./filters";

export type Section = "now" | "today" | "turns";

/** The state that a URL of this page contains. */
export interface Place {
  section: Section;
  filters: Filters;
  open: string | null;
}

export interface State {
  section: Section;
  live: LiveState;
  turns: TurnsState;
}

export type Action = { type: "go"; place: Place } | LiveAction | TurnsAction;

export const INITIAL: State = { section: "now", live: NO_LIVE, turns: NO_TURNS };

export function reduce(state: State, action: Action): State {
  switch (action.type) {
    case "go":
      return go(state, action.place);
    case "connected":
    case "watch":
    case "filter_calls":
      return withLive(state, action);
    case "received": {
      const next = withLive(state, action);
      const { message } = action;
      if (message.type !== "monitor_update" || message.turns.length === 0) return next;
      return withTurns(next, { type: "over", turns: message.turns });
    }
    default:
      return withTurns(state, action);
  }
}

function go(state: State, { section, filters, open }: Place): State {
  const isFilteredAnew = toQuery(filters).toString() !== toQuery(state.turns.filters).toString();
  const turns = isFilteredAnew ? reduceTurns(state.turns, { type: "filter", filters }) : state.turns;
  return { ...state, section, turns: reduceTurns(turns, { type: "open", requestId: open }) };
}

function withLive(state: State, action: LiveAction): State {
  const live = reduceLive(state.live, action);
  return live === state.live ? state : { ...state, live };
}

function withTurns(state: State, action: TurnsAction): State {
  const turns = reduceTurns(state.turns, action);
  return turns === state.turns ? state : { ...state, turns };
}
