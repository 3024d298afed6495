/** Draws one day's reservations, half hour by half hour. */

import { make } from "../common/dom";
import type { Reservation } from "../hanok/api";
import { statusName } from "../hanok/facts";
import { money, partyOf, timeOf } from "../hanok/format";

export function bookOf(reservations: Reservation[], onOpen: (reservation: Reservation) => void): HTMLElement[] {
  const times = new Map<string, Reservation[]>();
  for (const reservation of reservations) {
    const time = timeOf(reservation.starts_at);
    times.set(time, [...(times.get(time) ?? []), reservation]);
  }
  return [...times].map(([time, group]) =>
    make(
      "section",
      { class: "hour" },
      make("h3", {}, time),
      make("ul", {}, ...group.map((reservation) => make("li", {}, entry(reservation, onOpen)))),
    ),
  );
}

/** Focuses a reservation if it is in the visible book. */
export function focusEntry({ id }: Reservation): void {
  document.querySelector<HTMLElement>(`[data-testid="reservation-${id}"]`)?.focus();
}

function entry(reservation: Reservation, onOpen: (reservation: Reservation) => void): HTMLElement {
  const { status, tables_allocated: tables, food_total_cents: food } = reservation;
  const details = [
    partyOf(reservation.party_size),
    tables ? `table for ${tables.join(" + ")}` : null,
    food ? money(food) : null,
  ];
  const button = make(
    "button",
    { type: "button", class: "entry", "data-status": status, "data-testid": `reservation-${String(reservation.id)}` },
    make("span", { class: "name" }, reservation.guest_name),
    make("span", { class: "soft" }, details.filter((part) => part !== null).join(" · ")),
    reservation.guest_priority === "vip" ? make("span", { class: "badge", "data-kind": "vip" }, "VIP") : null,
    make("span", { class: "badge" }, statusName(reservation)),
  );
  button.addEventListener("click", () => {
    onOpen(reservation);
  });
  return button;
}
