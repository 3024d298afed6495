/** The public booking page: choose a time, order ahead, leave a name and a number, and get a code. */

import { ApiError } from "../common/api";
import { element, make, setText } from "../common/dom";
import { book, getMenu, type Reservation } from "../hanok/api";
import { dayOf, money, partyOf, timeOf, today } from "../hanok/format";
import { privateFacts, showFacts, statusFacts } from "../hanok/facts";
import { SlotPicker } from "../hanok/slot-picker";
import { MenuList } from "./menu-list";

const LARGEST_PARTY = 20;

const form = element("booking", HTMLFormElement);
const party = element("party", HTMLSelectElement);
const date = element("date", HTMLInputElement);
const name = element("name", HTMLInputElement);
const phone = element("phone", HTMLInputElement);
const requests = element("requests", HTMLTextAreaElement);
const error = element("error", HTMLElement);
const submit = element("submit", HTMLButtonElement);

const slots = new SlotPicker(element("slots", HTMLElement), element("slots-hint", HTMLElement), summarise);
const menu = new MenuList(element("menu", HTMLElement), summarise);

function summarise(): void {
  const slot = slots.chosen;
  const when = slot ? `${dayOf(slot.starts_at)}, ${timeOf(slot.starts_at)}` : "Choose a time";
  const { dishes, cents } = menu.total();
  const order = dishes ? ` · ${String(dishes)} ${dishes === 1 ? "dish" : "dishes"}, ${money(cents)}` : "";
  setText(element("summary", HTMLElement), `${partyOf(Number(party.value))} · ${when}${order}`);
  setText(submit, slot && !slot.available ? "Join the waitlist" : "Reserve");
}

/** Puts the first thing that is missing into words and the cursor there; null when all is there. */
function missing(): string | null {
  if (!slots.chosen) {
    slots.focus();
    return "Please choose a time.";
  }
  if (!name.value.trim()) {
    name.focus();
    return "Please tell us your name.";
  }
  if (!phone.value.trim()) {
    phone.focus();
    return "Please leave a phone number, in case something changes.";
  }
  return null;
}

async function reserve(): Promise<void> {
  const fault = missing();
  setText(error, fault ?? "");
  const slot = slots.chosen;
  if (fault !== null || slot === null) return;
  submit.disabled = true;
  try {
    const reservation = await book({
      guest_name: name.value.trim(),
      guest_phone: phone.value.trim(),
      party_size: Number(party.value),
      starts_at: slot.starts_at,
      special_requests: requests.value.trim() || null,
      preorder: menu.lines(),
    });
    showBooked(reservation);
  } catch (failure) {
    setText(error, failure instanceof ApiError ? failure.message : String(failure));
    await slots.load(date.value, Number(party.value)); // somebody else may have been quicker
  } finally {
    submit.disabled = false;
  }
}

function showBooked(reservation: Reservation): void {
  const { confirmation_code: code } = reservation;
  const isWaiting = reservation.seating_status === "waitlist";
  setText(element("booked-title", HTMLElement), isWaiting ? "You are on the waitlist" : "Your table is reserved");
  setText(element("code", HTMLElement), code);
  setText(element("booked-text", HTMLElement), reservation.assistant_seating_opening_hint);
  showFacts(element("booked-facts", HTMLElement), [...statusFacts(reservation), ...privateFacts(reservation)]);
  element("open", HTMLAnchorElement).href = `reservation?code=${encodeURIComponent(code)}`;
  form.hidden = true;
  element("intro", HTMLElement).hidden = true;
  const booked = element("booked", HTMLElement);
  booked.hidden = false;
  booked.focus();
}

async function loadMenu(): Promise<void> {
  try {
    const dishes = await getMenu();
    menu.show(dishes);
    setText(element("discount", HTMLElement), `${String(dishes.preorder_discount_percent)} %`);
  } catch (failure) {
    setText(error, failure instanceof ApiError ? failure.message : String(failure));
  }
}

for (let size = 1; size <= LARGEST_PARTY; size++) {
  party.append(make("option", { value: String(size), selected: size === 2 }, partyOf(size)));
}
date.min = date.value = today();
const reload = () => void (date.value && slots.load(date.value, Number(party.value)));
party.addEventListener("change", reload);
date.addEventListener("change", reload);
form.addEventListener("input", () => {
  setText(error, "");
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  void reserve();
});
reload();
void loadMenu();
