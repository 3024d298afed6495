/** Today's date at the restaurant: guests may read these pages on the other side of the date line. */

import { getAvailability } from "./api";
import { addDays, today } from "./format";

/** The server accepts reservations for a year; on the last day most hours are already too far ahead. */
const LAST_DAY = 364;

let timeZone: string | undefined;

/** Asks the server for the restaurant's time zone, once. Throws `ApiError`. */
export async function houseToday(): Promise<string> {
  // any day will do: only the time zone is needed
  timeZone ??= (await getAvailability(today("UTC"), 1)).timezone;
  return today(timeZone);
}

/** Lets a date input offer the days that can be booked. */
export function limitDays(input: HTMLInputElement, first: string): void {
  input.min = first;
  input.max = addDays(first, LAST_DAY);
}
