/** Amounts, days and times as the pages show them. */

const dollars = new Intl.NumberFormat("en-US", { style: "currency", currency: "USD" });
const day = new Intl.DateTimeFormat("en-US", { weekday: "long", month: "long", day: "numeric", timeZone: "UTC" });
const clock = new Intl.DateTimeFormat("en-US", { hour: "numeric", minute: "2-digit", timeZone: "UTC" });

export const money = (cents: number) => dollars.format(cents / 100);

/**
 * A moment comes with the restaurant's own offset, and every page shows the restaurant's clock wherever the reader is:
 * so the offset is dropped, not converted.
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

/** Whether this is a day that the server takes: `YYYY-MM-DD` of this century, and on the calendar. */
export function isDay(text: string): boolean {
  const start = new Date(`${text}T00:00Z`);
  return /^20\d\d-\d\d-\d\d$/.test(text) && !isNaN(start.getTime()) && start.toISOString().startsWith(text);
}

export function addDays(date: string, days: number): string {
  const moved = new Date(`${date}T00:00Z`);
  moved.setUTCDate(moved.getUTCDate() + days);
  return moved.toISOString().slice(0, 10);
}

/** The seven days, Monday first, among which a day lies. */
export function weekOf(date: string): string[] {
  const monday = addDays(date, -((new Date(`${date}T00:00Z`).getUTCDay() + 6) % 7));
  return Array.from({ length: 7 }, (_, index) => addDays(monday, index));
}
