/** The status page: a code shows a reservation; with the phone number, its guest can change or cancel it. */

import { element, setText } from "../common/dom";
import { cancel, getStatus, open, sentenceOf, type Reservation, type ReservationStatus } from "../hanok/api";
import { CancelDialog } from "../hanok/cancel-dialog";
import { privateFacts, showFacts, statusFacts, statusName } from "../hanok/facts";
import { money } from "../hanok/format";
import { PhoneField } from "../hanok/phone-field";
import { ChangeDialog } from "./change-dialog";

const form = element("lookup", HTMLFormElement);
const code = element("code", HTMLInputElement);
const phone = new PhoneField(element("phone", HTMLInputElement), element("phone-error", HTMLElement), true);
const error = element("error", HTMLElement);
const found = element("found", HTMLElement);

let reservation: Reservation | null = null;
let lookUps = 0;

const cancelDialog = new CancelDialog({
  consequence: ({ seating_status: seating }) =>
    seating === "waitlist" ? "You give up your place on the waitlist." : "Your table goes to somebody else.",
  retention: ({ food_total_cents: total }) =>
    `You ordered food for ${money(total)} ahead. You can move to another day and keep it all.`,
  insistence: "Cancel it all the same",
  cancel: ({ confirmation_code: code, guest_phone: phone }, acknowledged) => cancel(code, phone, acknowledged),
  onCancelled: (cancelled) => {
    showOwn(cancelled);
    found.focus();
  },
});
const changeDialog = new ChangeDialog(showOwn);

/** Normalizes a typed code: `hnk 7k2m` is `HNK-7K2M`. */
function typedCode(): string {
  const letters = code.value.toUpperCase().replace(/[^A-Z0-9]/g, "");
  return `HNK-${letters.startsWith("HNK") ? letters.slice(3) : letters}`;
}

/** Loads and shows a reservation, unless the guest has asked again meanwhile. */
async function lookUp(): Promise<void> {
  const asked = ++lookUps;
  setText(error, "");
  found.hidden = true;
  if (typedCode().length !== "HNK-0000".length) {
    setText(error, "A code looks like HNK-7K2M.");
    code.focus();
    return;
  }
  if (!phone.insist()) return;
  const isLatest = () => asked === lookUps;
  try {
    if (phone.isEmpty) {
      const status = await getStatus(typedCode());
      if (isLatest()) showStatus(status);
    } else {
      const own = await open(typedCode(), phone.value);
      if (isLatest()) showOwn(own);
    }
    if (isLatest()) found.focus();
  } catch (failure) {
    if (isLatest()) setText(error, sentenceOf(failure));
  }
}

function showStatus(status: ReservationStatus): void {
  reservation = null;
  show(status, statusFacts(status));
  element("actions", HTMLElement).hidden = true;
}

function showOwn(own: Reservation): void {
  reservation = own;
  show(own, [...statusFacts(own), ...privateFacts(own)]);
  element("actions", HTMLElement).hidden = own.status !== "confirmed" && own.status !== "pending";
}

function show(status: ReservationStatus, facts: [string, string][]): void {
  setText(element("found-title", HTMLElement), statusName(status));
  setText(element("found-code", HTMLElement), status.confirmation_code);
  setText(element("hint", HTMLElement), status.assistant_seating_opening_hint);
  showFacts(element("facts", HTMLElement), facts);
  found.hidden = false;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  void lookUp();
});
form.hidden = false; // shown only now: a submit before the listener exists would lose the input
element("change", HTMLButtonElement).addEventListener("click", () => {
  if (reservation) changeDialog.ask(reservation);
});
element("cancel", HTMLButtonElement).addEventListener("click", () => {
  if (reservation) cancelDialog.ask(reservation);
});

const linked = new URLSearchParams(location.search).get("code");
if (linked) {
  code.value = linked;
  void lookUp();
}
