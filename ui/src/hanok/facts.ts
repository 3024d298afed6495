/** A reservation as a list of facts. */

import { make } from "../common/dom";
import type { Reservation, ReservationStatus } from "./api";
import { dayOf, money, timeOf } from "./format";

const STATUS = {
  pending: "Waiting for a table",
  confirmed: "Confirmed",
  seated: "At the table",
  completed: "Visit over",
  cancelled: "Cancelled",
} as const;

export const statusName = (reservation: ReservationStatus) =>
  reservation.seating_status === "waitlist" ? "On the waitlist" : STATUS[reservation.status];

/** The data that a confirmation code alone gives access to. */
export function statusFacts(reservation: ReservationStatus): [string, string][] {
  return [
    ["Status", statusName(reservation)],
    ["When", `${dayOf(reservation.starts_at)}, ${timeOf(reservation.starts_at)}`],
    ["Guests", String(reservation.party_size)],
  ];
}

/** Additional data for its guest and the staff. */
export function privateFacts(reservation: Reservation): [string, string][] {
  const facts: [string, string][] = [
    ["Name", reservation.guest_name],
    ["Phone", reservation.guest_phone],
  ];
  if (reservation.special_requests) facts.push(["Requests", reservation.special_requests]);
  const dishes = reservation.preorder_items.map((item) => `${String(item.quantity)} × ${item.name_en}`);
  if (dishes.length) {
    facts.push(["Order", dishes.join(", ")]);
    facts.push(["Food total", money(reservation.food_total_cents)]);
  }
  return facts;
}

export function showFacts(list: HTMLElement, facts: [string, string][]): void {
  list.replaceChildren(...facts.flatMap(([what, value]) => [make("dt", {}, what), make("dd", {}, value)]));
}
