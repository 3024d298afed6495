/** Details that the staff may correct before the guests arrive. Only changes are sent. */

import { element, setText } from "../common/dom";
import type { Reservation, StaffChanges } from "../hanok/api";
import { dialable } from "../hanok/phone";
import { PhoneField } from "../hanok/phone-field";

export class EditForm {
  private readonly form = element("edit", HTMLFormElement);
  private readonly name = element("name", HTMLInputElement);
  private readonly phone = new PhoneField(element("phone", HTMLInputElement), element("phone-error", HTMLElement));
  private readonly party = element("party", HTMLInputElement);
  private readonly starts = element("starts", HTMLInputElement);
  private readonly error = element("details-error", HTMLElement);

  constructor(onSave: () => void) {
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      onSave();
    });
  }

  show(reservation: Reservation): void {
    this.form.hidden = reservation.status !== "confirmed" && reservation.status !== "pending";
    this.name.value = reservation.guest_name;
    this.phone.set(reservation.guest_phone);
    this.party.value = String(reservation.party_size);
    this.starts.value = reservation.starts_at.slice(0, 16);
  }

  /** Whether the form is valid; if not, shows the first fault and moves the cursor there. */
  isGood(before: Reservation): boolean {
    const faults: [HTMLInputElement, boolean, string][] = [
      [this.name, this.name.value.trim() === "", "Please enter a name."],
      [this.party, !this.party.validity.valid, "Please enter 1 to 20 guests."],
      [this.starts, this.starts.value === "", "Please enter a day and a time."],
    ];
    const found = faults.find(([, isFaulty]) => isFaulty);
    setText(this.error, found?.[2] ?? "");
    found?.[0].focus();
    // an unchanged number may have any format
    return !found && (!this.hasNewPhone(before) || this.phone.insist());
  }

  changes(before: Reservation): StaffChanges {
    const changes: StaffChanges = {};
    if (this.name.value.trim() !== before.guest_name) changes.guest_name = this.name.value.trim();
    if (this.hasNewPhone(before)) changes.guest_phone = this.phone.value;
    if (Number(this.party.value) !== before.party_size) changes.party_size = Number(this.party.value);
    if (this.starts.value !== before.starts_at.slice(0, 16)) changes.starts_at = this.starts.value;
    return changes;
  }

  private hasNewPhone(before: Reservation): boolean {
    return this.phone.value !== dialable(before.guest_phone);
  }
}
