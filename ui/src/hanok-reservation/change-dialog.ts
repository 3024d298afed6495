/** A dialog to change party, day, time or requests. Only changes are sent. */

import { element, setText } from "../common/dom";
import { change, isRefusal, sentenceOf, type Changes, type Reservation } from "../hanok/api";
import { houseToday, limitDays } from "../hanok/house-day";
import { SlotPicker } from "../hanok/slot-picker";

const KEPT = "You keep the reservation that you have.";

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
    this.requests.value = reservation.special_requests ?? "";
    setText(this.error, "");
    this.slots.clear("");
    this.dialog.showModal();
    void this.limit();
    void this.load();
  }

  private async limit(): Promise<void> {
    try {
      limitDays(this.date, await houseToday());
    } catch {
      // the slots already show that the server is down, and past days are not accepted
    }
  }

  private async load(): Promise<void> {
    if (!this.party.checkValidity()) return;
    if (this.date.value) await this.slots.load(this.date.value, Number(this.party.value), this.reservation);
    else this.slots.clear("Please choose a day.");
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

  /** Returns the change, or shows the first fault, moves the cursor there and returns null. */
  private missing(before: Reservation): string | null {
    if (!this.party.value || !this.party.checkValidity()) {
      this.party.focus();
      return "Please say how many you will be, 1 to 20.";
    }
    if (!this.date.value) {
      this.date.focus();
      return "Please choose a day.";
    }
    if (!this.slots.chosen && this.date.value !== before.starts_at.slice(0, 10)) {
      this.slots.focus();
      return "Please choose a time on the new day.";
    }
    return null;
  }

  private async send(): Promise<void> {
    const before = this.reservation;
    if (!before) return;
    this.save.disabled = true;
    await this.slots.ready; // a day that was chosen a moment ago counts
    try {
      const fault = this.missing(before);
      setText(this.error, fault ?? "");
      if (fault !== null) return;
      const changed = await change(before.confirmation_code, before.guest_phone, this.changes(before));
      this.dialog.close();
      this.onChanged(changed);
    } catch (failure) {
      const isFull = isRefusal(failure, "no_table");
      setText(this.error, isFull ? `${failure.message} ${KEPT}` : sentenceOf(failure));
      if (isFull) await this.load();
      this.save.disabled = false;
      // the error and the buttons are below a long list of times: scroll them into view
      this.save.focus();
    } finally {
      this.save.disabled = false;
    }
  }
}
