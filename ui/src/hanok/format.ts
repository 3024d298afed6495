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

/** Today as `YYYY-MM-DD` in a time zone; the browser's own when the restaurant's is not known yet. */
export function today(timeZone?: string): string {
  return new Intl.DateTimeFormat("en-CA", { timeZone }).format(new Date());
}

export function addDays(date: string, days: number): string {
  const moved = new Date(`${date}T00:00Z`);
  moved.setUTCDate(moved.getUTCDate() + days);
  return moved.toISOString().slice(0, 10);
}
