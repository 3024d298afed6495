/** What the staff's page shows: the one place for the day that is looked at, which is always a day of the calendar. */

import type { Reservation } from "../hanok/api";
import { isDay } from "../hanok/format";

export interface Book {
  reservations: Reservation[];
  /** Of all pages. */
  total: number;
  /** Each day of the week, and how many reservations of it stand. */
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
      // an address may say anything, and what is half typed into a date input is no day
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
