/** The restaurant's own today: its guests may read these pages on the other side of the date line. */

import { getAvailability } from "./api";
import { addDays, today } from "./format";

/** The server takes reservations for a year; of the day on which that year ends most hours are too far ahead. */
const LAST_DAY = 364;

let timeZone: string | undefined;

/** Asks the server for the restaurant's time zone, once. Throws `ApiError`. */
export async function houseToday(): Promise<string> {
  // any day will do: it is the zone that is wanted
  timeZone ??= (await getAvailability(today("UTC"), 1)).timezone;
  return today(timeZone);
}

/** Lets a date input offer the days that can be booked. */
export function limitDays(input: HTMLInputElement, first: string): void {
  input.min = first;
  input.max = addDays(first, LAST_DAY);
}
