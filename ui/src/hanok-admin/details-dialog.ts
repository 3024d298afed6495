/** A dialog with everything about a reservation, and the actions that the staff may take now. */

import { element, make, setText } from "../common/dom";
import { amend, cancelByStaff, sentenceOf, setPriority, setStatus, type Reservation, type Status } from "../hanok/api";
import { CancelDialog } from "../hanok/cancel-dialog";
import { privateFacts, showFacts, statusFacts } from "../hanok/facts";
import { dayOf, partyOf, timeOf } from "../hanok/format";
import { focusEntry } from "./book";
import { EditForm } from "./edit-form";

/** Possible next states. The server decides; this only avoids clicks that would be refused. */
const NEXT: Record<Status, [Exclude<Status, "cancelled">, string] | null> = {
  pending: ["confirmed", "Confirm"],
  confirmed: ["seated", "Guests are here"],
  seated: ["completed", "Guests have left"],
  completed: null,
  cancelled: null,
};

export class DetailsDialog {
  private readonly dialog = element("details", HTMLDialogElement);
  private readonly title = element("details-title", HTMLElement);
  private readonly steps = element("steps", HTMLElement);
  private readonly note = element("details-note", HTMLElement);
  private readonly error = element("details-error", HTMLElement);
  private readonly edit = new EditForm(() => {
    this.saveChanges();
  });
  private readonly cancelDialog = new CancelDialog({
    consequence: (one) => {
      const who = `${one.guest_name} (${partyOf(one.party_size)}, ${dayOf(one.starts_at)}, ${timeOf(one.starts_at)})`;
      return one.seating_status === "waitlist"
        ? `${who} will not wait for a table any more.`
        : `The table of ${who} goes to somebody else.`;
    },
    retention: (_, offer) => `Please tell the guest first: “${offer}”`,
    insistence: "The guest still wants to cancel",
    cancel: ({ id }, acknowledged) => cancelByStaff(id, acknowledged),
    onCancelled: (cancelled) => {
      this.showChanged(cancelled);
    },
  });
  private reservation: Reservation | null = null;

  constructor(private readonly onChanged: () => void) {
    element("close", HTMLButtonElement).addEventListener("click", () => {
      this.dialog.close();
    });
    this.dialog.addEventListener("close", () => {
      // the book was redrawn meanwhile, so the browser can't return the focus to the button that opened this
      if (this.reservation) focusEntry(this.reservation);
    });
  }

  show(reservation: Reservation): void {
    this.reservation = reservation;
    setText(this.title, `${reservation.guest_name}, ${reservation.confirmation_code}`);
    showFacts(element("details-facts", HTMLElement), [
      ...statusFacts(reservation),
      ...privateFacts(reservation),
      ["Tables", reservation.tables_allocated?.map((size) => `for ${size}`).join(" + ") ?? "none"],
      ["Made", reservation.source_channel],
    ]);
    this.edit.show(reservation);
    setText(this.note, "");
    setText(this.error, "");
    this.showSteps(reservation);
    if (!this.dialog.open) this.dialog.showModal();
  }

  private showSteps(reservation: Reservation): void {
    const { id, status, guest_priority: priority } = reservation;
    const buttons: HTMLElement[] = [];
    const next = NEXT[status];
    if (next) buttons.push(this.button(next[1], () => this.run(() => setStatus(id, next[0]))));
    if (status === "pending" || status === "confirmed") {
      const cancel = this.button("Cancel reservation", () => {
        this.cancelDialog.ask(reservation);
      });
      cancel.classList.add("danger");
      buttons.push(cancel);
    }
    const other = priority === "vip" ? "normal" : "vip";
    const label = other === "vip" ? "Make VIP" : "No longer VIP";
    buttons.push(this.button(label, () => this.run(() => setPriority(id, other))));
    this.steps.replaceChildren(...buttons);
  }

  private button(label: string, onClick: () => unknown): HTMLElement {
    const made = make("button", { type: "button", class: "quiet" }, label);
    made.addEventListener("click", () => void onClick());
    return made;
  }

  private saveChanges(): void {
    const before = this.reservation;
    if (!before) return;
    if (this.edit.isGood(before)) void this.run(() => amend(before.id, this.edit.changes(before)));
  }

  private async run(work: () => Promise<Reservation>): Promise<void> {
    setText(this.note, "");
    setText(this.error, "");
    try {
      this.showChanged(await work());
    } catch (failure) {
      setText(this.error, sentenceOf(failure));
    }
  }

  private showChanged(changed: Reservation): void {
    this.onChanged();
    // the dialog may have been closed meanwhile, or show another reservation
    if (!this.dialog.open || this.reservation?.id !== changed.id) return;
    const losesFocus = this.steps.contains(document.activeElement);
    this.show(changed);
    if (losesFocus) this.title.focus();
    setText(this.note, "Saved.");
  }
}
