/** Changes party, day and time, or requests; what is not changed is not sent. */

import { ApiError } from "../common/api";
import { element, setText } from "../common/dom";
import { change, type Changes, type Reservation } from "../hanok/api";
import { today } from "../hanok/format";
import { SlotPicker } from "../hanok/slot-picker";

export class ChangeDialog {
  private readonly dialog = element("change-dialog", HTMLDialogElement);
  private readonly party = element("party", HTMLInputElement);
  private readonly date = element("date", HTMLInputElement);
  private readonly requests = element("requests", HTMLTextAreaElement);
  private readonly error = element("change-error", HTMLElement);
  private readonly save = element("change-save", HTMLButtonElement);
  private readonly slots = new SlotPicker(
    element("slots", HTMLElement),
    element("slots-hint", HTMLElement),
    () => undefined,
  );
  private reservation: Reservation | null = null;

  constructor(private readonly onChanged: (reservation: Reservation) => void) {
    const reload = () => void this.load();
    this.party.addEventListener("change", reload);
    this.date.addEventListener("change", reload);
    element("change-close", HTMLButtonElement).addEventListener("click", () => {
      this.dialog.close();
    });
    element("change-form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      void this.send();
    });
  }

  ask(reservation: Reservation): void {
    this.reservation = reservation;
    this.party.value = String(reservation.party_size);
    this.date.value = reservation.starts_at.slice(0, 10);
    this.date.min = today();
    this.requests.value = reservation.special_requests ?? "";
    setText(this.error, "");
    this.dialog.showModal();
    void this.load(reservation.starts_at.slice(11, 16));
  }

  private async load(time?: string): Promise<void> {
    if (!this.party.checkValidity() || !this.date.value) return;
    await this.slots.load(this.date.value, Number(this.party.value), time);
  }

  private changes(before: Reservation): Changes {
    const changes: Changes = {};
    const slot = this.slots.chosen;
    if (Number(this.party.value) !== before.party_size) changes.party_size = Number(this.party.value);
    if (slot && slot.starts_at.slice(0, 16) !== before.starts_at.slice(0, 16)) changes.starts_at = slot.starts_at;
    if (this.requests.value.trim() !== (before.special_requests ?? "")) {
      changes.special_requests = this.requests.value.trim();
    }
    return changes;
  }

  private async send(): Promise<void> {
    if (!this.reservation) return;
    const { confirmation_code: code, guest_phone: phone, starts_at: before } = this.reservation;
    if (!this.slots.chosen && this.date.value !== before.slice(0, 10)) {
      setText(this.error, "Please choose a time on the new day.");
      return;
    }
    this.save.disabled = true;
    try {
      this.onChanged(await change(code, phone, this.changes(this.reservation)));
      this.dialog.close();
    } catch (failure) {
      setText(this.error, failure instanceof ApiError ? failure.message : String(failure));
    } finally {
      this.save.disabled = false;
    }
  }
}
