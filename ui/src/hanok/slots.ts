/** The half hours of a day, for a new guest or for one who moves a reservation. */

import type { Availability, ReservationStatus, Slot } from "./api";
import { dayName } from "./format";

/** The reservation that is to be moved. */
export type Stay = Pick<ReservationStatus, "starts_at" | "duration_minutes" | "seating_status">;

const minuteOf = (moment: string) => Date.parse(moment) / 60_000;
const isAt = (slot: Slot, stay: Stay) => minuteOf(slot.starts_at) === minuteOf(stay.starts_at);

/** The half hours, and on the reservation's day its own time, which may not be a half hour or may be after midnight. */
export function slotsFor({ slots, date }: Availability, own: Stay | null): Slot[] {
  if (!own?.starts_at.startsWith(date) || slots.some((slot) => isAt(slot, own))) return slots;
  const present: Slot = { starts_at: own.starts_at, available: false, waiting: 0 };
  return [...slots, present].sort((one, other) => minuteOf(one.starts_at) - minuteOf(other.starts_at));
}

/** The word below a time, or null if a table is free. */
export function noteOn(slot: Slot, own: Stay | null): string | null {
  if (own && isAt(slot, own)) return "Yours";
  if (slot.available) return null;
  if (!own || own.seating_status === "waitlist") return "Waitlist";
  // the server counts the guest's own tables as taken, and only it knows whether they are enough
  return overlaps(slot, own) ? "May be full" : "Full";
}

function overlaps(slot: Slot, own: Stay): boolean {
  return Math.abs(minuteOf(slot.starts_at) - minuteOf(own.starts_at)) < own.duration_minutes;
}

/** A sentence below the times, or an empty string. */
export function hintFor({ date, opens_at: opensAt }: Availability, slots: Slot[], own: Stay | null): string {
  const isFull = !slots.some(({ available }) => available);
  if (opensAt === null && slots.length === 0) return `We are closed on ${dayName(date)}. Please choose another day.`;
  if (slots.length === 0) return "There is no time left on that day. Please choose another one.";
  if (own && own.seating_status !== "waitlist") {
    return "We look for a table when you save. Until there is one, you keep the reservation that you have.";
  }
  if (isFull)
    return own ? "All tables are taken; you would go on waiting." : "All tables are taken; you can join the waitlist.";
  return "";
}
