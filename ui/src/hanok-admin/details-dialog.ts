/** One reservation: everything about it, and what the staff may do with it now. */

import { ApiError } from "../common/api";
import { element, make, setText } from "../common/dom";
import { amend, setPriority, setStatus, type Changes, type Reservation, type Status } from "../hanok/api";
import { privateFacts, showFacts, statusFacts } from "../hanok/facts";

/** What may come next; the server decides, this only spares a click that would be refused. */
const NEXT: Record<Status, [Status, string][]> = {
  pending: [
    ["confirmed", "Confirm"],
    ["cancelled", "Cancel reservation"],
  ],
  confirmed: [
    ["seated", "Guests are here"],
    ["cancelled", "Cancel reservation"],
  ],
  seated: [["completed", "Guests have left"]],
  completed: [],
  cancelled: [],
};

export class DetailsDialog {
  private readonly dialog = element("details", HTMLDialogElement);
  private readonly edit = element("edit", HTMLFormElement);
  private readonly party = element("party", HTMLInputElement);
  private readonly starts = element("starts", HTMLInputElement);
  private readonly error = element("details-error", HTMLElement);
  private reservation: Reservation | null = null;

  constructor(private readonly onChanged: () => void) {
    element("close", HTMLButtonElement).addEventListener("click", () => {
      this.dialog.close();
    });
    this.edit.addEventListener("submit", (event) => {
      event.preventDefault();
      this.saveChanges();
    });
  }

  show(reservation: Reservation): void {
    this.reservation = reservation;
    setText(element("details-title", HTMLElement), `${reservation.guest_name}, ${reservation.confirmation_code}`);
    showFacts(element("details-facts", HTMLElement), [
      ...statusFacts(reservation),
      ...privateFacts(reservation),
      ["Tables", reservation.tables_allocated?.map((size) => `for ${String(size)}`).join(" + ") ?? "none"],
      ["Made", reservation.source_channel],
    ]);
    this.party.value = String(reservation.party_size);
    this.starts.value = reservation.starts_at.slice(0, 16);
    this.edit.hidden = reservation.status !== "confirmed" && reservation.status !== "pending";
    setText(this.error, "");
    this.showSteps(reservation);
    if (!this.dialog.open) this.dialog.showModal();
  }

  private showSteps({ id, status, guest_priority: priority }: Reservation): void {
    const steps = NEXT[status].map(([next, label]) =>
      this.button(label, next === "cancelled", () => setStatus(id, next)),
    );
    const other = priority === "vip" ? "normal" : "vip";
    steps.push(this.button(other === "vip" ? "Make VIP" : "No longer VIP", false, () => setPriority(id, other)));
    element("steps", HTMLElement).replaceChildren(...steps);
  }

  private button(label: string, isDanger: boolean, work: () => Promise<Reservation>): HTMLElement {
    const made = make("button", { type: "button", class: isDanger ? "quiet danger" : "quiet" }, label);
    made.addEventListener("click", () => void this.run(work));
    return made;
  }

  private saveChanges(): void {
    const before = this.reservation;
    if (!before) return;
    const changes: Changes = {};
    if (Number(this.party.value) !== before.party_size) changes.party_size = Number(this.party.value);
    if (this.starts.value !== before.starts_at.slice(0, 16)) changes.starts_at = this.starts.value;
    void this.run(() => amend(before.id, changes));
  }

  private async run(work: () => Promise<Reservation>): Promise<void> {
    setText(this.error, "");
    try {
      this.show(await work());
      this.onChanged();
    } catch (failure) {
      setText(this.error, failure instanceof ApiError ? failure.message : String(failure));
    }
  }
}
