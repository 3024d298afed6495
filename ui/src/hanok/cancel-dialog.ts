/** Asks before canceling, for guests and staff. A large order needs a second confirmation that shows what is lost. */

import { element, setText } from "../common/dom";
import { isRefusal, sentenceOf, type Reservation } from "./api";

const RETENTION_STEP = "premium_cancel_requires_retention_step";

export interface Cancelling {
  /** What is lost by canceling. */
  consequence: (reservation: Reservation) => string;
  /** Shows the second question for a large order; `offer` is the server's sentence to the guest. */
  retention: (reservation: Reservation, offer: string) => string;
  /** The button that cancels after that. */
  insistence: string;
  cancel: (reservation: Reservation, acknowledged: boolean) => Promise<Reservation>;
  onCancelled: (reservation: Reservation) => void;
}

export class CancelDialog {
  private readonly dialog = element("cancel-dialog", HTMLDialogElement);
  private readonly text = element("cancel-text", HTMLElement);
  private readonly error = element("cancel-error", HTMLElement);
  private readonly yes = element("cancel-yes", HTMLButtonElement);
  private readonly keep = element("cancel-keep", HTMLButtonElement);
  private reservation: Reservation | null = null;
  private acknowledged = false;

  constructor(private readonly way: Cancelling) {
    this.yes.addEventListener("click", () => void this.cancel());
    this.keep.addEventListener("click", () => {
      this.dialog.close();
    });
  }

  ask(reservation: Reservation): void {
    this.reservation = reservation;
    this.acknowledged = false;
    setText(this.text, this.way.consequence(reservation));
    setText(this.error, "");
    setText(this.yes, "Cancel it");
    this.dialog.showModal();
  }

  private async cancel(): Promise<void> {
    const { reservation } = this;
    if (!reservation) return;
    this.yes.disabled = true;
    setText(this.error, "");
    try {
      const cancelled = await this.way.cancel(reservation, this.acknowledged);
      this.dialog.close();
      this.way.onCancelled(cancelled);
    } catch (failure) {
      if (isRefusal(failure, RETENTION_STEP)) this.askAgain(reservation, failure.message);
      else setText(this.error, sentenceOf(failure));
      // the focused button is disabled now; and a second Enter must not confirm a question that was not read
      this.keep.focus();
    } finally {
      this.yes.disabled = false;
    }
  }

  private askAgain(reservation: Reservation, offer: string): void {
    this.acknowledged = true;
    setText(this.text, this.way.retention(reservation, offer));
    setText(this.yes, this.way.insistence);
  }
}
