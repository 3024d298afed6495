/** Asks before cancelling; a large order takes a second question, with what would be lost. */

import { ApiError } from "../common/api";
import { element, setText } from "../common/dom";
import { cancel, type Reservation } from "../hanok/api";
import { money } from "../hanok/format";

const RETENTION_STEP = "premium_cancel_requires_retention_step";

export class CancelDialog {
  private readonly dialog = element("cancel-dialog", HTMLDialogElement);
  private readonly text = element("cancel-text", HTMLElement);
  private readonly error = element("cancel-error", HTMLElement);
  private readonly yes = element("cancel-yes", HTMLButtonElement);
  private reservation: Reservation | null = null;
  private acknowledged = false;

  constructor(private readonly onCancelled: (reservation: Reservation) => void) {
    this.yes.addEventListener("click", () => void this.cancel());
    element("cancel-keep", HTMLButtonElement).addEventListener("click", () => {
      this.dialog.close();
    });
  }

  ask(reservation: Reservation): void {
    this.reservation = reservation;
    this.acknowledged = false;
    setText(this.text, "Your table goes to somebody else.");
    setText(this.error, "");
    setText(this.yes, "Cancel it");
    this.dialog.showModal();
  }

  private async cancel(): Promise<void> {
    if (!this.reservation) return;
    const { confirmation_code: code, guest_phone: phone } = this.reservation;
    this.yes.disabled = true;
    try {
      this.onCancelled(await cancel(code, phone, this.acknowledged));
      this.dialog.close();
    } catch (failure) {
      if (failure instanceof ApiError && failure.code === RETENTION_STEP) this.askAgain(this.reservation);
      else setText(this.error, failure instanceof ApiError ? failure.message : String(failure));
    } finally {
      this.yes.disabled = false;
    }
  }

  private askAgain({ food_total_cents: total }: Reservation): void {
    this.acknowledged = true;
    setText(this.text, `You ordered food for ${money(total)} ahead. You can move to another day and keep it all.`);
    setText(this.yes, "Cancel it all the same");
  }
}
