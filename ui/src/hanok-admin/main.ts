/** The staff's book of reservations: a week, a day of it, and each reservation. Refreshes itself while it is looked at. */

import { api, ApiError } from "../common/api";
import { element, make, setText } from "../common/dom";
import { getAvailability, getDay, type Reservation } from "../hanok/api";
import { addDays, dayName, today } from "../hanok/format";
import { bookOf, summaryOf } from "./book";
import { DetailsDialog } from "./details-dialog";

const REFRESH_MS = 20_000;
const DAYS = 7;

const date = element("date", HTMLInputElement);
const error = element("error", HTMLElement);
const more = element("more", HTMLButtonElement);
const weekday = new Intl.DateTimeFormat("en-US", { weekday: "short", timeZone: "UTC" });

let timeZone: string | undefined;
let pages = 1;
let asked = 0;
const dialog = new DetailsDialog(() => void refresh());

function monday(day: string): string {
  return addDays(day, -((new Date(`${day}T00:00Z`).getUTCDay() + 6) % 7));
}

async function refresh(): Promise<void> {
  const number = ++asked;
  const week = Array.from({ length: DAYS }, (_, index) => addDays(monday(date.value), index));
  try {
    const numbers = Array.from({ length: pages }, (_, index) => index + 1);
    const book = await Promise.all(numbers.map((page) => getDay(date.value, 100, page)));
    const counts = await Promise.all(week.map(async (day) => (await getDay(day, 1)).total));
    if (number !== asked) return; // another day was chosen in the meantime
    const reservations = book.flatMap((page) => page.reservations);
    showDay(reservations);
    showWeek(week, counts);
    more.hidden = reservations.length >= (book[0]?.total ?? 0);
    setText(error, "");
  } catch (failure) {
    if (failure instanceof ApiError && failure.status === 401) toLogin();
    else setText(error, failure instanceof ApiError ? failure.message : String(failure));
  }
}

function showDay(reservations: Reservation[]): void {
  setText(element("day-title", HTMLElement), dayName(date.value));
  setText(element("summary", HTMLElement), summaryOf(reservations));
  const focused = document.activeElement?.getAttribute("data-testid");
  element("book", HTMLElement).replaceChildren(
    ...bookOf(reservations, (reservation) => {
      dialog.show(reservation);
    }),
  );
  // drawing anew must not take the keyboard's place away
  if (focused?.startsWith("reservation-")) {
    document.querySelector<HTMLElement>(`[data-testid="${focused}"]`)?.focus();
  }
}

function showWeek(week: string[], counts: number[]): void {
  const buttons = week.map((day, index) => {
    const button = make(
      "button",
      { type: "button", class: "quiet", "aria-label": `${dayName(day)}, ${String(counts[index])} reservations` },
      make("small", {}, weekday.format(new Date(`${day}T00:00Z`))),
      make("span", {}, String(Number(day.slice(8)))),
      make("small", {}, counts[index] ? String(counts[index]) : "·"),
    );
    if (day === date.value) button.setAttribute("aria-current", "date");
    button.addEventListener("click", () => {
      go(day);
    });
    return button;
  });
  element("week", HTMLElement).replaceChildren(...buttons);
}

function go(day: string): void {
  date.value = day;
  pages = 1;
  history.replaceState(null, "", `?date=${day}`);
  void refresh();
}

function toLogin(): void {
  location.assign(`staff/login?to=${encodeURIComponent(location.pathname + location.search)}`);
}

async function start(): Promise<void> {
  try {
    const me = await api<{ display_name: string }>("staff/api/me");
    setText(element("who", HTMLElement), me.display_name);
    ({ timezone: timeZone } = await getAvailability(today(), 2));
  } catch (failure) {
    if (failure instanceof ApiError && failure.status === 401) {
      toLogin();
      return;
    }
  }
  go(new URLSearchParams(location.search).get("date") ?? today(timeZone));
  setInterval(() => {
    if (!document.hidden) void refresh();
  }, REFRESH_MS);
}

element("previous", HTMLButtonElement).addEventListener("click", () => {
  go(addDays(date.value, -DAYS));
});
element("next", HTMLButtonElement).addEventListener("click", () => {
  go(addDays(date.value, DAYS));
});
element("today", HTMLButtonElement).addEventListener("click", () => {
  go(today(timeZone));
});
date.addEventListener("change", () => {
  if (date.value) go(date.value);
});
more.addEventListener("click", () => {
  pages += 1;
  void refresh();
});
element("logout", HTMLButtonElement).addEventListener("click", () => {
  void api("staff/api/logout", { method: "POST" }).finally(toLogin);
});
void start();
