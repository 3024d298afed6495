/** The staff's book of reservations: a week, a day, and each reservation. It refreshes itself while visible. */

import { api, ApiError } from "../common/api";
import { element, setText } from "../common/dom";
import { Store } from "../common/store";
import { sentenceOf } from "../hanok/api";
import { addDays } from "../hanok/format";
import { houseToday } from "../hanok/house-day";
import { DetailsDialog } from "./details-dialog";
import { readBook } from "./read";
import { INITIAL, reduce } from "./state";
import { mountBook, mountDay, mountWeek } from "./views";

const REFRESH_MS = 20_000;
const DAYS = 7;

const store = new Store(reduce, INITIAL);
const dialog = new DetailsDialog(() => void refresh());
const day = mountDay();
let asked = 0;

store.subscribe(day.draw);
store.subscribe(mountWeek(go));
store.subscribe(
  mountBook((reservation) => {
    dialog.show(reservation);
  }),
);

async function refresh(): Promise<void> {
  const { day, pages } = store.state;
  if (day === null) {
    // a day that was chosen before the answer arrived is kept
    await goToday(() => store.state.day === null);
    return;
  }
  const number = ++asked;
  try {
    const book = await readBook(day, pages);
    if (number === asked) store.dispatch({ type: "read", day, book });
  } catch (failure) {
    if (number === asked) fail(failure);
  }
}

function fail(failure: unknown): void {
  if (failure instanceof ApiError && failure.status === 401) toLogin();
  else store.dispatch({ type: "failed", why: sentenceOf(failure) });
}

function go(day: string): void {
  store.dispatch({ type: "day", day });
  void refresh();
}

async function goToday(still: () => boolean = () => true): Promise<void> {
  try {
    const today = await houseToday();
    if (still()) go(today);
  } catch (failure) {
    fail(failure);
  }
}

function goBy(days: number): void {
  if (store.state.day !== null) go(addDays(store.state.day, days));
}

function toLogin(): void {
  location.assign(`staff/login?to=${encodeURIComponent(location.pathname + location.search)}`);
}

async function start(): Promise<void> {
  const wanted = new URLSearchParams(location.search).get("date") ?? "";
  store.dispatch({ type: "day", day: wanted });
  void refresh();
  setInterval(() => {
    if (!document.hidden) void refresh();
  }, REFRESH_MS);
  try {
    const me = await api<{ display_name: string }>("staff/api/me");
    setText(element("who", HTMLElement), me.display_name);
  } catch (failure) {
    fail(failure);
  }
}

element("previous", HTMLButtonElement).addEventListener("click", () => {
  goBy(-DAYS);
});
element("next", HTMLButtonElement).addEventListener("click", () => {
  goBy(DAYS);
});
element("today", HTMLButtonElement).addEventListener("click", () => void goToday());
element("date", HTMLInputElement).addEventListener("change", ({ currentTarget }) => {
  if (currentTarget instanceof HTMLInputElement) go(currentTarget.value);
});
element("date", HTMLInputElement).addEventListener("blur", () => {
  day.restore(store.state);
});
element("more", HTMLButtonElement).addEventListener("click", () => {
  store.dispatch({ type: "more" });
  void refresh();
});
element("logout", HTMLButtonElement).addEventListener("click", () => {
  void api("staff/api/logout", { method: "POST" }).finally(toLogin);
});
void start();
