/** A one-line summary of a day. */

import type { Reservation } from "../hanok/api";
import { partyOf } from "../hanok/format";

/** `now` is in milliseconds. Guests who never came and whose time is over do not count as expected. */
export function summaryOf(reservations: Reservation[], total: number, now: number): string {
  const standing = reservations.filter(({ status }) => status !== "cancelled");
  if (total === 0 || (standing.length === 0 && reservations.length === total)) return "No reservations on this day.";
  const waiting = standing.filter(isWaiting).length;
  const parts = [
    standing.length === 1 ? "1 reservation" : `${standing.length} reservations`,
    guests(
      standing.filter((one) => isExpected(one, now)),
      "to come",
    ),
    guests(
      standing.filter(({ status }) => status === "seated"),
      "here",
    ),
    waiting ? `${waiting} on the waitlist` : null,
    reservations.length < total ? `the first ${reservations.length} of ${total} entries` : null,
  ];
  return parts.filter((part) => part !== null).join(" · ");
}

const isWaiting = ({ status, seating_status }: Reservation) => status === "pending" && seating_status === "waitlist";

function isExpected(reservation: Reservation, now: number): boolean {
  const end = Date.parse(reservation.starts_at) + reservation.duration_minutes * 60_000;
  return ["pending", "confirmed"].includes(reservation.status) && !isWaiting(reservation) && end > now;
}

function guests(parties: Reservation[], where: string): string | null {
  const sum = parties.reduce((all, { party_size }) => all + party_size, 0);
  return sum ? `${partyOf(sum)} ${where}` : null;
}
