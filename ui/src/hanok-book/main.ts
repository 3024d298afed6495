/** The public booking page: choose a time, order ahead, leave a name and a number, and get a code. */

import { element, make, setText } from "../common/dom";
import { book, getMenu, sentenceOf, type Reservation, type Slot } from "../hanok/api";
import { dayOf, money, partyOf, timeOf } from "../hanok/format";
import { privateFacts, showFacts, statusFacts } from "../hanok/facts";
import { houseToday, limitDays } from "../hanok/house-day";
import { PhoneField } from "../hanok/phone-field";
import { SlotPicker } from "../hanok/slot-picker";
import { MenuList } from "./menu-list";

const LARGEST_PARTY = 20;

const form = element("booking", HTMLFormElement);
const party = element("party", HTMLSelectElement);
const date = element("date", HTMLInputElement);
const name = element("name", HTMLInputElement);
const phone = new PhoneField(element("phone", HTMLInputElement), element("phone-error", HTMLElement));
const requests = element("requests", HTMLTextAreaElement);
const error = element("error", HTMLElement);
const submit = element("submit", HTMLButtonElement);

const slots = new SlotPicker(element("slots", HTMLElement), element("slots-hint", HTMLElement), summarize);
const menu = new MenuList(element("menu", HTMLElement), summarize);

function summarize(): void {
  const slot = slots.chosen;
  const when = slot ? `${dayOf(slot.starts_at)}, ${timeOf(slot.starts_at)}` : "Choose a time";
  const { dishes, cents } = menu.total();
  const order = dishes ? ` · ${String(dishes)} ${dishes === 1 ? "dish" : "dishes"}, ${money(cents)}` : "";
  setText(element("summary", HTMLElement), `${partyOf(Number(party.value))} · ${when}${order}`);
  setText(submit, slot && !slot.available ? "Join the waitlist" : "Reserve");
}

/** Whether the form is complete; if not, shows the first fault and moves the cursor there. */
function isComplete(): boolean {
  setText(error, "");
  if (!slots.chosen) {
    setText(error, "Please choose a time.");
    slots.focus();
    return false;
  }
  if (!name.value.trim()) {
    setText(error, "Please tell us your name.");
    name.focus();
    return false;
  }
  return phone.insist();
}

async function reserve(): Promise<void> {
  submit.disabled = true;
  await slots.ready; // a day that was chosen a moment ago counts
  try {
    const slot = slots.chosen;
    if (isComplete() && slot) await send(slot);
  } finally {
    submit.disabled = false;
  }
}

async function send(slot: Slot): Promise<void> {
  try {
    const reservation = await book({
      guest_name: name.value.trim(),
      guest_phone: phone.value,
      party_size: Number(party.value),
      starts_at: slot.starts_at,
      special_requests: requests.value.trim() || null,
      preorder: menu.lines(),
    });
    showBooked(reservation);
  } catch (failure) {
    setText(error, sentenceOf(failure));
    await loadSlots(); // somebody else may have taken the table
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

async function loadSlots(): Promise<void> {
  if (date.value) await slots.load(date.value, Number(party.value));
  else slots.clear("Please choose a day.");
}

/** Starts with today's date at the restaurant, not in the guest's time zone. */
async function loadDays(): Promise<void> {
  try {
    const first = await houseToday();
    limitDays(date, first);
    date.value ||= first;
    await loadSlots();
  } catch (failure) {
    slots.clear(sentenceOf(failure));
  }
}

async function loadMenu(): Promise<void> {
  try {
    const dishes = await getMenu();
    menu.show(dishes);
    setText(element("discount", HTMLElement), `${String(dishes.preorder_discount_percent)} %`);
  } catch (failure) {
    setText(error, sentenceOf(failure));
  }
}

for (let size = 1; size <= LARGEST_PARTY; size++) {
  party.append(make("option", { value: String(size), selected: size === 2 }, partyOf(size)));
}
const reload = () => void loadSlots();
party.addEventListener("change", reload);
date.addEventListener("change", reload);
form.addEventListener("input", () => {
  setText(error, "");
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  void reserve();
});
form.hidden = false; // shown only now: a submit before the listener exists would lose the input
void loadDays();
void loadMenu();
