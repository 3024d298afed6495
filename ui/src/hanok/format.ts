/** Formats amounts, days and times. */

const dollars = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD" });
const day = new Intl.DateTimeFormat("en-US", { weekday: "long", month: "long", day: "numeric", timeZone: "UTC" });
const clock = new Intl.DateTimeFormat("en-US", { hour: "numeric", minute: "2-digit", timeZone: "UTC" });

export const money = (cents: number) => dollars.format(cents / 100);

/**
 * Times carry the restaurant's own UTC offset, and every page shows restaurant time wherever the reader is. So the
 * offset is dropped, not converted.
 */
const wallClock = (moment: string) => new Date(`${moment.slice(0, 16)}Z`);

export const timeOf = (moment: string) => clock.format(wallClock(moment));
export const dayOf = (moment: string) => day.format(wallClock(moment));
export const dayName = (date: string) => day.format(new Date(`${date}T00:00Z`));
export const partyOf = (size: number) => (size === 1 ? "1 guest" : `${String(size)} guests`);

/** Today as `YYYY-MM-DD` in a time zone. */
export function today(timeZone: string, now = new Date()): string {
  return new Intl.DateTimeFormat("en-CA", { timeZone }).format(now);
}

/** Whether the server accepts this day: a valid `YYYY-MM-DD` of this century. */
export function isDay(text: string): boolean {
  const start = new Date(`${text}T00:00Z`);
  return /^20\d\d-\d\d-\d\d$/.test(text) && !isNaN(start.getTime()) && start.toISOString().startsWith(text);
}

export function addDays(date: string, days: number): string {
  const moved = new Date(`${date}T00:00Z`);
  moved.setUTCDate(moved.getUTCDate() + days);
  return moved.toISOString().slice(0, 10);
}

/** The seven days of the week of a day, Monday first. */
export function weekOf(date: string): string[] {
  const monday = addDays(date, -((new Date(`${date}T00:00Z`).getUTCDay() + 6) % 7));
  return Array.from({ length: 7 }, (_, index) => addDays(monday, index));
}
