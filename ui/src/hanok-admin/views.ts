/** Views of the day, its week and its book. */

import { element, make, setText } from "../common/dom";
import type { Reservation } from "../hanok/api";
import { dayName } from "../hanok/format";
import { bookOf } from "./book";
import type { State } from "./state";
import { summaryOf } from "./summary";

const weekday = new Intl.DateTimeFormat("en-US", { weekday: "short", timeZone: "UTC" });

export function mountDay() {
  const date = element("date", HTMLInputElement);
  const restore = ({ day }: State) => {
    if (day !== null) date.value = day;
  };
  let drawn: string | null = null;
  return {
    restore,
    draw: (state: State) => {
      // a day that is being typed stays as it is during a refresh
      if (state.day === drawn || state.day === null) return;
      drawn = state.day;
      restore(state);
      setText(element("day-title", HTMLElement), dayName(state.day));
      history.replaceState(null, "", `?date=${state.day}`);
    },
  };
}

export function mountWeek(onChoose: (day: string) => void): (state: State) => void {
  const group = element("week", HTMLElement);
  return ({ day: current, book }) => {
    // until the next week is loaded this one stays, and the focus with it
    if (book) {
      const focused = document.activeElement?.getAttribute("data-day");
      group.replaceChildren(...book.week.map(([day, count]) => dayButton(day, count, onChoose)));
      if (focused) group.querySelector<HTMLElement>(`[data-day="${focused}"]`)?.focus();
    }
    for (const button of group.querySelectorAll("button")) {
      button.ariaCurrent = button.dataset["day"] === current ? "date" : null;
    }
  };
}

function dayButton(day: string, count: number, onChoose: (day: string) => void): HTMLElement {
  const reservations = count === 1 ? "1 reservation" : `${count} reservations`;
  const button = make(
    "button",
    { type: "button", class: "quiet", "data-day": day, "aria-label": `${dayName(day)}, ${reservations}` },
    make("small", {}, weekday.format(new Date(`${day}T00:00Z`))),
    make("span", {}, String(Number(day.slice(8)))),
    make("small", {}, count ? String(count) : "·"),
  );
  button.addEventListener("click", () => {
    onChoose(day);
  });
  return button;
}

export function mountBook(onOpen: (reservation: Reservation) => void): (state: State) => void {
  const book = element("book", HTMLElement);
  return (state) => {
    setText(element("error", HTMLElement), state.error);
    const { reservations, total } = state.book ?? { reservations: [], total: 0 };
    setText(element("summary", HTMLElement), state.book ? summaryOf(reservations, total, Date.now()) : "");
    element("more", HTMLButtonElement).hidden = reservations.length >= total;
    const focused = document.activeElement?.getAttribute("data-testid");
    book.replaceChildren(...bookOf(reservations, onOpen));
    // redrawing must not lose the focus
    if (focused?.startsWith("reservation-")) book.querySelector<HTMLElement>(`[data-testid="${focused}"]`)?.focus();
  };
}
