/** The state of the staff's page. The selected day is always a valid date. */

import type { Reservation } from "../hanok/api";
import { isDay } from "../hanok/format";

export interface Book {
  reservations: Reservation[];
  /** Of all pages. */
  total: number;
  /** Each day of the week with its number of active reservations. */
  week: [string, number][];
}

export interface State {
  /** `YYYY-MM-DD`; null until the first is known. */
  day: string | null;
  pages: number;
  /** Null until the day has been read. */
  book: Book | null;
  error: string;
}

export type Action =
  | { type: "day"; day: string }
  | { type: "more" }
  | { type: "read"; day: string; book: Book }
  | { type: "failed"; why: string };

export const INITIAL: State = { day: null, pages: 1, book: null, error: "" };

export function reduce(state: State, action: Action): State {
  switch (action.type) {
    case "day":
      // a URL may contain anything, and a half-typed date input is not a date
      return isDay(action.day) && action.day !== state.day
        ? { ...state, day: action.day, pages: 1, book: null }
        : state;
    case "more":
      return { ...state, pages: state.pages + 1 };
    case "read":
      return action.day === state.day ? { ...state, book: action.book, error: "" } : state;
    case "failed":
      return { ...state, error: action.why };
  }
}
